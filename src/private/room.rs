//! How much room a disk has.

use std::path::Path;

use nix::sys::statvfs::statvfs;

/// Bytes that this user can still write below a folder; `None` where the system does not say.
pub fn free(folder: &Path) -> Option<u64> {
    let known = statvfs(folder).ok()?;
    known.blocks_available().checked_mul(known.fragment_size())
}
