//! Descriptors: as many as the system lets the process have, and connections within them. Without one, no connection is
//! accepted, and no file opened.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tracing::warn;

/// Kept for what is no connection of a caller: files, databases, calls to other systems. A quarter where there are few.
const SPARE: u64 = 256;

/// Raises the limit to what the system allows at most: the usual one is for programs that use `select`.
pub fn raise() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(soft, hard)| {
        if soft < hard { setrlimit(Resource::RLIMIT_NOFILE, hard, hard) } else { Ok(()) }
    });
    if let Err(error) = raised {
        warn!("cannot raise the limit of open files: {error}");
    }
}

/// Connections at a time within a limit of open files.
pub fn connections_within(limit: u64) -> usize {
    usize::try_from(limit - SPARE.min(limit / 4)).unwrap_or(usize::MAX)
}

/// So many connections, or as many as the limit of open files lets there be.
pub(super) fn capped(wanted: usize) -> usize {
    let Ok((limit, _)) = getrlimit(Resource::RLIMIT_NOFILE) else { return wanted };
    let most = connections_within(limit);
    if wanted > most {
        warn!(
            "`connections` is {wanted}, and this process may open {limit} files: it takes {most} connections at a time. For more, \
             raise LimitNOFILE= of the service (systemctl edit annex), or ulimit -Hn"
        );
    }
    wanted.min(most)
}
