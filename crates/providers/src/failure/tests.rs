use super::*;
use http::{HeaderName, HeaderValue};

fn fail(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> UpstreamFailure {
    let headers: HeaderMap =
        headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect();
    let status = StatusCode::from_u16(status).unwrap();
    read(Protocol::Chat, status, &headers, body.as_bytes(), SystemTime::UNIX_EPOCH)
}

#[test]
fn the_status_decides_what_may_be_tried_next() {
    let table = [
        // status, next candidate, same again, credential
        (301, true, false, false),
        (400, false, false, false),
        (401, false, false, true),
        (402, true, false, false),
        (403, false, false, true),
        (404, false, false, false),
        (408, true, true, false),
        (409, false, false, false),
        (413, false, false, false),
        (422, false, false, false),
        (429, true, true, false),
        (500, true, true, false),
        (501, false, false, false),
        (502, true, true, false),
        (503, true, true, false),
        (504, true, true, false),
        (522, true, true, false),
        (529, true, true, false),
    ];
    for (status, next, again, credential) in table {
        let failure = fail(status, &[], "");
        assert_eq!((failure.retryable, failure.repeatable, failure.credential), (next, again, credential), "{status}");
    }
}

#[test]
fn a_used_up_quota_goes_to_the_next_candidate_and_is_never_repeated() {
    let body = r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#;
    let failure = fail(429, &[], body);
    assert_eq!((failure.kind, failure.retryable, failure.repeatable), (ErrorKind::Quota, true, false));
    assert_eq!(failure.message, "You exceeded your current quota");
}

#[test]
fn x_should_retry_wins_except_over_faults_of_the_request() {
    let yes = [("x-should-retry", "true")];
    let no = [("x-should-retry", "false")];
    assert!(!fail(503, &no, "").repeatable);
    assert!(fail(503, &no, "").retryable);
    assert!(fail(409, &yes, "").repeatable);
    assert!(!fail(400, &yes, "").retryable);
    assert!(!fail(422, &yes, "").retryable);
}

#[test]
fn the_wording_is_the_upstreams_own_in_whatever_shape_it_comes() {
    let table = [
        (
            r#"{"error":{"message":"The model `x` does not exist","type":"invalid_request_error","code":"model_not_found"}}"#,
            "The model `x` does not exist",
        ),
        (r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#, "Overloaded"),
        (r#"{"detail":"Not enough balance"}"#, "Not enough balance"),
        (r#"{"message":"no"}"#, "no"),
        (r#"{"error":"model is loading"}"#, "model is loading"),
        ("upstream connect error", "upstream connect error"),
        ("<html><body>502</body></html>", "the upstream answered 502 without a message"),
        ("{\"error\":", "the upstream answered 502 without a message"),
        ("", "the upstream answered 502 without a message"),
    ];
    for (body, message) in table {
        assert_eq!(fail(502, &[], body).message, message, "{body}");
    }
}

#[test]
fn a_refused_credential_names_the_provider_and_keeps_its_status() {
    let body = r#"{"error":{"message":"Incorrect API key provided: sk-abc123def456","type":"invalid_request_error","code":"invalid_api_key"}}"#;
    let failure = fail(401, &[], body).for_client("groq", &Redactor::new());
    assert_eq!(failure.status, StatusCode::UNAUTHORIZED);
    assert_eq!(failure.message, "provider `groq` refused its credential (401): Incorrect API key provided: [redacted]");
    assert_eq!(failure.upstream.unwrap().message, "Incorrect API key provided: [redacted]");
}

#[test]
fn an_error_inside_a_200_is_treated_like_the_status_it_names() {
    let error = |kind| UpstreamError { kind, kind_word: None, code: None, message: "m".into(), param: None };
    let overloaded = UpstreamFailure::of_error(error(ErrorKind::Overloaded));
    assert_eq!((overloaded.status.as_u16(), overloaded.retryable, overloaded.repeatable), (529, true, true));
    let bad = UpstreamFailure::of_error(error(ErrorKind::BadRequest));
    assert_eq!((bad.status.as_u16(), bad.retryable), (400, false));
    let quota = UpstreamFailure::of_error(error(ErrorKind::Quota));
    assert_eq!((quota.status.as_u16(), quota.retryable, quota.repeatable), (429, true, false));
}
