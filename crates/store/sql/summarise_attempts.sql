SELECT
    (at_ms + ?3) / 86400000                                AS day,
    provider,
    model,
    count(*)                                               AS attempts,
    sum(outcome = 'ok')                                    AS ok,
    sum(input_tokens)                                      AS input_tokens,
    sum(cache_read_tokens)                                 AS cache_read_tokens,
    sum(cache_write_tokens)                                AS cache_write_tokens,
    sum(output_tokens)                                     AS output_tokens,
    sum(reasoning_tokens)                                  AS reasoning_tokens,
    sum(total_ms)                                          AS total_ms
FROM attempts
WHERE at_ms >= ?1 AND at_ms < ?2
GROUP BY day, provider, model
ORDER BY day DESC, provider, model
LIMIT ?4
