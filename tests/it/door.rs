//! The door: who gets in, who does not, and what each is told.

use std::io::{Read as _, Write as _};

use serde_json::{Value, json};

use rossum_annex::signature::Algorithm;

use crate::support::{Annex, Client, Datapoint, SECRET, invoice_with_lines, sign, tree};

const STRICT: &str = r#"
[[hook]]
name = "strict"
path = "/strict"
secrets = ["env:ROSSUM_SECRET", "file:old"]
max_body = "100KB"

  [[hook.step]]
  use = "checks"

    [[hook.step.check]]
    required = "document_id"
    message = "<b>{document_id}</b> {note}"
"#;

fn strict() -> Annex {
    let folder_secret = "an older secret";
    let config = STRICT.replace("file:old", "file:old.secret");
    Annex::dev_with_files(&config, &[("old.secret", folder_secret)])
}

#[test]
fn only_a_right_signature_gets_in() {
    let annex = strict();
    let body = r#"{"annotation": {"content": []}}"#;
    let mut client = annex.client();
    assert_eq!(client.deliver("/strict", body).status, 200);

    let (header, good) = sign(Algorithm::Sha256, SECRET, body.as_bytes());
    let (legacy, sha1) = sign(Algorithm::Sha1, SECRET, body.as_bytes());
    let (_, wrong) = sign(Algorithm::Sha256, "another", body.as_bytes());
    let cases: [(&[(&str, &str)], &str); 6] = [
        (&[], "no signature header"),
        (&[(&header, &wrong)], "wrong signature"),
        (&[(&header, &good[7..])], "malformed signature"),
        (&[(&header, "")], "malformed signature"),
        (&[(&legacy, &sha1)], "allow_sha1"),
        (&[(&header, &wrong), (&legacy, &sha1)], "wrong signature"),
    ];
    let mut told = Vec::new();
    for (headers, reason) in cases {
        let answer = annex.client().post("/strict", headers, body);
        assert_eq!(answer.status, 401, "{reason}");
        assert!(annex.log().contains(reason), "{reason}: {}", annex.log());
        told.push(answer.body);
    }
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "the answer tells nothing of the reason");
    // One byte more or less than what was signed.
    assert_eq!(annex.client().post("/strict", &[(&header, &good)], format!("{body} ")).status, 401);
}

#[test]
fn any_of_several_secrets_fits_and_the_log_says_which() {
    let annex = strict();
    let body = "{}";
    let (header, value) = sign(Algorithm::Sha256, "an older secret", body.as_bytes());
    for _ in 0..2 {
        assert_eq!(annex.client().post("/strict", &[(&header, &value)], body).status, 200);
    }
    assert_eq!(annex.client().deliver("/strict", body).status, 200);
    assert_eq!(annex.log().matches("verified (secret 2)").count(), 2);
}

#[test]
fn every_other_request_gets_its_status() {
    let annex = strict();
    let mut client = annex.client();
    let page = client.request("GET", "/", &[], b"");
    assert_eq!(page.status, 200);
    let text = String::from_utf8(page.body).unwrap();
    assert!(text.contains("Annex is running") && !text.contains("strict"), "{text}");

    let answer = client.request("GET", "/strict", &[], b"");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
    let answer = annex.client().deliver("/", "{}");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")));
    let answer = annex.client().deliver("/Strict", "{}");
    assert_eq!(answer.status, 404);
    assert!(!String::from_utf8_lossy(&answer.body).contains("strict"), "no list of hooks");
    assert_eq!(annex.client().deliver("/strict?x=1", "{}").status, 200, "a query is not a part of the path");
}

#[test]
fn bodies_are_bounded_by_declared_and_by_real_length_and_the_answer_arrives() {
    let annex = strict();
    let large = vec![b' '; 8_000_000];
    let answer = annex.client().deliver("/strict", &large);
    assert_eq!(answer.status, 413);
    assert!(answer.json()["messages"][0]["content"].as_str().unwrap().contains("larger than"));

    let (header, value) = sign(Algorithm::Sha256, SECRET, b"");
    let mut client = annex.client();
    client.send(
        format!(
            "POST /strict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n{header}: {value}\r\n\r\n"
        )
        .as_bytes(),
    );
    for _ in 0..20 {
        client.send(format!("2710\r\n{}\r\n", " ".repeat(10_000)).as_bytes());
    }
    assert_eq!(client.answer().unwrap().status, 413);

    let unsigned = annex.client().post("/strict", &[], &large);
    assert_eq!(unsigned.status, 401, "refused before its body counts");
}

