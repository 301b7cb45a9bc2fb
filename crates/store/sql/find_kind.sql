SELECT kind_id
FROM kinds
WHERE client_protocol = ? AND upstream_protocol = ? AND lane = ? AND streamed = ? AND requested_model = ?
    AND provider = ? AND account = ? AND model = ? AND upstream_model = ?
    AND outcome = ? AND status IS ? AND error_code IS ? AND cost = ? AND usage_known = ?
