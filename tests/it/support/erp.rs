//! The other system: an HTTP interface over real sockets, which can also fail in every way that one can.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

/// A call as it came.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// `POST /api/invoices`
    pub(crate) line: String,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let headers = self.head.lines().filter_map(|line| line.split_once(':'));
        headers.into_iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub(crate) fn key(&self) -> &str {
        self.header("idempotency-key").unwrap_or_default()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// What it does with a call.
pub(crate) enum Reply {
    /// A status with a body, and headers as they are on the wire.
    Answer(u16, String, &'static str),
    Hang,
    /// Closes without a word.
    Cut,
    /// Says something that is no HTTP.
    Garbage,
}

impl Reply {
    pub(crate) fn ok(body: &str) -> Self {
        Self::Answer(200, body.to_owned(), "")
    }

    pub(crate) fn status(status: u16, body: &str) -> Self {
        Self::Answer(status, body.to_owned(), "")
    }
}

type Answers = dyn Fn(&Call, usize) -> Reply + Send + Sync;

pub(crate) struct Erp {
    pub(crate) address: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Erp {
    /// Answers with what `answers` gives for a call and the number of calls before it.
    pub(crate) fn start(answers: impl Fn(&Call, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let answers: Arc<Answers> = Arc::new(answers);
        let seen = Arc::clone(&calls);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, answers) = (Arc::clone(&seen), Arc::clone(&answers));
                std::thread::spawn(move || serve(stream, &seen, &*answers));
            }
        });
        Self { address, calls }
    }

    /// Takes everything.
    pub(crate) fn kind() -> Self {
        Self::start(|_, _| Reply::ok(r#"{"id": "E-1"}"#))
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// Waits until there were so many calls.
    #[track_caller]
    pub(crate) fn called(&self, times: usize) -> Vec<Call> {
        super::eventually(&format!("{times} calls"), Duration::from_secs(20), || {
            self.calls.lock().unwrap().len() >= times
        });
        self.calls()
    }
}

fn serve(stream: TcpStream, seen: &Mutex<Vec<Call>>, answers: &Answers) {
    let mut out = stream.try_clone().unwrap();
    let mut input = BufReader::new(stream);
    while let Some(call) = read(&mut input) {
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(call.clone());
            seen.len() - 1
        };
        match answers(&call, number) {
            Reply::Answer(status, body, headers) => {
                let head = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n", body.len());
                if out.write_all((head + &body).as_bytes()).is_err() {
                    return;
                }
            }
            Reply::Hang => std::thread::sleep(Duration::from_secs(60)),
            Reply::Cut => return,
            Reply::Garbage => {
                let _ = out.write_all(b"\x16\x03\x01 this is no HTTP\r\n\r\n");
                return;
            }
        }
    }
}

fn read(input: &mut BufReader<TcpStream>) -> Option<Call> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if input.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let line = head.lines().next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let mut call = Call { line, head, body: Vec::new() };
    let length = call.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let chunked = call.header("transfer-encoding").is_some();
    if chunked {
        call.body = read_chunks(input)?;
    } else {
        call.body = vec![0; length];
        input.read_exact(&mut call.body).ok()?;
    }
    Some(call)
}

fn read_chunks(input: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut size = String::new();
        input.read_line(&mut size).ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        let mut chunk = vec![0; size + 2];
        input.read_exact(&mut chunk).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(&chunk[..size]);
    }
}
