//! A proxy as companies have one before the Internet: it connects (`CONNECT`), asks for a login, and resolves names. Every name
//! is this host.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::relay::pass;

pub(crate) struct Forward {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Forward {
    /// `login`: as `user:password`; nobody is asked for one without.
    pub(crate) fn start(login: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let wanted = login.map(|login| format!("basic {}", BASE64_STANDARD.encode(login)));
        let shared = Arc::clone(&asked);
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let (wanted, shared) = (wanted.clone(), Arc::clone(&shared));
                std::thread::spawn(move || serve(near, wanted.as_deref(), &shared));
            }
        });
        Self { port, asked }
    }

    /// Hosts and ports that it was asked to connect to.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(mut near: TcpStream, wanted: Option<&str>, asked: &Mutex<Vec<String>>) -> Option<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        near.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let mut words = head.split(' ');
    let (method, target) = (words.next()?, words.next()?.to_owned());
    let shown = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("proxy-authorization").then(|| value.replacen("Basic", "basic", 1))
    });
    asked.lock().unwrap().push(target.clone());
    if method != "CONNECT" {
        near.write_all(b"HTTP/1.1 405 X\r\ncontent-length: 0\r\n\r\n").ok()?;
        return None;
    }
    if wanted.is_some_and(|wanted| shown.as_deref() != Some(wanted)) {
        near.write_all(b"HTTP/1.1 407 X\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\n\r\n").ok()?;
        return None;
    }
    let (_, port) = target.rsplit_once(':')?;
    let Ok(far) = TcpStream::connect(("127.0.0.1", port.parse().ok()?)) else {
        near.write_all(b"HTTP/1.1 502 X\r\ncontent-length: 0\r\n\r\n").ok()?;
        return None;
    };
    near.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").ok()?;
    let back = (far.try_clone().ok()?, near.try_clone().ok()?);
    std::thread::spawn(move || pass(near, far));
    pass(back.0, back.1);
    Some(())
}
