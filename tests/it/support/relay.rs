//! A TCP relay that can be shut: the port where a CA looks, closed for a while by a firewall.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) struct Relay(Arc<AtomicBool>);

impl Relay {
    /// From one loopback port to another, open.
    pub(crate) fn start(from: u16, to: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", from)).unwrap();
        let open = Arc::new(AtomicBool::new(true));
        let shared = Arc::clone(&open);
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let far = TcpStream::connect(("127.0.0.1", to));
                if let (true, Ok(far)) = (shared.load(Ordering::Relaxed), far) {
                    let back = (far.try_clone().unwrap(), near.try_clone().unwrap());
                    std::thread::spawn(move || pass(near, far));
                    std::thread::spawn(move || pass(back.0, back.1));
                }
            }
        });
        Self(open)
    }

    pub(crate) fn set(&self, open: bool) {
        self.0.store(open, Ordering::Relaxed);
    }
}

pub(super) fn pass(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(std::net::Shutdown::Write);
}
