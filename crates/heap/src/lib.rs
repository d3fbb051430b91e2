//! The allocator: glibc's, told its limits, or mimalloc where musl is the C library; asked to give free memory back. The
//! functions are safe, and this is the only package of the project that calls C by itself. No published crate has these
//! calls behind a safe face.
//!
//! musl's own allocator is not used: its one lock makes threads wait for each other. With a third C library nothing happens.

use std::ffi::OsStr;

/// What glibc's allocator keeps to.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes from which a block is mapped by itself, and given back when it is freed.
    pub mapped_from: i32,
    /// Bytes that may be free at the end of a heap before they are given back.
    pub kept_at_end: i32,
    /// Heaps that threads share.
    pub heaps: i32,
}

/// A limit of glibc's: its number in `mallopt`, its variable, its name in `GLIBC_TUNABLES`.
struct Limit {
    #[cfg_attr(not(all(target_os = "linux", target_env = "gnu")), expect(dead_code, reason = "glibc's"))]
    number: i32,
    variable: &'static str,
    tunable: &'static str,
}

// The numbers are those of glibc's malloc.h.
const TRIM_THRESHOLD: Limit =
    Limit { number: -1, variable: "MALLOC_TRIM_THRESHOLD_", tunable: "glibc.malloc.trim_threshold" };
const MMAP_THRESHOLD: Limit =
    Limit { number: -3, variable: "MALLOC_MMAP_THRESHOLD_", tunable: "glibc.malloc.mmap_threshold" };
const ARENA_MAX: Limit =
    Limit { number: -8, variable: "MALLOC_ARENA_MAX", tunable: "glibc.malloc.arena_max" };

impl Limit {
    /// Whether whoever starts the process set it: then it stays.
    fn is_set(&self) -> bool {
        let tunables = std::env::var_os("GLIBC_TUNABLES");
        std::env::var_os(self.variable).is_some()
            || tunables.is_some_and(|tunables| names(&tunables, self.tunable))
    }
}

/// Whether tunables, as in `glibc.malloc.arena_max=2:glibc.malloc.check=3`, have this name.
fn names(tunables: &OsStr, name: &str) -> bool {
    tunables.to_string_lossy().split(':').any(|one| one.split('=').next() == Some(name))
}

/// Sets glibc's limits for this process; those that its environment sets (`MALLOC_ARENA_MAX` and such, or `GLIBC_TUNABLES`)
/// stay. It counts for what is allocated from then on: call it before threads start.
pub fn limit(limits: &Limits) {
    for (limit, value) in [
        (MMAP_THRESHOLD, limits.mapped_from),
        (TRIM_THRESHOLD, limits.kept_at_end),
        (ARENA_MAX, limits.heaps),
    ] {
        if !limit.is_set() {
            heap::set(&limit, value);
        }
    }
}

/// Gives the pages back that lie free in any heap, in the middle too. Each of glibc's heaps is locked while it is walked:
/// whoever wants memory from it waits.
pub fn give_back() {
    heap::give_back();
}

/// Bytes of memory in use: what was allocated and not freed. `None` where the allocator does not say. Each of glibc's heaps
/// is locked while its free blocks are counted.
#[must_use]
pub fn in_use() -> Option<usize> {
    heap::in_use()
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod heap {
    use super::Limit;

    #[expect(unsafe_code, reason = "a function of C")]
    pub(super) fn set(limit: &Limit, value: i32) {
        // SAFETY: it takes two numbers and no pointer, locks what it changes, and refuses what it does not know.
        unsafe {
            libc::mallopt(limit.number, value);
        }
    }

    #[expect(unsafe_code, reason = "a function of C")]
    pub(super) fn give_back() {
        // SAFETY: it takes no pointer, and touches no block that is in use; it locks each heap, so that any thread may call
        // it at any time.
        unsafe {
            libc::malloc_trim(0);
        }
    }

    #[expect(unsafe_code, reason = "a function of C")]
    #[expect(clippy::unnecessary_wraps, reason = "other C libraries do not say")]
    pub(super) fn in_use() -> Option<usize> {
        // SAFETY: it takes nothing and returns numbers by value; it locks each heap, so that any thread may call it.
        let counted = unsafe { libc::mallinfo2() };
        // Of the heaps, and mapped block by block.
        Some(counted.uordblks + counted.hblkhd)
    }
}

#[cfg(target_env = "musl")]
mod heap {
    use super::Limit;

    #[global_allocator]
    static HEAP: mimalloc::MiMalloc = mimalloc::MiMalloc;

    pub(super) fn set(_: &Limit, _: i32) {}

    #[expect(unsafe_code, reason = "a function of C")]
    pub(super) fn give_back() {
        // SAFETY: it takes a flag and no pointer, and touches no block that is in use; any thread may call it at any time.
        unsafe {
            libmimalloc_sys::mi_collect(true);
        }
    }

    pub(super) fn in_use() -> Option<usize> {
        None
    }
}

#[cfg(not(any(all(target_os = "linux", target_env = "gnu"), target_env = "musl")))]
mod heap {
    use super::Limit;

    pub(super) fn set(_: &Limit, _: i32) {}

    pub(super) fn give_back() {}

    pub(super) fn in_use() -> Option<usize> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tunable_is_known_by_its_whole_name() {
        let tunables = OsStr::new("glibc.malloc.check=3:glibc.malloc.arena_max=2");
        assert!(names(tunables, "glibc.malloc.arena_max") && names(tunables, "glibc.malloc.check"));
        assert!(!names(tunables, "glibc.malloc.arena") && !names(tunables, "2") && !names(tunables, ""));
    }
}
