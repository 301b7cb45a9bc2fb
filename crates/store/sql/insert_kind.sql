INSERT INTO kinds (
    client_protocol, upstream_protocol, lane, streamed, requested_model,
    provider, account, model, upstream_model,
    outcome, status, error_code, cost, usage_known
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING
