//! `use = "forward"`: a service that one has already is kept, behind this server: one that behaves, ones that do not, real ones
//! of Flask and Node, and restarts under load.

use std::collections::BTreeSet;
use std::io::{BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rossum_annex::signature::Algorithm;
use serde_json::{Value, json};

use crate::support::{
    Annex, Client, Datapoint, Erp, Reply, SECRET, annex_command, denied, environment, eventually, free_port,
    invoice_with_lines, sign, tree, write,
};

/// One hook with these lines in its step, and more steps after it.
fn config(step: &str, more: &str) -> String {
    format!(
        "[[hook]]\npath = \"/vendor\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n[[hook.step]]\nuse = \"forward\"\n{step}\n{more}"
    )
}

fn to(erp: &Erp, path: &str) -> String {
    format!("to = \"http://{}{path}\"", erp.address)
}

fn delivery(event: &str, action: &str, id: &str) -> String {
    let mut body = tree("updated", &[Datapoint("number", json!("17"), Value::Null)], &[]);
    let changes = [("event", event), ("action", action), ("request_id", id)];
    for (key, value) in changes {
        body[key] = json!(value);
    }
    body.to_string()
}

const ANSWER: &str =
    "{ \"messages\": [{\"id\": 1, \"type\":\"info\",\"content\":\"from the service\"}], \"actions\":[] }";

/// Answers each connection with these bytes once a whole request came, and keeps it open or closes it.
struct Raw {
    address: std::net::SocketAddr,
    requests: Arc<AtomicUsize>,
}

impl Raw {
    fn start(answer: impl Fn(usize, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let (count, answer) = (Arc::clone(&requests), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (count, answer) = (Arc::clone(&count), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let mut out = stream.try_clone().unwrap();
                    let mut input = BufReader::new(stream);
                    let mut number = 0;
                    while read_request(&mut input).is_some() {
                        count.fetch_add(1, Ordering::SeqCst);
                        answer(number, &mut out);
                        number += 1;
                    }
                });
            }
        });
        Self { address, requests }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

fn read_request(input: &mut impl std::io::BufRead) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if input.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().unwrap());
    let mut body = vec![0; length];
    input.read_exact(&mut body).ok()?;
    Some((head, body))
}

#[test]
fn a_delivery_goes_on_as_it_came_and_the_answer_comes_back_as_it_is() {
    let service =
        Erp::start(|_, _| Reply::Answer(200, ANSWER.to_owned(), "content-type: application/json\r\n"));
    let annex = Annex::dev_with(&config(&to(&service, ""), ""));
    // Spaces and an order of keys that a parser would not keep.
    let body = delivery("annotation_content", "updated", "r-1").replacen('{', "{  ", 1);
    let (name, value) = sign(Algorithm::Sha256, SECRET, body.as_bytes());
    let headers = [
        (name.as_str(), value.as_str()),
        ("X-Elis-Signature", "sha1=00"),
        ("Content-Type", "application/json; charset=utf-8"),
        ("User-Agent", "Rossum"),
        ("Connection", "keep-alive, X-Hop"),
        ("X-Hop", "1"),
        ("X-Forwarded-For", "10.9.8.7"),
        ("Accept-Encoding", "gzip"),
    ];
    let answer = annex.client().post("/vendor?queue=8", &headers, &body);
    assert_eq!((answer.status, answer.body.as_slice()), (200, ANSWER.as_bytes()));
    let call = &service.called(1)[0];
    assert_eq!(call.line, "POST /vendor?queue=8");
    assert_eq!(call.body, body.as_bytes());
    for (name, sent) in [
        (name.as_str(), Some(value.as_str())),
        ("x-elis-signature", Some("sha1=00")),
        ("content-type", Some("application/json; charset=utf-8")),
        ("user-agent", Some("Rossum")),
        ("host", Some(service.address.to_string().as_str())),
        ("x-forwarded-for", Some("127.0.0.1")),
        ("x-forwarded-proto", Some("http")),
        ("x-forwarded-host", Some("hooks.example.test")),
        ("x-hop", None),
        ("accept-encoding", None),
        ("transfer-encoding", None),
    ] {
        assert_eq!(call.header(name), sent, "{name}");
    }
    let large = invoice_with_lines(1_000);
    assert!(large.len() > 1_000_000);
    assert_eq!(annex.client().deliver("/vendor", &large).body, ANSWER.as_bytes());
    assert!(service.called(2)[1].body == large);
    // What nobody signed never gets there.
    assert_eq!(annex.client().post("/vendor", &[], &body).status, 401);
    assert_eq!(service.calls().len(), 2);
}

