//! A state folder that is read-only, full or somebody else's, while there is a certificate in it.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::support::{Annex, Client, Pebble, SmallDisk, eventually};

const NAME: &str = "hooks.example.test";
const SOON: Duration = Duration::from_secs(20);

fn leaf(pebble: &Pebble) -> Option<Vec<u8>> {
    let address = ([127, 0, 0, 1], pebble.https).into();
    let client = Client::tls(address, NAME, &[pebble.issuing_root()], rustls::ALL_VERSIONS).ok()?;
    Some(client.tls?.chain.first()?.to_vec())
}

fn remount(folder: &Path, how: &str) {
    let done = Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(folder).status().unwrap();
    assert!(done.success());
}

fn said(annex: &Annex, arguments: &[&str]) -> (bool, String) {
    let output = annex.run(arguments);
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

/// A server that has stored its certificate on a disk of its own.
fn stored(pebble: &Pebble) -> Option<(SmallDisk, TempDir, Vec<u8>)> {
    let folder = pebble.folder_with(&format!("\"{NAME}\""), "");
    let disk = SmallDisk::mount(&folder.path().join("state"), "4m")?;
    let annex = Annex::https(folder, pebble.https);
    annex.logs("renewal is due from", SOON);
    let leaf = leaf(pebble).unwrap();
    Some((disk, annex.stop("TERM"), leaf))
}

#[test]
fn a_read_only_state_folder_serves_its_certificate_and_says_what_is_wrong() {
    let pebble = Pebble::start();
    let Some((_disk, folder, first)) = stored(&pebble) else { return };
    let state = folder.path().join("state");
    remount(&state, "ro");
    let annex = Annex::https(folder, pebble.https);
    assert_eq!(leaf(&pebble).as_ref(), Some(&first), "served from the first handshake on");
    annex.logs("Read-only file system", SOON);
    let (is_ready, status) = said(&annex, &["status"]);
    assert!(
        is_ready && status.contains("the state folder of the certificate `server` is unusable"),
        "{status}"
    );
    let (is_renewed, renewal) = said(&annex, &["cert", "renew"]);
    assert!(
        !is_renewed && renewal.contains("Read-only") && renewal.contains("nothing was ordered"),
        "{renewal}"
    );
    assert_eq!(pebble.orders(), 1);

    remount(&state, "rw");
    eventually("it can be used again", SOON, || !said(&annex, &["status"]).1.contains("is unusable"));
    assert!(said(&annex, &["cert", "renew"]).0);
    assert_ne!(leaf(&pebble), Some(first));
}

#[test]
fn a_full_disk_serves_its_certificate_and_says_what_is_wrong() {
    let pebble = Pebble::start();
    let Some((disk, folder, first)) = stored(&pebble) else { return };
    disk.fill();
    let annex = Annex::https(folder, pebble.https);
    assert_eq!(leaf(&pebble), Some(first));
    annex.logs("No space left on device", SOON);
    let (_, status) = said(&annex, &["status"]);
    assert!(status.contains("the state folder of the certificate `server` is unusable"), "{status}");
    disk.free();
    eventually("it can be used again", SOON, || !said(&annex, &["status"]).1.contains("is unusable"));
    assert_eq!(pebble.orders(), 1);
}

#[test]
fn near_the_end_of_its_life_a_certificate_is_renewed_in_memory() {
    let mut pebble = Pebble::prepare();
    pebble.validity = 40;
    pebble.run();
    let folder = pebble.folder_with(&format!("\"{NAME}\""), "");
    let state = folder.path().join("state");
    let Some(_disk) = SmallDisk::mount(&state, "4m") else { return };
    let annex = Annex::https(folder, pebble.https);
    annex.logs("renewal is due from", SOON);
    let first = leaf(&pebble).unwrap();
    remount(&state, "ro");
    eventually("a new certificate", Duration::from_secs(50), || {
        let now = leaf(&pebble);
        assert!(now.is_some(), "never without one\n{}", annex.log());
        std::thread::sleep(Duration::from_millis(100));
        now.as_ref() != Some(&first)
    });
    assert_eq!(pebble.orders(), 2, "not before, and not again: {}", annex.log());
    remount(&state, "rw");
    let second = leaf(&pebble).unwrap();
    annex.logs("the state folder can be used again", SOON);
    let _annex = Annex::https(annex.stop("TERM"), pebble.https);
    assert_eq!(leaf(&pebble), Some(second), "it was stored once that was possible");
}

#[test]
fn somebody_elses_state_folder_that_can_be_read_serves_its_certificate() {
    let pebble = Pebble::start();
    let folder = pebble.folder_with(&format!("\"{NAME}\""), "");
    let annex = Annex::https(folder, pebble.https);
    annex.logs("renewal is due from", SOON);
    let first = leaf(&pebble).unwrap();
    let folder = annex.stop("TERM");
    let opened = |mode: &str, path: &Path| {
        assert!(Command::new("chmod").args(["-R", mode]).arg(path).status().unwrap().success());
    };
    opened("a+rX", folder.path());
    opened("a+rw", &folder.path().join("log"));
    // The admin socket lies in the folder itself.
    assert!(Command::new("chmod").arg("a+rwx").arg(folder.path()).status().unwrap().success());
    let _ = std::fs::remove_file(folder.path().join("admin.sock"));
    let annex = Annex::https_under(folder, pebble.https, |command| {
        command.uid(65_534).gid(65_534);
    });
    assert_eq!(leaf(&pebble), Some(first));
    annex.logs("cannot write", SOON);
    let (_, status) = said(&annex, &["status"]);
    assert!(status.contains("is unusable"), "{status}");
    assert_eq!(pebble.orders(), 1);
}
