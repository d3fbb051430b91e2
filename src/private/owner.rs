//! Root in somebody else's folder: it becomes that user first, and can then do no more than the user could.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind::NotADirectory, ErrorKind::NotFound};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use nix::unistd::{Gid, Uid, User, geteuid, setegid, seteuid, setgroups};

/// Links on one way; the kernel's own limit.
const MOST_LINKS: u32 = 40;

/// Has a process of root's work as the user that a folder, or one on the way to it, belongs to; for its whole life.
/// Whoever else it runs as, it stays. For commands, before they open anything in the folder.
pub fn become_owner(folder: &Path) -> io::Result<()> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let Some((user, group)) = stranger(&std::path::absolute(folder)?)? else { return Ok(()) };
    let group = Gid::from_raw(group);
    setgroups(&[group])?;
    setegid(group)?;
    seteuid(Uid::from_raw(user))?;
    Ok(())
}

/// The user whom root would have to become to work in a folder; `None` where it need not, or is not root.
pub fn foreign_owner(folder: &Path) -> io::Result<Option<u32>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    Ok(stranger(&std::path::absolute(folder)?)?.map(|(user, _)| user))
}

/// Whom this process works as.
pub fn runs_as() -> String {
    user_name(geteuid().as_raw())
}

/// The name of a user; the number of one whom this host does not know.
pub fn user_name(user: u32) -> String {
    let known = User::from_uid(Uid::from_raw(user)).ok().flatten();
    known.map_or_else(|| format!("user {user}"), |known| known.name)
}

/// The first on the way to a folder who is not root, and so may put a link there: each name is looked at, and each
/// link's own way.
fn stranger(folder: &Path) -> io::Result<Option<(u32, u32)>> {
    let mut left: VecDeque<OsString> = names(folder).collect();
    let mut at = PathBuf::from("/");
    let mut links = 0;
    while let Some(name) = left.pop_front() {
        if name == ".." {
            at.pop();
            continue;
        }
        at.push(&name);
        let known = match fs::symlink_metadata(&at) {
            // Whoever makes the rest says what is wrong with it.
            Err(error) if matches!(error.kind(), NotFound | NotADirectory) => return Ok(None),
            other => other?,
        };
        if known.uid() != 0 {
            return Ok(Some((known.uid(), known.gid())));
        }
        if known.is_symlink() {
            links += 1;
            if links > MOST_LINKS {
                return Err(io::Error::other(format!("{}: too many links", folder.display())));
            }
            let target = fs::read_link(&at)?;
            at.pop();
            if target.is_absolute() {
                at = PathBuf::from("/");
            }
            for name in names(&target).collect::<Vec<_>>().into_iter().rev() {
                left.push_front(name);
            }
        }
    }
    Ok(None)
}

fn names(path: &Path) -> impl Iterator<Item = OsString> + '_ {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{lchown, symlink};

    use super::*;

    #[test]
    fn whoever_may_put_a_link_on_the_way_is_found() {
        if !geteuid().is_root() {
            return; // only root can give folders away
        }
        let folder = tempfile::tempdir_in("/var/lib").unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("ours/state")).unwrap();
        fs::create_dir_all(at("theirs/state")).unwrap();
        lchown(at("theirs"), Some(7), Some(8)).unwrap();
        symlink(at("theirs/state"), at("leads-to-theirs")).unwrap();
        symlink("ours/../leads-to-theirs", at("leads-further")).unwrap();
        symlink(at("ours"), at("link-of-theirs")).unwrap();
        lchown(at("link-of-theirs"), Some(7), Some(8)).unwrap();
        symlink(at("round"), at("round")).unwrap();
        for (path, found) in [
            ("ours/state", None),
            ("ours/none/below", None),
            ("theirs/state", Some((7, 8))), // the folder itself is root's
            ("theirs/none", Some((7, 8))),
            ("leads-to-theirs", Some((7, 8))),
            ("leads-further/x", Some((7, 8))),
            ("link-of-theirs/state", Some((7, 8))), // leads to root's
        ] {
            assert_eq!(stranger(&at(path)).unwrap(), found, "{path}");
        }
        assert!(stranger(&at("round")).is_err());
    }
}
