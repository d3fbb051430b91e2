//! Files of mode 0600, made anew or checked on their descriptor.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown,
};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use nix::fcntl::AtFlags;
use nix::libc::{O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_PATH};
use nix::unistd::{Gid, Uid, fchownat, geteuid};

use super::drafts;

const LINK: &str = "is a link, which is not followed: remove it";

/// Two that write the same file at a time write drafts of their own.
static DRAFTS: AtomicU64 = AtomicU64::new(0);

/// Makes a folder that only its owner looks into, and those above it, where they are not there yet.
pub fn folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// As [`folder`]; one that is there is no link, belongs to the owner of the one above it, and others lose their rights.
pub fn own_folder(path: &Path) -> io::Result<()> {
    folder(path)?;
    let flags = O_DIRECTORY | O_NOFOLLOW;
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let opened = match opened {
        Err(_) if is_link(path) => return refused(path, LINK),
        other => other?,
    };
    give(&opened, path)?;
    opened.set_permissions(Permissions::from_mode(0o700))
}

/// Only its owner uses a socket that was just bound.
pub fn own_socket(path: &Path) -> io::Result<()> {
    let socket = OpenOptions::new().read(true).custom_flags(O_PATH | O_NOFOLLOW).open(path)?;
    if !socket.metadata()?.file_type().is_socket() {
        return refused(path, "is no socket any more");
    }
    protect(&socket)
}

/// Writes a file that only its owner reads: readers see the old one or the new one, never a part.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    Draft::new(path)?.fill(bytes)?.keep()
}

/// As [`write()`]; it is on disk when this returns, also after a power cut.
pub fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = Draft::new(path)?.fill(bytes)?;
    draft.file.sync_all()?;
    draft.keep()?;
    File::open(folder_of(path))?.sync_all()
}

/// As [`write_durably`], with the owner and the mode of another file.
pub fn write_like(model: &Metadata, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = Draft::new(path)?.fill(bytes)?;
    // Only root can give a file away; whoever else owns both already.
    let _ = fchown(&draft.file, Some(model.uid()), Some(model.gid()));
    draft.file.set_permissions(Permissions::from_mode(model.mode() & 0o777))?;
    draft.file.sync_all()?;
    draft.keep()?;
    File::open(folder_of(path))?.sync_all()
}

/// A file beside the one that it becomes. Dropped before, it is removed.
struct Draft<'p> {
    path: &'p Path,
    beside: PathBuf,
    file: File,
    is_kept: bool,
}

impl<'p> Draft<'p> {
    fn new(path: &'p Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
        drafts::clear_once(folder_of(path));
        loop {
            let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
            let beside = folder_of(path).join(drafts::name(&name, number));
            // New: it follows no link, and has no mode from before.
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside) {
                Ok(file) => {
                    let draft = Self { path, beside, file, is_kept: false };
                    give(&draft.file, &draft.beside)?;
                    return Ok(draft);
                }
                // What a crash left.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => fs::remove_file(&beside)?,
                Err(error) => return Err(error),
            }
        }
    }

    fn fill(mut self, bytes: &[u8]) -> io::Result<Self> {
        self.file.write_all(bytes)?;
        Ok(self)
    }

    fn keep(mut self) -> io::Result<()> {
        fs::rename(&self.beside, self.path)?;
        self.is_kept = true;
        Ok(())
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = fs::remove_file(&self.beside); // the error that led here is the one to tell
        }
    }
}

/// Opens a file that processes lock; makes it where it is not there yet.
pub fn lock_file(path: &Path) -> io::Result<File> {
    ensure(path)?;
    OpenOptions::new().write(true).custom_flags(O_NOFOLLOW | O_NONBLOCK).open(path)
}

/// Makes an empty file where there is none, and has it be as [`adopt`] wants it.
pub fn ensure(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => adopt(path),
    }
}

