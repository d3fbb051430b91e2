//! A folder as a target: whole files only, and none in place of another's.

use std::collections::HashMap;
use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use tokio_util::sync::CancellationToken;

use crate::tasks;

use super::super::call::Request;
use super::beneath::Beneath;
use super::file_name::{self, Exists};
use super::{Received, SendError};

pub struct FolderTarget {
    pub folder: PathBuf,
    pub exists: Exists,
}

/// Who runs this, and its group.
const FOLDER_MODE: u32 = 0o750;

impl FolderTarget {
    /// Whether a file can be written to it, or to the folder that it would be made in: one is, and is removed.
    pub(super) fn look<'f>(&'f self) -> Result<(), SendError> {
        // No folder is made: who looks may be root, and the folder would be root's.
        let here = Path::new("."); // a folder beside a configuration that is named without one
        let there = |folder: &Path| fs::metadata(if folder == Path::new("") { here } else { folder }).ok();
        let there = |folder: &'f Path| there(folder).map(|known| (folder, known));
        match self.folder.ancestors().find_map(there) {
            Some((folder, known)) if known.is_dir() => {
                let folder = if folder == Path::new("") { here } else { folder };
                probe(folder).map_err(|error| {
                    SendError::Unreachable(format!("cannot write to {}: {error}", folder.display()))
                })
            }
            _ => Err(SendError::Unreachable("it is not a folder, and none can be made there".to_owned())),
        }
    }

    pub(super) async fn write(&self, request: &Request) -> Result<Received, SendError> {
        file_name::check(&request.path)?;
        let (folder, path, exists) = (self.folder.clone(), request.path.clone(), self.exists);
        let body = request.body.clone();
        let written = tasks::blocking(move |cut| write(&folder, &path, &body, exists, cut)).await;
        written.unwrap_or_else(|_| Err(stopped())).map(|()| Received::written())
    }
}

/// A draft that is older was left by a crash: writing one takes moments.
const OLD_DRAFT: Duration = Duration::from_secs(6 * 3600);
/// How often a folder is looked through for them.
const LOOK: Duration = Duration::from_secs(3600);
/// Folders that are remembered: documents name them. Others are looked through later.
const MOST_FOLDERS: usize = 256;
/// When each folder was looked through.
static LOOKED: LazyLock<Mutex<HashMap<PathBuf, Instant>>> = LazyLock::new(Mutex::default);

/// Writes a file, which nobody takes for a document, and removes it.
fn probe(folder: &Path) -> io::Result<()> {
    let place = Beneath::open(folder, "")?;
    let draft = file_name::draft();
    let kept = keep(&place, &draft, b".");
    let removed = place.remove(&draft); // where it was not written, it is not there
    kept.and(removed)
}

/// What no waiting mends: the name, and what stands in its way.
fn failure(error: &io::Error) -> SendError {
    match error.kind() {
        ErrorKind::NotADirectory => file_name::linked(),
        ErrorKind::InvalidFilename
        | ErrorKind::InvalidInput
        | ErrorKind::AlreadyExists // a file, where a folder is to be made
        | ErrorKind::IsADirectory => SendError::Refused(format!("the file cannot be made: {error}")),
        _ => SendError::Unreachable(error.to_string()),
    }
}

fn stopped() -> SendError {
    SendError::Broken("writing stopped".to_owned())
}

/// Readers see no file or a whole one; after a power cut too.
/// What nobody waits for any more is not put at its place: its sender was told that it may not be there.
fn write(
    folder: &Path,
    path: &str,
    body: &[u8],
    exists: Exists,
    cut: &CancellationToken,
) -> Result<(), SendError> {
    let (below, name) = path.rsplit_once('/').unwrap_or(("", path));
    let made = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder);
    let place = made.and_then(|()| Beneath::open(folder, below)).map_err(|error| failure(&error))?;
    clear_now_and_then(&folder.join(below), &place);
    let draft = file_name::draft();
    let result = keep(&place, &draft, body).map_err(|error| failure(&error)).and_then(|()| {
        for candidate in file_name::candidates(name, exists) {
            if cut.is_cancelled() {
                return Err(stopped());
            }
            if put(&place, &draft, &candidate, body, exists)? {
                return place.sync().map_err(|error| failure(&error));
            }
        }
        Err(file_name::taken())
    });
    let _ = place.remove(&draft); // it is at its place by another name, or there was an error
    result
}

