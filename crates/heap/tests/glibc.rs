//! What glibc really does, seen from outside: in processes of their own, because limits count for a whole process.

#![cfg(all(target_os = "linux", target_env = "gnu"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::process::Command;

use annex_heap::{Limits, give_back, in_use, limit};

const LIMITS: Limits = Limits { mapped_from: 4 << 20, kept_at_end: 8 << 20, heaps: 4 };

/// Kilobytes of memory that the process has.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// How many mappings there are whose size is that of a block of 1 MiB that was mapped by itself.
fn has_mapping_of(block: &[u8]) -> bool {
    let (first, maps) = (block.as_ptr().addr(), std::fs::read_to_string("/proc/self/maps").unwrap());
    maps.lines().any(|line| {
        let (from, to) = line.split(' ').next().and_then(|range| range.split_once('-')).unwrap();
        let [from, to] = [from, to].map(|hex| usize::from_str_radix(hex, 16).unwrap());
        // glibc keeps 16 bytes before a block; one that is mapped begins with a page.
        (from..to).contains(&first) && first % 4096 == 16
    })
}

/// Runs one test of this file in a process of its own, with variables, and gives what it printed.
fn alone(test: &str, variables: &[(&str, &str)]) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env_remove("GLIBC_TUNABLES")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
#[ignore = "run by the next one"]
fn a_block_of_one_mib() {
    limit(&LIMITS);
    // The first is large enough to be mapped whatever the limits are, and raises glibc's own when it is freed.
    drop(vec![1_u8; 30 << 20]);
    let block = vec![1_u8; 1 << 20];
    println!("mapped: {}", has_mapping_of(&block));
}

#[test]
fn limits_count_where_the_environment_sets_none() {
    let test = "a_block_of_one_mib";
    assert!(alone(test, &[]).contains("mapped: false"), "ours is 4 MiB");
    let variable = [("MALLOC_MMAP_THRESHOLD_", "65536")];
    assert!(alone(test, &variable).contains("mapped: true"), "the variable stays");
    let tunables = [("GLIBC_TUNABLES", "glibc.malloc.mmap_threshold=65536")];
    assert!(alone(test, &tunables).contains("mapped: true"), "the tunable stays");
    let another = [("MALLOC_ARENA_MAX", "2")];
    assert!(alone(test, &another).contains("mapped: false"), "one that is set leaves the others to us");
}

#[test]
#[ignore = "run by the next one"]
fn a_heap_with_holes() {
    limit(&LIMITS);
    let begin = resident();
    let mut blocks: Vec<Vec<u8>> = (0..1_600).map(|_| vec![1_u8; 64 << 10]).collect();
    let full = (resident() - begin, in_use().unwrap());
    // Each second one stays, and so does the end of the heap.
    let mut stays = false;
    blocks.retain(|_| {
        stays = !stays;
        stays
    });
    let end = vec![1_u8; 64 << 10];
    let holes = (resident() - begin, in_use().unwrap());
    give_back();
    let after = resident() - begin;
    println!("{full:?} {holes:?} {after}");
    assert!(full.0 > 95_000 && full.1 > 100_000_000, "{full:?}");
    assert!(holes.0 > 95_000 && holes.1 < 60_000_000, "freed, and kept by the allocator: {holes:?}");
    assert!(after < 65_000, "{after} kB");
    assert!(blocks.iter().chain([&end]).all(|block| block.iter().all(|byte| *byte == 1)));
}

#[test]
fn holes_in_the_middle_are_given_back_and_what_is_in_use_stays() {
    alone("a_heap_with_holes", &[]);
}