#[test]
fn a_path_of_the_service_is_its_own_and_a_unix_socket_is_a_place_too() {
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("app.sock")).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&seen);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut out = stream.try_clone().unwrap();
            let mut input = BufReader::new(stream);
            while let Some((head, _)) = read_request(&mut input) {
                lines.lock().unwrap().push(head.lines().next().unwrap().to_owned());
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{ANSWER}", ANSWER.len());
                out.write_all(head.as_bytes()).unwrap();
            }
        }
    });
    let more = "[[hook]]\npath = \"/other\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n[[hook.step]]\nuse = \"forward\"\nto = \"unix:app.sock:/hook\"\n";
    write(&folder.path().join("annex.toml"), &config("to = \"unix:app.sock\"", more));
    let annex = Annex::dev_in(folder, free_port());
    for path in ["/vendor", "/other?a=1"] {
        let answer = annex.client().deliver(path, delivery("annotation_content", "updated", "r-1"));
        assert_eq!(answer.body, ANSWER.as_bytes());
    }
    assert_eq!(*seen.lock().unwrap(), ["POST /vendor HTTP/1.1", "POST /hook?a=1 HTTP/1.1"]);
}

#[test]
fn beside_other_steps_the_answer_becomes_part_of_theirs() {
    let service = Erp::start(|call, _| match call.json()["request_id"].as_str() {
        Some("bad") => Reply::ok(r#"{"messages": [{"type": "loud", "content": "x"}]}"#),
        Some("html") => Reply::ok("<html>"),
        Some("refused") => Reply::status(422, r#"{"messages": []}"#),
        Some("failed") => Reply::status(500, "<html>a trace of the program"),
        _ => Reply::ok(
            r#"{"messages": [{"id": 1, "type": "warning", "content": "of the service"}], "operations": [{"op": "replace", "id": 1, "value": {"content": {"value": "18"}}}]}"#,
        ),
    });
    let check = "[[hook.step]]\nuse = \"checks\"\n[[hook.step.check]]\nfield = \"number\"\npattern = \"^17$\"\nmessage = \"number is {number}\"\n";
    let second =
        format!("[[hook.step]]\nuse = \"forward\"\nevents = \"email.received\"\n{}\n", to(&service, "/mail"));
    let annex = Annex::dev_with(&config(&to(&service, "/"), &format!("{check}{second}")));
    let deliver = |action: &str, id: &str| {
        annex.client().deliver("/vendor", delivery("annotation_content", action, id))
    };
    let answer = deliver("updated", "good");
    let texts = |answer: &Value| -> Vec<String> {
        let all = answer["messages"].as_array().unwrap().iter();
        all.map(|message| message["content"].as_str().unwrap().to_owned()).collect()
    };
    // The check reads what the service changed.
    assert_eq!(texts(&answer.json()), ["of the service", "number is 18"]);
    assert_eq!(answer.json()["operations"][0]["value"]["content"]["value"], "18");
    for id in ["bad", "html", "refused", "failed"] {
        let answer = deliver("updated", id);
        let texts = texts(&answer.json());
        assert_eq!((answer.status, texts.len()), (200, 1), "{id}: {texts:?}");
        assert!(texts[0].contains("The service behind this extension"), "{id}: {texts:?}");
        assert!(!annex.log().contains("loud") && !annex.log().contains("trace of the program"));
    }
    // Nobody waits for these two: what may pass is asked for again, what does not is told.
    assert_eq!(deliver("export", "failed").status, 502);
    assert_eq!(deliver("export", "refused").status, 200);
    // The service decides which files of a mail are imported: without its word none is.
    let mail = json!({"event": "email", "action": "received", "request_id": "html", "files": [{"id": "1"}]});
    assert_eq!(annex.client().deliver("/vendor", mail.to_string()).status, 502);
}

#[test]
fn what_the_only_step_answers_is_passed_on_with_its_status_and_is_not_remembered() {
    let service = Erp::start(|call, number| {
        let id = call.json()["request_id"].as_str().unwrap_or_default().to_owned();
        match id.as_str() {
            "empty" => Reply::Answer(204, String::new(), ""),
            "text" => Reply::Answer(200, "OK".to_owned(), "content-type: text/plain\r\n"),
            "later" => Reply::Answer(202, String::new(), "location: https://app.example.com/results/1\r\n"),
            "busy" => Reply::Answer(503, "{\"messages\": []}".to_owned(), "retry-after: 7\r\n"),
            "once" if number == 0 => Reply::status(500, "<html>"),
            "odd" => Reply::ok(r#"{"messages": [{"type": "loud", "content": "x"}]}"#),
            _ => Reply::ok(ANSWER),
        }
    });
    let annex = Annex::dev_with(&config(&to(&service, ""), ""));
    let deliver =
        |event: &str, action: &str, id: &str| annex.client().deliver("/vendor", delivery(event, action, id));
    // A failure is not the answer to a delivery that comes again; a success is.
    assert_eq!(deliver("annotation_content", "export", "once").status, 500);
    let second = deliver("annotation_content", "export", "once");
    assert_eq!((second.status, second.body.as_slice()), (200, ANSWER.as_bytes()));
    assert_eq!(deliver("annotation_content", "export", "once").body, ANSWER.as_bytes());
    assert_eq!(service.calls().len(), 2, "the third is answered from memory");

    let empty = deliver("annotation_content", "updated", "empty");
    assert_eq!((empty.status, empty.json()["messages"].as_array().map(Vec::len)), (200, Some(0)));
    let busy = deliver("annotation_content", "updated", "busy");
    assert_eq!((busy.status, busy.header("retry-after")), (503, Some("7")));
    let later = deliver("upload", "created", "later");
    assert_eq!((later.status, later.header("location")), (202, Some("https://app.example.com/results/1")));
    // Nobody reads the answer to a status: a text is as good as any. Elsewhere it is passed on, and told.
    assert!(!annex.log().contains("not a JSON object"));
    assert_eq!(deliver("annotation_status", "changed", "text").status, 200);
    assert!(!annex.log().contains("not a JSON object"));
    let text = deliver("annotation_content", "updated", "text");
    assert_eq!((text.status, text.body.as_slice()), (200, &b"OK"[..]));
    assert_eq!(text.header("content-type"), Some("text/plain"));
    annex.logs("not a JSON object", Duration::from_secs(2));
    let odd = deliver("annotation_content", "updated", "odd");
    assert!(odd.status == 200 && odd.body.starts_with(b"{\"messages\": [{\"type\": \"loud\""));
    annex.logs("Rossum may refuse it", Duration::from_secs(2));
}

/// With `answer = "async"` the result waits for Rossum; a failure is a reason to call again, and the service is asked again.
#[test]
fn a_result_that_was_promised_is_the_services_answer() {
    let service =
        Erp::start(|_, number| if number == 0 { Reply::status(500, "<html>") } else { Reply::ok(ANSWER) });
    let text = config(&to(&service, ""), "").replacen("secrets", "answer = \"async\"\nsecrets", 1);
    let annex = Annex::dev_with(&text);
    let body = delivery("annotation_content", "export", "r-1");
    for (status, answer) in [(410, None), (201, Some(ANSWER))] {
        let promised = annex.client().deliver("/vendor", &body);
        assert_eq!(promised.status, 202);
        let place = promised.header("location").unwrap().split("/.annex").nth(1).unwrap().to_owned();
        let poll = || annex.client().request("GET", &format!("/.annex{place}"), &[], b"");
        eventually("the result is there", Duration::from_secs(5), || poll().status != 202);
        let result = poll();
        assert_eq!(result.status, status);
        assert!(answer.is_none_or(|answer| result.body == answer.as_bytes()));
    }
    assert_eq!(service.calls().len(), 2);
}

/// What a service does with a connection after a request.
type Behaviour = fn(&mut TcpStream);

/// Bytes for ever, as long as somebody takes them.
fn flood(out: &mut TcpStream, part: &[u8], pause: Duration) {
    while out.write_all(part).is_ok() {
        std::thread::sleep(pause);
    }
}

#[test]
fn a_hostile_service_costs_its_delivery_and_is_asked_once() {
    let cases: [(&str, u16, Behaviour); 12] = [
        ("closes", 502, |out| drop(out.shutdown(std::net::Shutdown::Both))),
        ("half", 502, |out| {
            let _ = out.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"messages\"");
            let _ = out.shutdown(std::net::Shutdown::Both);
        }),
        ("garbage", 502, |out| drop(out.write_all(b"\x16\x03\x01 no HTTP\r\n\r\n"))),
        ("hangs", 504, |_| std::thread::sleep(Duration::from_secs(5))),
        ("chunked for ever", 504, |out| {
            let _ = out.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
            flood(out, b"1\r\n \r\n", Duration::from_millis(50));
        }),
        ("floods", 502, |out| {
            let _ = out.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            flood(out, &vec![b' '; 65_536], Duration::ZERO);
        }),
        ("large headers for ever", 502, |out| {
            let _ = out.write_all(b"HTTP/1.1 200 OK\r\n");
            flood(out, &vec![b'a'; 65_536], Duration::ZERO);
        }),
        ("promises more than it may send, and hangs", 502, |out| {
            let _ = out.write_all(b"HTTP/1.1 500 Oh\r\ncontent-length: 9000000000\r\n\r\n{");
            std::thread::sleep(Duration::from_secs(5));
        }),
        ("a status that is none", 502, |out| {
            let _ = out.write_all(b"HTTP/1.1 999 Oh\r\ncontent-length: 2\r\n\r\n{}");
        }),
        ("another protocol", 502, |out| {
            let _ = out.write_all(b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n{}");
        }),
        ("packed on its way", 502, |out| {
            let _ = out.write_all(
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            );
        }),
        ("redirects", 502, |out| {
            let _ = out.write_all(
                b"HTTP/1.1 308 Permanent Redirect\r\nlocation: /hook/?key=hidden\r\ncontent-length: 0\r\n\r\n",
            );
        }),
    ];
    for (name, status, behaves) in cases {
        // The first request of a connection is answered as it should be, so that the second one comes on a kept one.
        let service = Raw::start(move |number, out| {
            if number == 0 {
                let _ = write!(out, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{ANSWER}", ANSWER.len());
            } else {
                behaves(out);
            }
        });
        let step =
            format!("to = \"http://{}/hook\"\ntimeout = \"1s\"\nmax_answer = \"100KB\"", service.address);
        let annex = Annex::dev_with(&config(&step, ""));
        let deliver =
            |id: &str| annex.client().deliver("/vendor", delivery("annotation_content", "export", id));
        assert_eq!(deliver("first").status, 200, "{name}");
        let began = Instant::now();
        let answer = deliver("second");
        assert_eq!(answer.status, status, "{name}: {}", annex.log());
        assert!(began.elapsed() < Duration::from_secs(3), "{name}: {:?}", began.elapsed());
        let text = answer.json()["messages"][0]["content"].as_str().unwrap().to_owned();
        assert!(text.contains("service behind this extension"), "{name}: {text}");
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(service.requests(), 2, "{name}: what may have been read is not sent again");
        assert!(!annex.log().contains("hidden"));
        assert!(annex.memory_kb("VmHWM") < 300_000, "{name}");
        if name == "redirects" {
            annex.logs(&format!("it redirects to http://{}/hook/", service.address), Duration::from_secs(2));
        }
    }
}

#[test]
fn nobody_there_is_502_and_a_restart_is_waited_for() {
    let port = free_port();
    let annex = Annex::dev_with(&config(&format!("to = \"http://127.0.0.1:{port}\""), ""));
    let deliver = |id: &str| annex.client().deliver("/vendor", delivery("annotation_content", "export", id));
    let began = Instant::now();
    let answer = deliver("r-1");
    assert_eq!(answer.status, 502);
    assert!(began.elapsed() > Duration::from_secs(2), "a restart would be over by then");
    let began = Instant::now();
    assert_eq!(deliver("r-1").status, 502);
    assert!(began.elapsed() < Duration::from_secs(1), "it is known to be away");
    annex.logs("cannot reach it", Duration::from_secs(2));
    // A service that comes back within the time of a restart gets the delivery that waits for it.
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let served = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&served);
    let serve = move |listener: TcpListener, times: usize| {
        for stream in listener.incoming().flatten().take(times) {
            let mut out = stream.try_clone().unwrap();
            let mut input = BufReader::new(stream);
            if read_request(&mut input).is_some() {
                count.fetch_add(1, Ordering::SeqCst);
                let _ = write!(
                    out,
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{ANSWER}",
                    ANSWER.len()
                );
            }
        }
    };
    let again = serve.clone();
    let first = std::thread::spawn(move || serve(listener, 1));
    assert_eq!(deliver("r-1").status, 200);
    first.join().unwrap();
    let late = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(700));
        again(TcpListener::bind(("127.0.0.1", port)).unwrap(), 1);
    });
    assert_eq!(deliver("r-2").status, 200);
    late.join().unwrap();
    assert_eq!(served.load(Ordering::SeqCst), 2);
}