/// Removes drafts that a crash left, an hour after the last look at the earliest.
fn clear_now_and_then(folder: &Path, place: &Beneath) {
    let now = Instant::now();
    let mut looked = LOOKED.lock().unwrap_or_else(PoisonError::into_inner);
    looked.retain(|_, at| now.duration_since(*at) < LOOK);
    if !looked.contains_key(folder) && looked.len() < MOST_FOLDERS {
        looked.insert(folder.to_owned(), now);
        drop(looked);
        clear(place);
    }
}

/// Drafts that are old, and plain files. Another host may share the folder: its drafts are not old.
fn clear(place: &Beneath) {
    let Ok(entries) = fs::read_dir(place.path()) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().to_str().is_some_and(file_name::is_draft))
    {
        let age = |known: &fs::Metadata| known.modified().ok().and_then(|at| at.elapsed().ok());
        let is_left = |known: &fs::Metadata| known.is_file() && age(known).is_some_and(|age| age > OLD_DRAFT);
        if entry.metadata().is_ok_and(|known| is_left(&known)) {
            let _ = fs::remove_file(entry.path()); // where that is not allowed, it stays
        }
    }
}

fn keep(place: &Beneath, draft: &str, body: &[u8]) -> io::Result<()> {
    let mut file = place.create(draft)?;
    file.write_all(body)?;
    file.sync_all()
}

/// Gives the draft its name; `false` where that is another file's.
fn put(place: &Beneath, draft: &str, name: &str, body: &[u8], exists: Exists) -> Result<bool, SendError> {
    if exists == Exists::Replace {
        return place.rename(draft, name).map(|()| true).map_err(|error| failure(&error));
    }
    let is_there = match place.link(draft, name) {
        Ok(()) => return Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => true,
        // Some file systems have no second names.
        Err(_) => place.has(name),
    };
    if !is_there {
        return place.rename(draft, name).map(|()| true).map_err(|error| failure(&error));
    }
    // What an earlier try wrote is as it should be.
    is_same(place, name, body).map_err(|error| failure(&error))
}

