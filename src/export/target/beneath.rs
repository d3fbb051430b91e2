//! Folders below a target's own one: each is opened within the one above it, and no link is followed on the way.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{Mode, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, linkat, unlinkat};

/// Who runs this, and its group: other systems read the files as members of it.
const FILE_MODE: Mode = Mode::from_bits_truncate(0o640);
const FOLDER_MODE: Mode = Mode::from_bits_truncate(0o750);

/// A folder that is open: whatever becomes of its path, files are made in it.
pub(super) struct Beneath(OwnedFd);

impl Beneath {
    /// The folder of this path below a target's folder, with those that are missing. The target's folder itself may be a
    /// link; what is a link or a file below it is [`io::ErrorKind::NotADirectory`].
    pub(super) fn open(folder: &Path, below: &str) -> io::Result<Self> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut at = Self(openat(AT_FDCWD, folder, flags, Mode::empty())?);
        for name in below.split('/').filter(|name| !name.is_empty()) {
            match mkdirat(&at.0, name, FOLDER_MODE) {
                Ok(()) => at.sync()?,
                Err(Errno::EEXIST) => {}
                Err(error) => return Err(error.into()),
            }
            at = Self(openat(&at.0, name, flags | OFlag::O_NOFOLLOW, Mode::empty())?);
        }
        Ok(at)
    }

    /// A path that leads to it, wherever it is now, as long as it is open.
    pub(super) fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
    }

    /// A file that was not there, whatever link somebody put there.
    pub(super) fn create(&self, name: &str) -> io::Result<File> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        Ok(openat(&self.0, name, flags, FILE_MODE)?.into())
    }

    /// A file to be read. One that never answers, such as a pipe, does not wait.
    pub(super) fn read(&self, name: &str) -> io::Result<File> {
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        Ok(openat(&self.0, name, flags, Mode::empty())?.into())
    }

    /// Whether something has this name, be it a link that leads nowhere.
    pub(super) fn has(&self, name: &str) -> bool {
        fstatat(&self.0, name, AtFlags::AT_SYMLINK_NOFOLLOW).is_ok()
    }

    /// Another name, in place of what has it.
    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(renameat(&self.0, from, &self.0, to)?)
    }

    /// A second name, where nothing has it yet.
    pub(super) fn link(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(linkat(&self.0, from, &self.0, to, AtFlags::empty())?)
    }

    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.0, name, UnlinkatFlags::NoRemoveDir)?)
    }

    /// Its names outlast a power cut.
    pub(super) fn sync(&self) -> io::Result<()> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        File::from(openat(&self.0, ".", flags, Mode::empty())?).sync_all()
    }
}