/// A service in Python that writes down each delivery that it answers, and whose answer is worth that.
const COUNTING: &str = r#"
import http.server, json, os, sys
class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        log = os.open("done", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(log, (body["request_id"] + "\n").encode())
        os.close(log)
        answer = b'{"messages": []}'
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer.allow_reuse_address = True
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Service).serve_forever()
"#;

/// A program that dies with the test.
struct Program(Child);

impl Program {
    fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().unwrap())
    }

    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// What was answered with 200 was done, whatever was restarted meanwhile; everything else got a status by which Rossum calls
/// again, and is done in the end.
#[test]
fn fifty_restarts_of_both_under_load_lose_nothing_that_was_accepted() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("service.py"), COUNTING);
    let service_port = free_port();
    let port = free_port();
    write(
        &folder.path().join("annex.toml"),
        &config(&format!("to = \"http://127.0.0.1:{service_port}\""), ""),
    );
    let service_folder = folder.path().to_owned();
    let start = move || {
        Program::start(
            Command::new("python3")
                .args(["service.py", &service_port.to_string()])
                .current_dir(&service_folder),
        )
    };
    let mut service = start();
    let mut annex = Annex::dev_in(folder, port);
    eventually("the service listens", Duration::from_secs(10), || listens(service_port));
    let address = annex.address;
    let (stop, accepted) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(BTreeSet::new())));
    let odd = Arc::new(Mutex::new(Vec::new()));
    let callers: Vec<_> = (0..4)
        .map(|caller| {
            let (stop, accepted, odd) = (Arc::clone(&stop), Arc::clone(&accepted), Arc::clone(&odd));
            std::thread::spawn(move || {
                let mut sent = 0;
                while !stop.load(Ordering::Relaxed) {
                    let id = format!("{caller}-{sent}");
                    sent += 1;
                    let body = delivery("annotation_content", "export", &id);
                    // As Rossum does: what failed is sent again.
                    loop {
                        match Client::try_deliver(address, "/vendor", &body).map(|answer| answer.status) {
                            Some(200) => {
                                accepted.lock().unwrap().insert(id);
                                break;
                            }
                            Some(502..=504) | None => std::thread::sleep(Duration::from_millis(20)),
                            Some(status) => return odd.lock().unwrap().push(status),
                        }
                    }
                }
            })
        })
        .collect();
    for round in 0..50 {
        std::thread::sleep(Duration::from_millis(40));
        if round % 2 == 0 {
            service.kill();
            service = start();
        } else {
            annex = annex.again(if round % 4 == 1 { "TERM" } else { "KILL" });
        }
    }
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.join().unwrap();
    }
    assert_eq!(*odd.lock().unwrap(), Vec::<u16>::new(), "{}", annex.log());
    let accepted = accepted.lock().unwrap();
    let text = std::fs::read_to_string(annex.folder().join("done")).unwrap_or_default();
    let known: BTreeSet<String> = text.lines().map(str::to_owned).collect();
    let lost: Vec<_> = accepted.difference(&known).collect();
    assert!(lost.is_empty(), "accepted and not done: {lost:?}");
    assert!(accepted.len() > 50, "{} deliveries", accepted.len());
}

