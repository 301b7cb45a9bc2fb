INSERT INTO attempt_rows (
    at_ms, request_id, attempt, kind_id, first_event_ms, total_ms,
    input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens
)
SELECT * FROM (:rows)
WHERE column1 IS NOT NULL
ON CONFLICT (at_ms, request_id, attempt) DO NOTHING