/// Has a file, where there is one, belong to the owner of its folder, who alone reads it. A link, and what is no plain
/// file of one name, is an error.
pub fn adopt(path: &Path) -> io::Result<()> {
    // O_PATH: closing any other descriptor would take the locks away that SQLite holds on the file in this process.
    let opened = OpenOptions::new().read(true).custom_flags(O_PATH | O_NOFOLLOW).open(path);
    let file = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let known = file.metadata()?;
    if known.is_symlink() {
        return refused(path, LINK);
    }
    if !known.is_file() {
        return refused(path, "is no file: move it away");
    }
    let is_ours = known.uid() == fs::metadata(folder_of(path))?.uid();
    let is_private = known.mode() & 0o777 == 0o600;
    if known.nlink() > 1 && !(is_ours && is_private) {
        // The other name may be somebody else's way to it. (A backup by hard links is as it should be, and stays.)
        return refused(path, "has a second name somewhere (a hard link): remove one");
    }
    give(&file, path)?;
    if is_private { Ok(()) } else { protect(&file) }
}

/// What is no plain file is an error, and is not opened: a pipe would keep whoever does waiting.
pub fn plain(path: &Path) -> io::Result<()> {
    let known = fs::symlink_metadata(path)?;
    if known.is_symlink() {
        refused(path, LINK)
    } else if known.is_file() {
        Ok(())
    } else {
        refused(path, "is no file: move it away")
    }
}

/// What root makes in somebody's folder is the folder's owner's. Who is not root cannot give a file away, and need not.
fn give(file: &File, path: &Path) -> io::Result<()> {
    let folder = fs::metadata(folder_of(path))?;
    let owner = file.metadata()?.uid();
    if owner == folder.uid() || !geteuid().is_root() {
        return Ok(());
    }
    if owner != 0 {
        return refused(path, "belongs neither to the owner of its folder nor to root: move it away");
    }
    let (user, group) = (Uid::from_raw(folder.uid()), Gid::from_raw(folder.gid()));
    Ok(fchownat(file, "", Some(user), Some(group), AtFlags::AT_EMPTY_PATH)?)
}

/// Mode 0600 by the one way that leads to the descriptor of a path.
fn protect(file: &File) -> io::Result<()> {
    let same = format!("/proc/self/fd/{}", file.as_raw_fd());
    fs::set_permissions(same, Permissions::from_mode(0o600))
}

fn refused(path: &Path, why: &str) -> io::Result<()> {
    Err(io::Error::other(format!("{} {why}", path.display())))
}

/// Whether a link has this name, wherever it leads.
pub fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|known| known.is_symlink())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn an_earlier_file_lends_neither_its_mode_nor_its_link() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let other = folder.path().join("other");
        for write in [write, write_durably] {
            File::create(&path).unwrap().set_permissions(Permissions::from_mode(0o644)).unwrap();
            write(&path, b"one").unwrap();
            assert_eq!((mode(&path), fs::read(&path).unwrap()), (0o600, b"one".to_vec()));
            fs::remove_file(&path).unwrap();
            File::create(&other).unwrap();
            symlink(&other, &path).unwrap();
            write(&path, b"two").unwrap();
            assert!(!is_link(&path), "the link is replaced, not followed");
            assert_eq!(fs::read(&other).unwrap(), b"");
            fs::remove_file(&path).unwrap();
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside");
        assert!(write(&folder.path().join("none/token"), b"").is_err());
    }

    #[test]
    fn a_file_like_another_has_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        write(&path, b"old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        write_like(&fs::metadata(&path).unwrap(), &path, b"new").unwrap();
        assert_eq!((mode(&path), fs::read(&path).unwrap()), (0o640, b"new".to_vec()));
    }

    #[test]
    fn links_and_what_is_no_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let [path, other] = ["lock", "other"].map(|name| folder.path().join(name));
        let refused = |path: &Path| {
            assert!(adopt(path).is_err(), "adopt");
            lock_file(path).unwrap_err().to_string()
        };
        symlink(&other, &path).unwrap();
        assert!(refused(&path).contains("link"));
        assert!(!other.exists(), "nothing was made where it leads");
        File::create(&other).unwrap().set_permissions(Permissions::from_mode(0o644)).unwrap();
        assert!(refused(&path).contains("link"));
        fs::remove_file(&path).unwrap();
        fs::hard_link(&other, &path).unwrap();
        assert!(refused(&path).contains("second name"));
        assert_eq!(mode(&other), 0o644);
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(!refused(&path).is_empty());
        assert!(adopt(&folder.path().join("none")).is_ok());
        fs::remove_dir(&path).unwrap();
        symlink(folder.path(), &path).unwrap();
        assert!(own_folder(&path).is_err());
        fs::remove_file(&path).unwrap();
        lock_file(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        adopt(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
    }
}