#[test]
fn the_state_of_a_service_is_that_of_its_last_calls() {
    let folder = tempfile::tempdir().unwrap();
    let (admin, service_port) = (free_port(), free_port());
    write(
        &folder.path().join("annex.toml"),
        &config(&format!("to = \"http://127.0.0.1:{service_port}/hook\"\nname = \"kept\""), ""),
    );
    let annex = Annex::dev_inspected(folder, admin);
    let admin = std::net::SocketAddr::from(([127, 0, 0, 1], admin));
    let status = || Client::plain(admin).request_as("127.0.0.1", "GET", "/status", &[], b"").json();
    assert_eq!(status()["services"][0]["answered"], 0);
    assert!(!status()["warnings"].to_string().contains("kept"), "nobody has asked it yet");
    annex.client().deliver("/vendor", delivery("annotation_content", "export", "r-1"));
    let now = status();
    assert!(now["warnings"].to_string().contains("the service of vendor/kept"), "{now}");
    assert_eq!(now["services"][0]["unanswered"], 1);
    let metrics = || {
        let answer = Client::plain(admin).request_as("127.0.0.1", "GET", "/metrics", &[], b"");
        let text = String::from_utf8(answer.body).unwrap();
        let line = text.lines().find(|line| line.starts_with("annex_service_silent_since_seconds{"));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).unwrap()
    };
    assert!(metrics() > 1e9);
    let ready = Client::plain(admin).request_as("127.0.0.1", "GET", "/readyz", &[], b"");
    assert_eq!(ready.status, 200, "other hooks are served");
    assert!(String::from_utf8_lossy(&ready.body).contains("warning: the service of vendor/kept"));
    let listener = TcpListener::bind(("127.0.0.1", service_port)).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut input = BufReader::new(stream.try_clone().unwrap());
            if read_request(&mut input).is_some() {
                let _ = write!(stream, "HTTP/1.0 200 OK\r\n\r\n{ANSWER}");
            }
        }
    });
    let answer = annex.client().deliver("/vendor", delivery("annotation_content", "export", "r-1"));
    assert_eq!((answer.status, answer.body.as_slice()), (200, ANSWER.as_bytes()));
    let now = status();
    assert!(metrics().abs() < 0.5);
    assert_eq!((&now["services"][0]["answered"], &now["services"][0]["problem"]), (&json!(1), &Value::Null));
    assert!(!now["warnings"].to_string().contains("kept"), "{now}");
}