#[test]
fn refusals_arrive_over_http2_too_whatever_the_size_of_the_body() {
    let annex = strict();
    let folder = tempfile::tempdir().unwrap();
    for (size, signed, status) in
        [(1_000, false, "401"), (90_000, false, "401"), (3_000_000, false, "401"), (3_000_000, true, "413")]
    {
        let body = vec![b' '; size];
        crate::support::write(&folder.path().join("body"), &" ".repeat(size));
        let (name, value) =
            if signed { sign(Algorithm::Sha256, SECRET, &body) } else { ("x".to_owned(), "y".to_owned()) };
        let curl = std::process::Command::new("curl")
            .args([
                "-s",
                "--http2-prior-knowledge",
                "-o",
                "/dev/null",
                "-w",
                "%{http_code}",
                "-H",
                &format!("{name}: {value}"),
            ])
            .args([
                "--data-binary",
                &format!("@{}", folder.path().join("body").display()),
                &format!("http://{}/strict", annex.address),
            ])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&curl.stdout), status, "{size} bytes");
    }
}

#[test]
fn a_chunked_body_is_verified_like_any_other() {
    let annex = strict();
    let body = r#"{"annotation": {"content": []}}"#;
    let (header, value) = sign(Algorithm::Sha256, SECRET, body.as_bytes());
    let mut client = annex.client();
    client.send(
        format!(
            "POST /strict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n{header}: {value}\r\n\r\n"
        )
        .as_bytes(),
    );
    for part in [&body[..5], &body[5..]] {
        client.send(format!("{:x}\r\n{part}\r\n", part.len()).as_bytes());
    }
    client.send(b"0\r\n\r\n");
    assert_eq!(client.answer().unwrap().status, 200);
}

#[test]
fn a_body_that_ends_early_is_no_delivery() {
    let annex = strict();
    let (header, value) = sign(Algorithm::Sha256, SECRET, b"{}");
    let mut client = annex.client();
    client.send(
        format!("POST /strict HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n{header}: {value}\r\n\r\n{{}}")
            .as_bytes(),
    );
    drop(client);
    crate::support::eventually("it is logged", std::time::Duration::from_secs(5), || {
        annex.log().contains("ended early")
    });
    assert_eq!(annex.client().deliver("/strict", "{}").status, 200);
}

