//! The allocator gives large blocks back to the system.
//!
//! glibc keeps what large bodies took: each block that is freed raises the size from which blocks are mapped one by one,
//! up to 32 MiB, and less is kept in heaps that shrink at their end only. Variables fix both sizes and the number of heaps;
//! they are read when a process starts, so that it starts itself once more with them: the same process, with its descriptors.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// Bytes; larger blocks are mapped one by one, and bodies that are as large grow without a copy. Those of common deliveries
/// are not: the system would have to clear their pages anew each time, which costs a delivery of 300 kB four tenths more.
const MAPPED: (&str, &str) = ("MALLOC_MMAP_THRESHOLD_", "4194304");
/// Bytes that may be free at the end of a heap.
const TRIMMED: (&str, &str) = ("MALLOC_TRIM_THRESHOLD_", "8388608");

/// Heaps that threads share. By default there are eight for each core, and each keeps what was free at its end.
const HEAPS: (&str, &str) = ("MALLOC_ARENA_MAX", "4");

/// Starts the process once more where the allocator is not told yet. It goes on where that cannot be.
pub(super) fn settle() {
    if [MAPPED, TRIMMED].iter().any(|(name, _)| std::env::var_os(name).is_some()) {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let mut command = Command::new(program);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    if std::env::var_os(HEAPS.0).is_none() {
        command.envs([HEAPS]);
    }
    // Nothing is lost where it fails: memory is only kept for longer.
    let _ = command.args(arguments).envs([MAPPED, TRIMMED]).exec();
}