/// The stderr and exit code of `annex check`, and its stdout.
fn check(text: &str) -> (String, String, bool) {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("annex.toml"), text);
    let output = annex_command()
        .args(["check", "--config", "annex.toml"])
        .current_dir(folder.path())
        .env("ROSSUM_SECRET", SECRET)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.success())
}

const SERVER: &str = "[server]\ndomains = [\"hooks.acme.com\"]\nhttps = \"0.0.0.0:8443\"\n";

#[test]
fn a_place_that_cannot_be_meant_is_refused_and_right_ones_are_silent() {
    let whole = |to: &str| format!("{SERVER}{}", config(&format!("to = \"{to}\""), ""));
    let long = format!("unix:/run/{}/app.sock", "a".repeat(120));
    for (to, says) in [
        ("127.0.0.1:5050", "is not an address of a service"),
        ("http://127.0.0.1:8443/x", "leads to Annex itself"),
        ("http://localhost:8443", "leads to Annex itself"),
        ("https://hooks.acme.com/vendor", "leads to Annex itself"),
        ("http://127.0.0.1:5043", "leads to Annex itself"),
        ("http://me:pass@127.0.0.1:5050", "a password must not be in the configuration"),
        (long.as_str(), "107 bytes at most"),
        ("unix:annex.toml", "is not a unix socket"),
    ] {
        let (_, stderr, passes) = check(&whole(to));
        assert!(!passes && stderr.contains(says), "{to}: {stderr}");
        assert!(stderr.contains("annex.toml:9"), "{to}: {stderr}");
        assert!(!stderr.contains("pass@"), "{stderr}");
    }
    for to in [
        "http://127.0.0.1:5050",
        "http://app:5050/hook",
        "http://10.0.0.7:5050",
        "unix:/run/app/app.sock",
        "https://app.example.com/hook",
    ] {
        let (stdout, stderr, passes) = check(&whole(to));
        assert!(passes && stderr.is_empty(), "{to}: {stderr}");
        assert!(!stdout.contains("note:"), "{to}: {stdout}");
    }
    let (stdout, _, passes) = check(&whole("http://app.example.com/hook"));
    assert!(passes && stdout.contains("travels unencrypted"), "{stdout}");
}