#[test]
fn verified_nonsense_gets_400_with_the_place_and_a_message_for_the_person() {
    let annex = strict();
    for (body, place) in [
        ("{\"event\":\n nonsense}", "line 2, column"),
        ("", "line 1"),
        ("[1]", "not an object"),
        ("{\"a\":\"\u{0}\"}", "line 1"),
    ] {
        let answer = annex.client().deliver("/strict", body);
        assert_eq!(answer.status, 400, "{body:?}");
        let message = &answer.json()["messages"][0];
        assert_eq!(message["type"], "error");
        assert!(message["content"].as_str().unwrap().contains(place), "{message}");
    }
    let known = annex.client().deliver("/strict", r#"{"request_id": "r-9", nonsense"#).json();
    assert!(known["messages"][0]["content"].as_str().unwrap().ends_with("(request r-9)"), "{known}");
    assert!(annex.log().lines().any(|line| line.ends_with("request r-9")), "{}", annex.log());
    let nested = "{\"annotation\":{\"content\":".to_owned() + &"[{\"children\":".repeat(5_000);
    assert_eq!(annex.client().deliver("/strict", nested).status, 400);
    assert!(!annex.log().contains("nonsense"), "the log quotes no data");
}

#[test]
fn data_in_messages_is_escaped_and_short_and_ids_keep_their_form() {
    let annex = strict();
    let mut body = tree(
        "updated",
        &[
            Datapoint("document_id", json!(""), Value::Null),
            Datapoint("note", json!("<script>&".repeat(600)), Value::Null),
        ],
        &[],
    );
    body["annotation"]["content"][0]["children"][0]["id"] = json!("one");
    let answer = annex.client().deliver("/strict", body.to_string()).json();
    let message = &answer["messages"][0];
    assert_eq!(message["id"], "one");
    let content = message["content"].as_str().unwrap();
    assert!(content.starts_with("<b></b> &lt;script&gt;&amp;&lt;") && content.ends_with('…'), "{content}");
    assert!(content.chars().count() <= 4096);
}

#[test]
fn all_events_are_accepted_and_mail_and_uploads_keep_their_files() {
    let annex = strict();
    let empty = json!({"messages": [], "operations": [], "automation_blockers": []});
    let cases = [
        (
            json!({"event": "annotation_status", "action": "changed", "annotation": {"id": 1, "content": "https://x", "previous_status": "to_review"}}),
            empty.clone(),
        ),
        (json!({"event": "invocation", "action": "scheduled"}), empty.clone()),
        (json!({"event": "invocation", "action": "manual", "anything": [1]}), empty.clone()),
        (json!({"event": "something", "action": "new"}), empty.clone()),
        (json!({"event": "annotation_content", "action": "export", "annotation": null}), empty),
        (
            json!({"event": "email", "action": "received", "files": [{"id": "1", "filename": "a.pdf"}, {"id": "2"}], "headers": {}}),
            json!({"files": [{"id": "1"}, {"id": "2"}]}),
        ),
        (
            json!({"event": "upload", "action": "created", "email": null, "files": [{"document": "https://x/documents/427", "prevent_importing": false, "values": []}]}),
            json!({"files": [{"document": "https://x/documents/427", "prevent_importing": false}]}),
        ),
    ];
    for (body, expected) in cases {
        let answer = annex.client().deliver("/strict", body.to_string());
        assert_eq!((answer.status, answer.json()), (200, expected), "{body}");
    }
    let log = annex.log();
    assert!(
        log.contains(
            "invocation.scheduled annotation - verified 0 messages 0 operations (no step for this event) 200"
        ),
        "{log}"
    );
    assert!(log.contains("something.new") && log.contains("(unknown event)"), "{log}");
}

/// What an answer does not list is not imported: a message, or a step that failed, must not cost a mail its files.
#[test]
fn an_answer_with_messages_lists_the_files_of_a_mail_and_of_an_upload_too() {
    let config = "[[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n\
        [[hook.step]]\nuse = \"function\"\nfile = \"f.py\"\nevents = [\"email\", \"upload\"]\n";
    let says = "def rossum_hook_request_handler(payload):\n    return {'messages': [{'type': 'info', 'content': 'seen'}]}\n";
    let fails = "def rossum_hook_request_handler(payload):\n    return 1 / 0\n";
    let mail =
        json!({"event": "email", "action": "received", "files": [{"id": "1"}, {"id": "2"}], "headers": {}});
    let upload = json!({"event": "upload", "action": "created", "files": [{"document": "https://x/documents/4", "prevent_importing": true}]});
    for function in [says, fails] {
        let annex = Annex::dev_with_files(config, &[("f.py", function)]);
        for (body, files) in [
            (&mail, json!([{"id": "1"}, {"id": "2"}])),
            (&upload, json!([{"document": "https://x/documents/4", "prevent_importing": true}])),
        ] {
            let answer = annex.client().deliver("/x", body.to_string()).json();
            assert_eq!(answer["messages"].as_array().map(Vec::len), Some(1), "{answer}");
            assert_eq!(answer["files"], files, "{answer}");
        }
    }
}

#[test]
fn a_line_for_each_request_and_no_secret_in_any_of_them() {
    let annex = Annex::dev();
    let body = invoice_with_lines(3);
    assert_eq!(annex.client().deliver("/invoice_checks", &body).status, 200);
    let (header, wrong) = sign(Algorithm::Sha256, "wrong", &body);
    assert_eq!(annex.client().post("/invoice_checks", &[(&header, &wrong)], &body).status, 401);
    let log = annex.log();
    let line = log.lines().find(|line| line.contains("verified")).unwrap();
    let words: Vec<&str> = line.split(' ').skip(1).collect();
    assert!(
        line.contains(':')
            && words.starts_with(&[
                "invoice_checks",
                "annotation_content.updated",
                "annotation",
                "314521",
                "verified",
                "0",
                "messages",
                "0",
                "operations",
                "200"
            ]),
        "{line}"
    );
    assert!(line.contains(" ms request 0b7fcb3c-0002"), "{line}");
    for secret in [SECRET, "nobody-may-see", &wrong[7..], "Consulting"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}

#[test]
fn nothing_that_a_delivery_says_can_forge_a_line_of_the_log() {
    let annex = strict();
    let body = json!({"event": "x\n12:00:00.000 strict verified", "action": "\u{1b}[31m", "request_id": "a\rb", "annotation": {"id": "1\n2"}});
    assert_eq!(annex.client().deliver("/strict", body.to_string()).status, 200);
    let mut client = annex.client();
    client.send(b"GET /\x0b HTTP/1.1\r\nhost: x\r\n\r\n");
    let _ = client.answer();
    let log = annex.log();
    let line = log.lines().find(|line| line.contains("(unknown event)")).unwrap();
    assert!(
        line.contains(r"x\u000a12:00:00.000 strict verified.\u001b[31m annotation 1\u000a2")
            && line.ends_with(r"request a\u000db"),
        "{line}"
    );
    assert!(!log.contains('\r') && !log.contains('\u{1b}'), "{log}");
}

#[test]
fn http2_without_tls_and_pipelined_requests_are_served() {
    let annex = Annex::dev();
    let curl = std::process::Command::new("curl")
        .args([
            "-s",
            "--http2-prior-knowledge",
            "-o",
            "/dev/null",
            "-w",
            "%{http_version} %{http_code}",
            &format!("http://{}/", annex.address),
        ])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&curl.stdout), "2 200");
    let mut client = Client::plain(annex.address);
    client.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\nGET /nix HTTP/1.1\r\nhost: x\r\n\r\n");
    assert_eq!(client.answer().unwrap().status, 200);
}

