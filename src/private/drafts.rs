//! Drafts that a crash left: `.NAME.PID-N.part`, removed where the next process writes into the same folder.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A draft that is older was left, whoever made it: writing one takes moments.
const OLD: Duration = Duration::from_secs(3600);
/// A draft that is younger may be under way, though its process cannot be seen: of another container, or hidden from a
/// service (`ProtectProc`).
const MOMENTS: Duration = Duration::from_secs(60);

/// Folders that this process has looked through.
static SEEN: Mutex<Option<HashSet<PathBuf>>> = Mutex::new(None);

/// The name of a draft; `number` is another for each.
pub(super) fn name(of: &str, number: u64) -> String {
    format!(".{of}.{}-{number}.part", std::process::id())
}

/// Once for each folder and process: removes the drafts of processes that are no more, and those that are old. Plain files
/// only; a link is not one. What cannot be removed stays.
pub(super) fn clear_once(folder: &Path) {
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    if seen.get_or_insert_default().insert(folder.to_owned()) {
        drop(seen);
        clear(folder);
    }
}

fn clear(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(maker) else { continue };
        // Of the entry itself, whatever it may lead to.
        let Ok(known) = entry.metadata() else { continue };
        let age = known.modified().ok().and_then(|at| at.elapsed().ok()).unwrap_or_default();
        let is_gone = pid != std::process::id() && !Path::new("/proc").join(pid.to_string()).exists();
        let is_left = (is_gone && age > MOMENTS) || age > OLD;
        if known.is_file() && is_left {
            let _ = fs::remove_file(entry.path()); // where that is not allowed, it stays
        }
    }
}

/// The process that made a draft of this name.
fn maker(name: &str) -> Option<u32> {
    let inside = name.strip_prefix('.')?.strip_suffix(".part")?;
    let (name, mark) = inside.rsplit_once('.')?;
    let (pid, number) = mark.split_once('-')?;
    number.parse::<u64>().ok().filter(|_| !name.is_empty())?;
    pid.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::clock;

    #[test]
    fn what_a_crash_left_goes_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let mut ended = std::process::Command::new("true").spawn().unwrap();
        ended.wait().unwrap();
        let (gone, own) = (ended.id(), std::process::id());
        let left =
            [format!(".token.{gone}-0.part"), format!(".a.b.{gone}-17.part"), format!(".token.{own}-9.part")];
        let others = [
            format!("token.{gone}-0.part"),
            format!(".{gone}-0.part"),
            format!(".token.{gone}.part"),
            format!(".token.{gone}-0.part.txt"),
            format!(".token.{own}-1.part"),
            ".annex-00.part".to_owned(),
        ];
        for name in left.iter().chain(&others) {
            File::create(at(name)).unwrap();
        }
        let young = format!(".young.{gone}-0.part");
        File::create(at(&young)).unwrap();
        let aged = |name: &String, age| {
            let file = File::options().write(true).open(at(name)).unwrap();
            file.set_modified(clock::now() - age).unwrap();
        };
        for name in &left {
            aged(name, MOMENTS * 2);
        }
        aged(&left[2], OLD * 2);
        let (link, below) = (format!(".link.{gone}-0.part"), format!(".folder.{gone}-0.part"));
        symlink(at(&others[0]), at(&link)).unwrap();
        fs::create_dir(at(&below)).unwrap();
        clear(folder.path());
        assert!(left.iter().all(|name| !at(name).exists()));
        for name in others.iter().chain([&link, &below, &young]) {
            assert!(at(name).exists(), "{name}");
        }
    }
}