#[test]
fn a_delivery_that_goes_round_ends() {
    let port = free_port();
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("annex.toml"), &config(&format!("to = \"http://127.0.0.1:{port}\""), ""));
    let annex = Annex::dev_in(folder, port);
    // Interactive ones, and those that are run once: neither waits for itself.
    for (at, (event, action)) in [
        ("annotation_content", "updated"),
        ("annotation_status", "changed"),
        ("annotation_content", "export"),
    ]
    .into_iter()
    .enumerate()
    {
        let began = Instant::now();
        let answer = annex.client().deliver("/vendor", delivery(event, action, &format!("r-{at}")));
        assert_eq!(answer.status, 502, "{event}.{action}");
        assert!(began.elapsed() < Duration::from_secs(3), "{event}.{action}: {:?}", began.elapsed());
    }
    annex.logs("leads back to it", Duration::from_secs(2));
}

#[test]
fn the_doctor_connects_and_sends_nothing() {
    let service = Raw::start(|_, _| {});
    let folder = tempfile::tempdir().unwrap();
    let doctor = |to: &str| {
        write(
            &folder.path().join("annex.toml"),
            &format!("{SERVER}{}", config(&format!("to = \"{to}\""), "")),
        );
        let output = annex_command()
            .args(["doctor", "--config", "annex.toml"])
            .current_dir(folder.path())
            .env("ROSSUM_SECRET", SECRET)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let there = doctor(&format!("http://{}", service.address));
    assert!(there.contains("a service listens at"), "{there}");
    assert_eq!(service.requests(), 0);
    let away = doctor(&format!("http://127.0.0.1:{}", free_port()));
    denied("a service listens at {place}, the target of forwarded deliveries", &away, "cannot reach it");
}

/// What Rossum's own sample of a webhook does, in Flask: it verifies the signature itself, and answers.
const FLASK: &str = r#"
import hashlib, hmac, os
from flask import Flask, abort, request
app = Flask(__name__)
@app.route("/vendor", methods=["POST"])
def vendor():
    digest = hmac.new(os.environ["SECRET"].encode(), request.data, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(request.headers.get("X-Rossum-Signature-SHA256", ""), "sha256=" + digest):
        abort(401)
    body = request.get_json()
    if body["request_id"] == "crash":
        raise RuntimeError("a mistake in the service")
    section = body["annotation"]["content"][0]
    field = section["children"][0]
    return {
        "messages": [{"id": field["id"], "type": "info", "content": "Flask: " + field["content"]["value"]}],
        "operations": [{"op": "replace", "id": field["id"], "value": {"content": {"value": request.headers["X-Forwarded-For"]}}}],
    }
"#;

/// The same in Node.
const NODE: &str = r#"
const crypto = require("crypto");
require("http").createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const data = Buffer.concat(parts);
    const digest = "sha256=" + crypto.createHmac("sha256", process.env.SECRET).update(data).digest("hex");
    if (request.headers["x-rossum-signature-sha256"] !== digest) { response.writeHead(401); return response.end(); }
    const body = JSON.parse(data);
    if (body.request_id === "crash") { response.writeHead(500); return response.end("a mistake"); }
    const field = body.annotation.content[0].children[0];
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({messages: [{id: field.id, type: "info", content: "Node: " + field.content.value}], operations: []}));
  });
}).listen(Number(process.argv[2]), "127.0.0.1");
"#;

