//! What mimalloc really does, where musl is the C library. `dist/build` runs it for x86-64.

#![cfg(target_env = "musl")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::sync::Barrier;
use std::thread;

use annex_heap::give_back;

/// Kilobytes of memory that the process has.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn what_threads_at_rest_have_freed_goes_back() {
    const THREADS: usize = 4;
    let (full, freed, seen) =
        (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut blocks: Vec<Vec<u8>> = (0..100_000).map(|at| vec![1; 64 + at % 400]).collect();
                full.wait();
                // One block in a thousand stays.
                let mut at = 0;
                blocks.retain(|_| {
                    at += 1;
                    at % 1000 == 0
                });
                blocks.shrink_to_fit();
                freed.wait();
                seen.wait();
            });
        }
        full.wait();
        let most = resident();
        freed.wait();
        give_back();
        let left = resident();
        seen.wait();
        assert!(most > 80_000, "{most} kB");
        assert!(left < most / 4, "{left} of {most} kB");
    });
}