fn is_same(place: &Beneath, name: &str, body: &[u8]) -> io::Result<bool> {
    let file = match place.read(name) {
        Ok(file) => file,
        // Somebody else's, a link, or a socket.
        Err(error)
            if error.kind() == ErrorKind::PermissionDenied
                || [Errno::ELOOP, Errno::ENXIO].iter().any(|no| error.raw_os_error() == Some(*no as i32)) =>
        {
            return Ok(false);
        }
        Err(error) => return Err(error),
    };
    let known = file.metadata()?;
    if !known.is_file() || usize::try_from(known.len()).ok() != Some(body.len()) {
        return Ok(false);
    }
    let mut bytes = Vec::with_capacity(body.len());
    file.take(known.len()).read_to_end(&mut bytes)?;
    Ok(bytes == body)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use std::fs::File;

    use super::*;

    /// Somebody waits for it.
    fn write(folder: &Path, path: &str, body: &[u8], exists: Exists) -> Result<(), SendError> {
        super::write(folder, path, body, exists, &CancellationToken::new())
    }

    #[test]
    fn what_nobody_waits_for_any_more_is_not_put_at_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let cut = CancellationToken::new();
        cut.cancel();
        let written = super::write(folder.path(), "7.csv", b"late", Exists::Error, &cut);
        assert!(matches!(written, Err(SendError::Broken(_))), "{written:?}");
        assert!(names(folder.path()).is_empty(), "{:?}", names(folder.path()));
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_of_another_document_stays_and_an_own_one_is_no_mistake() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let of = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        write(folder, "7.csv", b"first", Exists::Error).unwrap();
        write(folder, "7.csv", b"first", Exists::Error).unwrap();
        let error = write(folder, "7.csv", b"other", Exists::Error).unwrap_err();
        assert!(matches!(&error, SendError::Refused(text) if text.contains("already")), "{error}");
        assert_eq!((of("7.csv").as_str(), names(folder)), ("first", vec!["7.csv".to_owned()]));
        for _ in 0..2 {
            write(folder, "7.csv", b"other", Exists::Number).unwrap();
        }
        assert_eq!(of("7-2.csv"), "other");
        assert_eq!(names(folder), ["7-2.csv", "7.csv"]);
        write(folder, "7.csv", b"third", Exists::Replace).unwrap();
        assert_eq!(of("7.csv"), "third");
        assert_eq!(names(folder), ["7-2.csv", "7.csv"]);
    }

    #[test]
    fn drafts_that_a_crash_left_go_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let [left, young, other, linked] =
            [".annex-0123456789abcdef.part", ".annex-fedcba9876543210.part", "7.part", "x"].map(at);
        let old = std::time::SystemTime::UNIX_EPOCH + OLD_DRAFT;
        for path in [&left, &other, &linked] {
            File::create(path).unwrap().set_modified(old).unwrap();
        }
        File::create(&young).unwrap();
        let link = at(".annex-0000000000000000.part");
        symlink(&linked, &link).unwrap();
        write(folder.path(), "8.csv", b"x", Exists::Error).unwrap();
        assert!(!left.exists());
        assert!([young, other, linked, link].iter().all(|path| path.exists()));
    }

    #[test]
    fn files_are_for_the_group_at_most_and_no_link_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let elsewhere = folder.join("elsewhere");
        fs::create_dir(folder.join("out")).unwrap();
        symlink(&elsewhere, folder.join("out/7.csv")).unwrap();
        let out = folder.join("out");
        assert!(matches!(write(&out, "7.csv", b"x", Exists::Error), Err(SendError::Refused(_))));
        write(&out, "7.csv", b"x", Exists::Replace).unwrap();
        assert!(!elsewhere.exists(), "the link was followed");
        write(&out, "below/8.csv", b"x", Exists::Error).unwrap();
        for (name, most) in [("7.csv", 0o640), ("below/8.csv", 0o640), ("below", 0o750)] {
            let mode = fs::metadata(out.join(name)).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode & !most, 0, "{name} has {mode:o}");
        }
    }

    #[test]
    fn no_linked_folder_is_followed_below_the_targets_own() {
        let base = tempfile::tempdir().unwrap();
        let [outside, real, out] = ["outside", "real", "out"].map(|name| base.path().join(name));
        fs::create_dir_all(outside.join("deep")).unwrap();
        fs::create_dir_all(real.join("year")).unwrap();
        symlink(&real, &out).unwrap();
        symlink(&outside, real.join("acme")).unwrap();
        symlink("../../outside/deep", real.join("year/acme")).unwrap();
        symlink("year", real.join("inside")).unwrap();
        for path in ["acme/7.csv", "acme/deep/7.csv", "acme/new/7.csv", "year/acme/7.csv", "inside/7.csv"] {
            for exists in [Exists::Error, Exists::Number, Exists::Replace] {
                let error = write(&out, path, b"x", exists).unwrap_err();
                assert!(
                    matches!(&error, SendError::Refused(text) if text.contains("link")),
                    "{path}: {error}"
                );
            }
        }
        assert_eq!(names(&outside), ["deep"], "a link was followed");
        assert!(names(&outside.join("deep")).is_empty() && names(&real.join("year")) == ["acme"]);
        // The target's own folder may be one.
        write(&out, "year/2026/7.csv", b"x", Exists::Error).unwrap();
        assert_eq!(fs::read(real.join("year/2026/7.csv")).unwrap(), b"x");
    }

    #[test]
    fn what_stands_in_the_way_of_a_name_is_no_passing_trouble() {
        let folder = tempfile::tempdir().unwrap();
        File::create(folder.path().join("file")).unwrap();
        fs::create_dir(folder.path().join("folder")).unwrap();
        for path in ["file/7.csv", "folder"] {
            for exists in [Exists::Error, Exists::Replace] {
                let error = write(folder.path(), path, b"x", exists).unwrap_err();
                assert!(matches!(error, SendError::Refused(_)), "{path}: {error}");
            }
        }
    }
}
