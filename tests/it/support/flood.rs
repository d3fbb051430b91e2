//! Strangers who hold the memory of bodies: many connections with a well-formed false signature, each with a part of a body
//! that goes on drop by drop, and opened anew as soon as it was sent away.

use std::io::{ErrorKind, Read as _, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustls::{ClientConfig, ClientConnection, pki_types::ServerName};

/// What one of the strangers does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) connections: usize,
    /// Bytes that it declares, and how many of them it sends at once.
    pub(crate) declared: usize,
    pub(crate) at_once: usize,
    /// Bytes that it sends then, each time, and how often.
    pub(crate) drop: usize,
    pub(crate) every: Duration,
}

/// Ends when it is dropped.
pub(crate) struct Flood {
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<usize>>,
}

/// How a stranger speaks.
#[derive(Clone)]
pub(crate) enum Over {
    Plain,
    Tls(Arc<ClientConfig>, &'static str),
}

struct Stranger {
    socket: TcpStream,
    tls: Option<Box<ClientConnection>>,
    sent: usize,
    /// When the next drop is due.
    due: Instant,
}

impl Flood {
    pub(crate) fn begin(address: SocketAddr, path: &str, shape: Shape, over: &Over) -> Self {
        const THREADS: usize = 4;
        let is_over = Arc::new(AtomicBool::new(false));
        let signature = "0".repeat(64);
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\nx-rossum-signature-sha256: sha256={signature}\r\n\r\n",
            shape.declared
        );
        let threads = (0..THREADS)
            .map(|_| {
                let (is_over, head, over) = (Arc::clone(&is_over), head.clone(), over.clone());
                let shape = Shape { connections: shape.connections / THREADS, ..shape };
                std::thread::spawn(move || flood(address, &head, shape, &over, &is_over))
            })
            .collect();
        Self { is_over, threads }
    }

    /// How many bodies were begun.
    pub(crate) fn end(mut self) -> usize {
        self.is_over.store(true, Ordering::Relaxed);
        self.threads.drain(..).map(|thread| thread.join().unwrap()).sum()
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

fn flood(address: SocketAddr, head: &str, shape: Shape, over: &Over, is_over: &AtomicBool) -> usize {
    let mut strangers: Vec<Option<Stranger>> = (0..shape.connections).map(|_| None).collect();
    let spaces = vec![b' '; 64 << 10];
    let mut begun = 0;
    while !is_over.load(Ordering::Relaxed) {
        for place in &mut strangers {
            if is_over.load(Ordering::Relaxed) {
                break;
            }
            let stays = match place {
                Some(stranger) => stranger.goes_on(&spaces, shape),
                None => {
                    *place = Stranger::open(address, head, over);
                    begun += 1;
                    true
                }
            };
            if !stays {
                *place = None;
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    begun
}

impl Stranger {
    fn open(address: SocketAddr, head: &str, over: &Over) -> Option<Self> {
        let mut socket = TcpStream::connect(address).ok()?;
        socket.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        let mut tls = match over {
            Over::Plain => None,
            Over::Tls(config, name) => {
                let name = ServerName::try_from(*name).unwrap();
                Some(Box::new(ClientConnection::new(Arc::clone(config), name).unwrap()))
            }
        };
        match &mut tls {
            None => socket.write_all(head.as_bytes()).ok()?,
            Some(tls) => {
                while tls.is_handshaking() {
                    tls.complete_io(&mut socket).ok()?;
                }
                tls.writer().write_all(head.as_bytes()).ok()?;
                while tls.wants_write() {
                    tls.write_tls(&mut socket).ok()?;
                }
            }
        }
        socket.set_nonblocking(true).ok()?;
        Some(Self { socket, tls, sent: 0, due: Instant::now() })
    }

    /// Sends what can be sent; whether it is still listened to.
    fn goes_on(&mut self, spaces: &[u8], shape: Shape) -> bool {
        if self.sent >= shape.at_once {
            if self.due > Instant::now() {
                return true;
            }
            self.due = Instant::now() + shape.every;
        }
        // An answer, or the end: it was sent away. (TLS 1.3 sends tickets first: there, only the end counts.)
        let mut part = [0; 4096];
        match self.socket.read(&mut part) {
            Ok(length) if length > 0 && self.tls.is_some() => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            _ => return false,
        }
        let wanted = if self.sent < shape.at_once { spaces.len() } else { shape.drop };
        let wanted = wanted.min(shape.declared - self.sent);
        if wanted == 0 {
            return false;
        }
        let sent = match &mut self.tls {
            None => self.socket.write(&spaces[..wanted]),
            Some(tls) => {
                let taken = if tls.wants_write() { Ok(0) } else { tls.writer().write(&spaces[..wanted]) };
                while tls.wants_write() {
                    match tls.write_tls(&mut self.socket) {
                        Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                        Err(_) => return false,
                        Ok(_) => {}
                    }
                }
                taken
            }
        };
        match sent {
            Ok(length) => self.sent += length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return false,
        }
        true
    }
}
