use super::*;
use rm_catalog::builtin;

const STRICT: UrlPolicy = UrlPolicy { allow_insecure: false, no_version_segment: false };

fn chat_url(base: &str, policy: UrlPolicy) -> String {
    BaseUrl::parse(base, policy).unwrap().join("chat/completions").unwrap().to_string()
}

#[test]
fn every_catalogue_entry_gives_one_url_with_and_without_version_and_slash() {
    for entry in builtin() {
        let policy = UrlPolicy { no_version_segment: entry.quirks.no_version_segment, ..STRICT };
        let base = entry.base_url.trim_end_matches('/');
        let expected = format!("{base}/chat/completions");
        let mut spellings = vec![base.to_owned(), format!("{base}/"), format!("{base}//")];
        if let Some(bare) = base.strip_suffix("/v1") {
            spellings.extend([bare.to_owned(), format!("{bare}/")]);
        }
        for spelling in spellings {
            assert_eq!(chat_url(&spelling, policy), expected, "{} as {spelling}", entry.id);
        }
    }
}

#[test]
fn the_version_is_added_once_and_never_doubled() {
    let table = [
        ("https://api.example.com", "https://api.example.com/v1"),
        ("https://api.example.com/", "https://api.example.com/v1"),
        ("https://api.example.com/v1", "https://api.example.com/v1"),
        ("https://api.example.com/v1/", "https://api.example.com/v1"),
        ("HTTPS://API.Example.com//v1//", "https://api.example.com/v1"),
        ("https://api.example.com/openai", "https://api.example.com/openai/v1"),
        ("https://api.example.com/v1beta/openai/", "https://api.example.com/v1beta/openai"),
        ("https://api.example.com/api/v3", "https://api.example.com/api/v3"),
        ("https://api.example.com/api/paas/v4/", "https://api.example.com/api/paas/v4"),
        ("https://api.example.com/compatible-mode/v1", "https://api.example.com/compatible-mode/v1"),
        ("https://api.example.com/video", "https://api.example.com/video/v1"),
        ("http://localhost:11434", "http://localhost:11434/v1"),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("http://[::1]:8000", "http://[::1]:8000/v1"),
        ("https://a.b.c.localhost:1", "https://a.b.c.localhost:1/v1"),
    ];
    for (written, expected) in table {
        assert_eq!(BaseUrl::parse(written, STRICT).unwrap().as_str(), expected, "{written}");
    }
}

#[test]
fn a_vendor_without_version_segment_is_left_alone() {
    let policy = UrlPolicy { no_version_segment: true, ..STRICT };
    assert_eq!(
        chat_url("https://models.example.com/inference", policy),
        "https://models.example.com/inference/chat/completions"
    );
    assert_eq!(chat_url("https://api.example.com/", policy), "https://api.example.com/chat/completions");
}

#[test]
fn urls_that_could_send_a_key_astray_are_refused() {
    let table = [
        ("", BadBaseUrl::Malformed),
        ("api.example.com/v1", BadBaseUrl::Malformed),
        ("ftp://api.example.com", BadBaseUrl::Scheme),
        ("file:///etc/passwd", BadBaseUrl::Scheme),
        ("https://", BadBaseUrl::Host),
        ("https://user:pw@api.example.com/v1", BadBaseUrl::UserInfo),
        ("https://api.openai.com@evil.example/v1", BadBaseUrl::UserInfo),
        ("https://api.example.com/v1?key=1", BadBaseUrl::QueryOrFragment),
        ("https://api.example.com/v1#x", BadBaseUrl::QueryOrFragment),
        ("https://api.example.com/a/../v1", BadBaseUrl::DotSegment),
        ("https://api.example.com/v1/chat/completions", BadBaseUrl::Operation("/chat/completions")),
        ("https://api.example.com/v1/messages/", BadBaseUrl::Operation("/messages")),
        ("https://exa mple.com/v1", BadBaseUrl::Host),
        ("https://api.example.com:0/v1", BadBaseUrl::Malformed),
        ("https://api.example.com:99999/v1", BadBaseUrl::Malformed),
        ("https://api.example.com:/v1", BadBaseUrl::Malformed),
        ("https://[::1]x/v1", BadBaseUrl::Malformed),
        ("http://api.example.com/v1", BadBaseUrl::PlainHttp),
        ("http://host.docker.internal:11434", BadBaseUrl::PlainHttp),
        ("https://10.0.0.5/v1", BadBaseUrl::PrivateHost),
        ("http://192.168.1.4:8000", BadBaseUrl::PrivateHost),
        ("https://[fd00::1]/v1", BadBaseUrl::PrivateHost),
        ("https://2852039166/v1", BadBaseUrl::Host),
        ("https://0xa9fea9fe/v1", BadBaseUrl::Host),
        ("https://169.254.43518/v1", BadBaseUrl::Host),
    ];
    for (written, expected) in table {
        assert_eq!(BaseUrl::parse(written, STRICT).unwrap_err(), expected, "{written}");
    }
}

#[test]
fn insecure_targets_need_the_option_and_link_local_is_never_allowed() {
    let open = UrlPolicy { allow_insecure: true, ..STRICT };
    for allowed in
        ["http://api.example.com/v1", "http://192.168.1.4:8000", "https://10.0.0.5/v1", "http://ollama:11434"]
    {
        assert!(BaseUrl::parse(allowed, open).is_ok(), "{allowed}");
    }
    for never in [
        "http://169.254.169.254/v1",
        "https://169.254.169.254/latest",
        "http://[fe80::1]/v1",
        "http://[::ffff:169.254.169.254]/v1",
        "http://0.0.0.0:8000",
        "http://metadata.google.internal/v1",
    ] {
        assert_eq!(BaseUrl::parse(never, open).unwrap_err(), BadBaseUrl::ForbiddenHost, "{never}");
    }
}

#[test]
fn host_and_authority_are_available_for_pooling_and_redaction() {
    let base = BaseUrl::parse("http://[::1]:8000/v1", STRICT).unwrap();
    assert_eq!((base.host(), base.authority(), base.is_loopback()), ("::1", "[::1]:8000", true));
    let base = BaseUrl::parse("https://API.example.com", STRICT).unwrap();
    assert_eq!((base.host(), base.authority(), base.is_loopback()), ("api.example.com", "api.example.com", false));
}
