//! A disk that can be full.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A small file system at a folder that it makes; gone with it.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None where this user may mount nothing.
    pub(crate) fn mount(folder: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(folder).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(folder).stderr(Stdio::null());
        let is_mounted = mount.status().is_ok_and(|status| status.success());
        if !is_mounted {
            eprintln!("NOT RUN: it needs the right to mount a file system");
        }
        is_mounted.then(|| Self(folder.to_owned()))
    }

    /// Leaves no byte free.
    pub(crate) fn fill(&self) {
        use std::io::Write as _;
        let mut file = std::fs::File::create(self.0.join("filler")).unwrap();
        while file.write_all(&[0; 512]).is_ok() {}
    }

    pub(crate) fn free(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
