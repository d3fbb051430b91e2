//! What tests start: each waits until it answers, shows its log when a test fails, and dies on drop.

mod annex;
mod browser;
mod client;
mod deliveries;
mod denied;
mod disk;
mod erp;
mod flood;
mod forward;
mod oracle;
mod pebble;
mod persist;
mod postgres;
mod proxy;
mod python;
mod relay;
mod rossum_tool;
mod sshd;
mod ubl_schemas;
pub(crate) mod workbook;

pub(crate) use annex::{Annex, annex_command, libfaketime, write, write_bytes};
pub(crate) use browser::Browser;
pub(crate) use client::{Client, SECRET, sign, tls_config};
pub(crate) use deliveries::{Datapoint, invoice_with_lines, tree};
pub(crate) use denied::denied;
pub(crate) use disk::SmallDisk;
pub(crate) use erp::{Call, Erp, Reply};
pub(crate) use flood::{Flood, Over, Shape};
pub(crate) use forward::Forward;
pub(crate) use oracle::{FOLDER as ORACLE_FOLDER, Oracle};
pub(crate) use pebble::Pebble;
pub(crate) use persist::ISSUER;
pub(crate) use postgres::{PASSWORD as POSTGRES_PASSWORD, Postgres};
pub(crate) use proxy::{Faults, Once, Proxy};
pub(crate) use python::{environment, python};
pub(crate) use relay::Relay;
pub(crate) use rossum_tool::RossumTool;
pub(crate) use sshd::Sshd;
pub(crate) use ubl_schemas::UblSchemas;

use std::collections::hash_map::RandomState;
use std::fs::File;
use std::hash::BuildHasher;
use std::net::TcpListener;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A port for a program that cannot be handed a bound socket. It is free, and until this test ends no other call gives
/// it away, in this test or in one that runs beside it: a lock on a file of the port's name says whose it is. Below the
/// ports that the kernel gives to outgoing connections, so that none of those takes it before the program does.
pub(crate) fn free_port() -> u16 {
    static OURS: Mutex<Vec<File>> = Mutex::new(Vec::new());
    let folder = std::env::temp_dir().join("annex-test-ports");
    std::fs::create_dir_all(&folder).unwrap();
    loop {
        let random = RandomState::new().hash_one(std::process::id());
        let port = 10_000 + u16::try_from(random % 22_000).unwrap();
        let lock = File::options().create(true).append(true).open(folder.join(port.to_string())).unwrap();
        if lock.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            OURS.lock().unwrap().push(lock);
            return port;
        }
    }
}

/// Waits for something to become true, and says what did not.
#[track_caller]
pub(crate) fn eventually(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < limit, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(25));
    }
}