fn serves_behind(port: u16, word: &str) {
    eventually("the service listens", Duration::from_secs(20), || listens(port));
    let annex = Annex::dev_with(&config(&format!("to = \"http://127.0.0.1:{port}\""), ""));
    let deliver = |action: &str, id: &str| {
        let body = delivery("annotation_content", action, id);
        let (name, value) = sign(Algorithm::Sha256, SECRET, body.as_bytes());
        let headers = [(name.as_str(), value.as_str()), ("content-type", "application/json")];
        annex.client().post("/vendor", &headers, &body)
    };
    for number in 0..20 {
        let answer = deliver("updated", &format!("r-{number}"));
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        assert_eq!(answer.json()["messages"][0]["content"], format!("{word}: 17"));
    }
    let crashed = deliver("export", "crash");
    assert_eq!(crashed.status, 500);
    annex.logs("answered with status 500", Duration::from_secs(2));
}

#[test]
fn a_flask_extension_stays_as_it_is() {
    let Some(python) = environment("flask==3.1.2", "flask", 9) else {
        eprintln!("skipped: a real Flask is NOT TRIED: there is no Python 3.9 with `venv` here");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("app.py"), FLASK);
    let port = free_port();
    let mut command = Command::new(python);
    command.args(["-m", "flask", "run", "--port", &port.to_string()]);
    let _service = Program::start(
        command.current_dir(folder.path()).env("SECRET", SECRET).stdout(Stdio::null()).stderr(Stdio::null()),
    );
    serves_behind(port, "Flask");
}

#[test]
fn a_node_extension_stays_as_it_is() {
    if !Command::new("node").arg("--version").output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: a real Node is NOT TRIED: apt-get install nodejs");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("app.js"), NODE);
    let port = free_port();
    let mut command = Command::new("node");
    command.args(["app.js", &port.to_string()]).current_dir(folder.path()).env("SECRET", SECRET);
    let _service = Program::start(&mut command);
    serves_behind(port, "Node");
}
