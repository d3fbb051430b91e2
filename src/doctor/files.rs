//! The state folder, files with secrets, descriptors.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::clock;
use crate::config::Config;
use crate::private;
use crate::server::descriptors::connections_within;
use crate::shown::quoted;
use crate::tls::{Source, load_usual};

use super::Finding;

/// Written to the state folder to see whether that is possible: more than a certificate with its key.
const PROBE: usize = 64 << 10;
/// Less room than this is worth a word: the outbox alone may keep exports of this size.
const LITTLE_ROOM: u64 = 64 << 20;

/// Who can read the files of secrets; what a secret is like, reading the configuration says.
pub(super) fn secrets(config: &Config, tell: &mut impl FnMut(Finding)) {
    for path in &config.secret_files {
        match fs::metadata(path) {
            Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => tell(Finding::warning(
                format!("other users than the owner can access {}", path.display()),
                format!("chmod 600 {}", quoted(&path.to_string_lossy())),
            )),
            Ok(_) => tell(Finding::good(format!("{} is accessible to its owner only", path.display()))),
            Err(error) => tell(Finding::bad(
                format!("cannot read {}: {error}", path.display()),
                "the user that Annex runs as must be able to read it",
            )),
        }
    }
}

/// Certificate files of one's own: whether the key fits, on which dates and for which names it is valid.
pub(super) fn certificates(config: &Config, tell: &mut impl FnMut(Finding)) {
    for settings in &config.server.certificates {
        let Source::Files { certificate: path, key, .. } = &settings.source else { continue };
        let shown = path.display();
        let certificate = match load_usual(path, key) {
            Ok(certificate) => certificate,
            Err(error) => {
                let remedy = "annex serve does not start with it: put the chain and the key of one certificate there, in PEM";
                tell(Finding::bad(error.to_string(), remedy));
                continue;
            }
        };
        let now = clock::now();
        if certificate.not_after < now || certificate.not_before > now {
            let [from, until] = [certificate.not_before, certificate.not_after].map(clock::display);
            let what = format!("the certificate {shown} is valid from {from} until {until}, and not now");
            tell(Finding::bad(
                what,
                "put a new certificate there, which Annex uses at once; check also this host's clock",
            ));
            continue;
        }
        match config.server.domains.iter().find(|domain| !is_for(&certificate.names, domain)) {
            Some(domain) => tell(Finding::bad(
                format!(
                    "the certificate {shown} is not for {domain}, but for {}",
                    certificate.names.join(", ")
                ),
                "get a certificate for all `domains`, or correct `domains` in [server]",
            )),
            None => {
                let until = clock::display(certificate.not_after);
                tell(Finding::good(format!(
                    "the certificate {shown} has its key and is valid until {until}"
                )));
            }
        }
    }
}

/// Whether a name, or a wildcard for it (RFC 6125), is among these.
fn is_for(names: &[String], domain: &str) -> bool {
    let wildcard = domain.split_once('.').map(|(_, parent)| format!("*.{parent}"));
    names.iter().any(|name| name == domain || Some(name) == wildcard.as_ref())
}

/// `serves`: the server of this configuration runs, so that the folder must be there.
pub(super) fn state(folder: &Path, serves: bool, tell: &mut impl FnMut(Finding)) {
    let shown = folder.display();
    let word = folder.to_string_lossy();
    let word = quoted(&word);
    let metadata = match fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => metadata,
        Ok(_) => {
            return tell(Finding::bad(format!("{shown} is not a folder"), "move it away, or set `state`"));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && !serves => {
            return tell(Finding::warning(
                format!("the state folder {shown} is not there yet"),
                "this is normal before the first start, which creates it; otherwise check `state` in [server]",
            ));
        }
        Err(error) => {
            return tell(Finding::bad(
                format!("the state folder {shown} cannot be used: {error}"),
                format!(
                    "start the service, which creates it, or run: install -d -m 700 -o annex -g annex {word}"
                ),
            ));
        }
    };
    if metadata.permissions().mode() & 0o077 != 0 {
        tell(Finding::warning(
            format!("other users than the owner can read {shown}"),
            format!("chmod 700 {word}"),
        ));
    }
    // The keys in it must be usable by whoever owns the folder.
    let stranger = walk(folder).into_iter().find(|(_, uid, _)| *uid != metadata.uid());
    if let Some((path, ..)) = stranger {
        tell(Finding::bad(
            format!("{path} belongs to another user than {shown}"),
            format!("chown -R --reference={word} {word}"),
        ));
    }
    if let Some((path, ..)) = walk(folder).into_iter().find(|(_, _, mode)| mode & 0o077 != 0) {
        tell(Finding::bad(
            format!("other users than the owner can access {path}, which may contain a key"),
            format!("chmod -R go= {word}"),
        ));
    }
    let probe = folder.join(".doctor");
    // An empty file fits on a full disk, and what is not synced may never be written.
    let written = private::write_durably(&probe, &vec![b'.'; PROBE]);
    let _ = fs::remove_file(&probe); // where it was not written it is not there
    if let Err(error) = written {
        return tell(Finding::bad(
            format!("cannot write to {shown}: {error}"),
            "run the doctor as root, or as the user that Annex runs as; check whether the disk is full or read-only",
        ));
    }
    tell(match private::free(folder) {
        Some(free) if free < LITTLE_ROOM => Finding::warning(
            format!("{shown} is writable, but its disk has only {} MiB left", free >> 20),
            "free disk space: without it, Annex stores no certificate and accepts no export",
        ),
        Some(free) => Finding::good(format!("{shown} is writable; {} MiB are free", free >> 20)),
        None => Finding::warning(
            format!("{shown} is writable; the free space is not known"),
            format!("df {word}"),
        ),
    });
}

