//! What docs/security.md says of memory: bodies of any shape take so much and no more, and it is given back.

use std::time::Duration;

use crate::support::{Annex, Client, eventually, invoice_with_lines};

/// A body whose annotation has so many of these nodes.
fn nodes(node: &str, count: usize) -> String {
    let list = vec![node; count].join(",");
    format!(
        r#"{{"event": "annotation_content", "action": "updated", "annotation": {{"id": 1, "content": [{list}]}}}}"#
    )
}

#[test]
fn a_body_with_more_nodes_than_a_document_can_have_is_refused_with_the_cause() {
    let annex = Annex::dev();
    let before = annex.memory_kb("VmHWM");
    let deep = r#"{"children":[{},{}]}"#;
    for (node, count) in [("{}", 5_000_000), ("{\"id\":1}", 2_000_000), (deep, 700_000)] {
        let answer = annex.client().deliver("/invoice_checks", nodes(node, count));
        assert_eq!(answer.status, 413, "{count} of {node}");
        let text = answer.json()["messages"][0]["content"].as_str().unwrap().to_owned();
        assert!(text.contains("more than") && text.contains("cells"), "{text}");
    }
    annex.logs("more than 250000 sections, fields, rows and cells", Duration::from_secs(5));
    let grown = annex.memory_kb("VmHWM") - before;
    // Twice the largest body, while its buffer grows, and 250,000 nodes.
    assert!(grown < 130_000, "{grown} kB");
    assert_eq!(annex.client().deliver("/invoice_checks", nodes("{}", 200_000)).status, 200);
    let ids = format!(r#"{{"updated_datapoints": [{}1]}}"#, "1,".repeat(300_000));
    assert_eq!(annex.client().deliver("/invoice_checks", ids).status, 400);
}

#[test]
fn memory_is_given_back_after_large_bodies() {
    let annex = Annex::dev_but(|command| {
        command.args(["--inspector", "off"]); // it keeps deliveries
    });
    let large = invoice_with_lines(5_000);
    assert!(large.len() > 16_000_000);
    let resident = || annex.memory_kb("RssAnon");
    assert_eq!(annex.client().deliver("/invoice_checks", invoice_with_lines(10)).status, 200);
    let before = resident();
    let workers: Vec<_> = (0..6)
        .map(|_| {
            let (body, address) = (large.clone(), annex.address);
            std::thread::spawn(move || {
                for _ in 0..2 {
                    let answer = Client::plain(address).deliver("/invoice_checks", &body);
                    assert!([200, 413, 503].contains(&answer.status), "{answer:?}");
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().unwrap();
    }
    println!("{before} kB before, {} kB right after, at most {} kB", resident(), annex.memory_kb("VmHWM"));
    eventually("the memory is given back", Duration::from_secs(30), || resident() < before + 20_000);
    println!("{} kB at rest", resident());
}

/// How many of glibc's heaps a process has beside its first: each lies at a multiple of 64 MiB.
fn heaps(annex: &Annex) -> usize {
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", annex.pid())).unwrap();
    let is_heap = |line: &&str| {
        let start = line.split('-').next().and_then(|start| usize::from_str_radix(start, 16).ok()).unwrap();
        start.is_multiple_of(64 << 20) && line.contains(" rw-p 00000000 00:00 0")
    };
    maps.lines().filter(is_heap).count()
}

#[test]
fn the_allocator_keeps_to_our_limits_and_to_those_that_the_environment_sets() {
    for (variable, least, most) in [
        (None, 1, 3),
        (Some(("MALLOC_ARENA_MAX", "1")), 0, 0),
        (Some(("GLIBC_TUNABLES", "glibc.malloc.arena_max=1")), 0, 0),
    ] {
        let annex = Annex::dev_but(|command| {
            command.env_remove("MALLOC_ARENA_MAX").env_remove("GLIBC_TUNABLES").envs(variable);
        });
        std::thread::scope(|scope| {
            for _ in 0..8 {
                let annex = &annex;
                scope.spawn(move || {
                    assert_eq!(annex.client().deliver("/invoice_checks", invoice_with_lines(50)).status, 200);
                });
            }
        });
        let heaps = heaps(&annex);
        assert!((least..=most).contains(&heaps), "{variable:?}: {heaps}");
        let environment = std::fs::read(format!("/proc/{}/environ", annex.pid())).unwrap();
        let has = environment.split(|byte| *byte == 0).any(|one| one.starts_with(b"MALLOC_MMAP_THRESHOLD_"));
        assert!(!has, "it started itself anew");
    }
}

#[test]
fn the_service_has_the_bounds_that_the_pages_name_and_the_defaults_stay_below() {
    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    let (unit, operate, security) =
        (read("systemd/annex.service"), read("docs/operate.md"), read("docs/security.md"));
    let bytes = |key: &str| {
        let line = unit.lines().find(|line| line.starts_with(&format!("{key}="))).unwrap();
        assert!(operate.contains(line), "docs/operate.md names {line}");
        let value = line.split_once('=').unwrap().1;
        let (number, unit) = value.split_at(value.find(char::is_alphabetic).unwrap_or(value.len()));
        number.parse::<u64>().unwrap()
            << [("", 0), ("M", 20), ("G", 30)].iter().find(|one| one.0 == unit).unwrap().1
    };
    let worst = security.split("some ").find_map(|rest| rest.split_once(" MiB at worst")).unwrap();
    let worst = worst.0.parse::<u64>().unwrap() << 20;
    assert!(worst * 3 / 2 < bytes("MemoryHigh") && bytes("MemoryHigh") < bytes("MemoryMax"));
    assert!(bytes("TasksMax") >= 1_024);
}