#[test]
fn a_failing_step_is_a_message_and_what_it_did_is_taken_back() {
    let annex = Annex::dev_with(
        r#"
[[hook]]
path = "/fails"
secrets = ["env:ROSSUM_SECRET"]

  [[hook.step]]
  use = "replace"
  field = "document_id"
  pattern = "x"
  with = "y"

  [[hook.step]]
  use = "match"
  name = "vendor"
  field = "document_id"
  target = "missing"
  run = "always"
  records = [{ value = "1", label = "y" }]

  [[hook.step]]
  use = "checks"
    [[hook.step.check]]
    field = "document_id"
    pattern = "^z$"
    message = "saw {document_id}"
"#,
    );
    let body = tree("updated", &[Datapoint("document_id", json!("x"), Value::Null)], &[]);
    let answer = annex.client().deliver("/fails", body.to_string());
    assert_eq!(answer.status, 200);
    let json = answer.json();
    assert_eq!(json["messages"][0]["type"], "error");
    assert!(json["messages"][0]["content"].as_str().unwrap().contains("missing"), "{json}");
    assert_eq!(
        json["messages"][1],
        json!({"id": 1, "type": "error", "content": "saw y"}),
        "later steps run, and see earlier changes"
    );
    assert_eq!(json["operations"].as_array().unwrap().len(), 1);
    assert!(annex.log().contains("step failed") && annex.log().contains("step=vendor"), "{}", annex.log());
}

#[test]
fn a_host_that_names_no_host_is_refused_over_either_version() {
    let annex = Annex::dev();
    let status = |host: &str| {
        let mut client = annex.client();
        client.send(format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n").as_bytes());
        client.answer().unwrap().status
    };
    for host in
        ["hooks.example.com", "x:443", "a-b.ngrok-free.app", "127.0.0.1:5042", "[::1]:8443", "localhost"]
    {
        assert_eq!(status(host), 200, "{host}");
    }
    for host in [
        "", "a, b", "a,b", "a b", "u@a", "a/b", "a:b", "[::1", "::1", "a\"b", ".", "-", "a..b", "a:65536",
        "-a",
    ] {
        assert_eq!(status(host), 400, "{host:?}");
    }
    annex.logs("one that names no host", std::time::Duration::from_secs(5));
    for host in ["hooks.example.com", "[::1]:8443", "my_host.:443"] {
        assert_eq!(over_http2(&annex, host), Some(200), "{host}");
    }
    for host in [".", "-", "a..b", "u@a", "a:b"] {
        assert_eq!(over_http2(&annex, host), Some(400), "{host}");
    }
    for host in ["", "a,b", "a b", "a/b", "[::1", "a:65536", "a\"b"] {
        // Some are no `:authority` at all, so that the stream itself is refused.
        let said = over_http2(&annex, host);
        assert!(matches!(said, Some(400) | None), "{host:?}: {said:?}");
    }
}

/// The status of `GET /` with this `:authority`, by frames of the test's own; none where the stream is reset.
fn over_http2(annex: &Annex, authority: &str) -> Option<u16> {
    const RST_STREAM: u8 = 3;
    let mut stream = std::net::TcpStream::connect(annex.address).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
    // `:method GET`, `:scheme http`, `:path /` and the name `:authority` are in HPACK's static table.
    let mut fields = vec![0x82, 0x86, 0x84, 0x41, u8::try_from(authority.len()).unwrap()];
    fields.extend_from_slice(authority.as_bytes());
    let mut sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    sent.extend_from_slice(&[0, 0, u8::try_from(fields.len()).unwrap(), 1, 5, 0, 0, 0, 1]);
    sent.extend_from_slice(&fields);
    stream.write_all(&sent).unwrap();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).unwrap();
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        stream.read_exact(&mut payload).unwrap();
        match (head[3], &head[5..]) {
            (1, [0, 0, 0, 1]) => {
                // A status is the first field, and these two are in the table.
                let status = match payload[0] {
                    0x88 => 200,
                    0x8c => 400,
                    other => panic!("{other:x}"),
                };
                return Some(status);
            }
            (RST_STREAM, [0, 0, 0, 1]) => return None,
            (7, _) => panic!("the connection is refused: {payload:?}"),
            _ => {}
        }
    }
}