/// Every file below the folder, with its owner and mode.
fn walk(folder: &Path) -> Vec<(String, u32, u32)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        found.push((entry.path().display().to_string(), metadata.uid(), metadata.permissions().mode()));
        if metadata.is_dir() {
            found.extend(walk(&entry.path()));
        }
    }
    found
}

/// The limit of the running server, or that to which one started here would raise its own; a service's may be another.
pub(super) fn descriptors(connections: usize, server: Option<u32>, tell: &mut impl FnMut(Finding)) {
    let whose = server.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
    let column = if server.is_some() { SOFT } else { HARD };
    let Some(limit) =
        fs::read_to_string(format!("/proc/{whose}/limits")).ok().and_then(|text| open_files(&text, column))
    else {
        return;
    };
    let most = connections_within(limit);
    if connections <= most {
        tell(Finding::good(format!("{limit} file descriptors are enough for {connections} connections")));
    } else {
        let what = format!("{limit} file descriptors are enough for {most} of {connections} connections");
        let remedy = format!(
            "set LimitNOFILE={} in the service, or `connections` in [server.limits] lower",
            2 * connections
        );
        tell(if server.is_some() { Finding::bad(what, remedy) } else { Finding::warning(what, remedy) });
    }
}

/// Columns of `/proc/PID/limits`, after the three words of the name.
const SOFT: usize = 3;
const HARD: usize = 4;

fn open_files(limits: &str, column: usize) -> Option<u64> {
    let line = limits.lines().find(|line| line.starts_with("Max open files"))?;
    match line.split_whitespace().nth(column)? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::os::unix::fs::OpenOptionsExt as _;

    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_wildcard_is_for_one_label() {
        let names = ["*.acme.com".to_owned(), "acme.com".to_owned()];
        assert!(is_for(&names, "hooks.acme.com") && is_for(&names, "acme.com"));
        assert!(!is_for(&names, "a.hooks.acme.com") && !is_for(&names, "acme.org"));
    }

    #[test]
    fn the_limit_is_read() {
        let text = "Max processes   1  2  processes\nMax open files            1024                 524288               files\n";
        assert_eq!([SOFT, HARD].map(|column| open_files(text, column)), [Some(1024), Some(524_288)]);
    }

    #[test]
    fn loose_modes_are_found() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let key = folder.path().join("account.key");
        drop(OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&key).unwrap());
        let look = || {
            let mut found = Vec::new();
            state(folder.path(), true, &mut |finding| found.push(finding));
            found
        };
        assert!(look().iter().all(|finding| finding.verdict == Verdict::Good), "{:?}", look());
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(
            look()
                .iter()
                .any(|finding| finding.verdict == Verdict::Bad && finding.what.contains("account.key"))
        );
        fs::remove_dir_all(folder.path()).unwrap();
        assert_eq!(look()[0].verdict, Verdict::Bad);
        let mut found = Vec::new();
        state(folder.path(), false, &mut |finding| found.push(finding));
        assert_eq!(found[0].verdict, Verdict::Warning, "a fresh install is no error: {found:?}");
        fs::create_dir(folder.path()).unwrap(); // so that its owner finds it
    }
}
