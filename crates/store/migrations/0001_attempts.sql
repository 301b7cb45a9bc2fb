-- What many attempts have in common, once. Keeps the rows of attempts short: they are written at the rate of requests.
CREATE TABLE kinds (
    kind_id            INTEGER PRIMARY KEY,
    client_protocol    TEXT    NOT NULL,
    upstream_protocol  TEXT    NOT NULL,
    lane               TEXT    NOT NULL,
    streamed           INTEGER NOT NULL,
    requested_model    TEXT    NOT NULL,
    provider           TEXT    NOT NULL,
    account            TEXT    NOT NULL,
    model              TEXT    NOT NULL,
    upstream_model     TEXT    NOT NULL,
    outcome            TEXT    NOT NULL,
    status             INTEGER,
    error_code         TEXT,
    cost               TEXT    NOT NULL,
    usage_known        INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX kinds_once ON kinds (
    requested_model, provider, account, model, upstream_model,
    client_protocol, upstream_protocol, lane, streamed,
    outcome, coalesce(status, 0), coalesce(error_code, ''), cost, usage_known
);

-- One row per attempt, in order of time. The key is the attempt's own: storing it twice is storing it once.
CREATE TABLE attempt_rows (
    at_ms              INTEGER NOT NULL,
    request_id         TEXT    NOT NULL,
    attempt            INTEGER NOT NULL,
    kind_id            INTEGER NOT NULL,
    first_event_ms     INTEGER,
    total_ms           INTEGER NOT NULL,
    input_tokens       INTEGER NOT NULL,
    cache_read_tokens  INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    output_tokens      INTEGER NOT NULL,
    reasoning_tokens   INTEGER NOT NULL,
    PRIMARY KEY (at_ms, request_id, attempt)
) STRICT, WITHOUT ROWID;

-- What people and reports read.
CREATE VIEW attempts AS
SELECT
    request_id, attempt, at_ms,
    client_protocol, upstream_protocol, lane, streamed, requested_model,
    provider, account, model, upstream_model,
    outcome, status, error_code, cost, first_event_ms, total_ms,
    usage_known, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens
FROM attempt_rows JOIN kinds USING (kind_id);
