//! Integration tests: the real binary, over real sockets, with a real ACME CA (pebble).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod support;

/// The commands that administer an account of Rossum's.
mod account;
mod apart;
/// Under attack: floods, lies, silence, garbage.
mod attack;
/// Direct exports that end without a known verdict.
mod begun;
/// The step `business_rules`.
mod business_rules;
/// Recorded deliveries and `annex test`.
mod cases;
/// Certificates: first order by both challenges, restarts, a CA that is down, damaged files, renewal.
mod certificates;
/// `annex check`, `send`, `secret new`, `completions`: words and exit codes.
mod cli;
/// A network that is closed but for a proxy.
mod closed;
mod commands;
/// The step `match` on a customer's PostgreSQL.
mod databases;
/// `annex data`: importing, updating, and what can go wrong meanwhile.
mod datasets;
/// What dist/ brings: files for containers and for a VPS, the image.
mod dist;
/// `annex doctor`.
mod doctor;
/// The door: signatures, statuses, limits, all events, slow and lying clients.
mod door;
/// What is kept and sent while the disk is full, steps fail halfway, targets are slow.
mod durability;
/// The step `export`, the outbox, deliveries that come again.
mod exports;
/// The first minutes, and every day after.
mod first;
/// `use = "forward"`.
mod forwarding;
/// What hints say works as it is written.
mod hints;
/// Hostile texts on the terminal and in the log; requests that say things twice; pages that listen.
mod hostile;
/// The map of the house: which room imports which.
mod house;
/// Certificates for IP addresses, wildcards by a record in the DNS.
mod identifiers;
mod ignored;
/// Files of records as ERPs write them: what is imported, what is refused, and what is said.
mod imports;
/// The inspector, in a real browser.
mod inspector;
mod inspector_hooks;
/// Time-outs, the drain, overload, large bodies beside small ones.
mod limits;
mod listed;
/// The step `match` with `queries` of a dataset.
mod logs;
mod lookup;
/// The step `match` with a configuration of Rossum's Master Data Hub.
mod master_data;
/// What a body costs in memory, and that it is given back.
mod memory;
/// Names of fields that a document or its schema does not have.
mod names;
/// Names in the examples of the pages.
mod names_of_pages;
/// Systems that answer what nobody asked for, and values that lead elsewhere.
mod neighbours;
/// Settings that make no sense, and what looks like them and is right.
mod nonsense;
/// What the page says of each key of Rossum's objects.
mod objects;
/// Operating: reload, admin pages, status, doctor, systemd's sockets and words.
mod operate;
/// What one fault costs an order, at each of its steps; processes that are killed in the middle of one.
mod orders;
/// Spans and metrics for an OpenTelemetry collector.
mod otlp;
/// Whom outgoing calls trust.
mod outgoing;
/// Certificate files of one's own.
mod own_files;
/// TxScript: what each pair of types gives under each operator, beside CPython.
mod pairs;
/// The pages can be read at the first reading.
mod plain_words;
/// Mistakes that stop nothing, and what is right.
mod planted;
mod planted_code;
mod planted_files;
mod planted_functions;
mod planted_settings;
/// Descriptors, signals, the public probe, alert rules.
mod process;
/// What docs/promises.md says of versions.
mod promises;
/// The commands of the README and of the pages in docs/.
mod queries;
mod readme;
/// Files of records: what can hardly be meant, generated and damaged ones.
mod records;
mod reference;
/// The step `request_processor`: settings as they stand in Rossum.
mod request_processor;
/// What exports ask of Rossum's REST API.
mod rossum_api;
/// `annex hook rotate`.
mod rotation;
mod runaway;
/// Rossum's samples: what the built-in hooks answer.
mod samples;
/// The JSON schema of the configuration.
mod schema;
/// The steps `rules` and `formulas`.
mod scripted;
/// Nothing secret gets out, anywhere.
mod secrets;
/// Exports to a folder of another host.
mod several;
mod sftp;
/// Similar records: what is chosen, offered, and of an index of an earlier version.
mod similar;
/// A long run with each fault in turn; not part of every run.
mod soak;
/// The state folder: what was sent is gone, versions of files, root and links.
mod state;
/// Steps as configured: rows, empty fields, changes seen by later steps.
mod steps;
mod strangers;
/// Certificates: what the supervisor does when a CA misbehaves, and how it decides.
mod supervisor;
/// Every tick is earned.
mod ticks;
/// Foreign JSON as trees: bounds, memory, who waits.
mod trees;
/// `annex --dev-http --tunnel`.
mod tunnel;
/// The commands of docs/tutorial.md, one after the other.
mod tutorial;
/// TxScript: the real package says what is right.
mod txscript;
/// `shape = "ubl"`, by the schemas of UBL 2.1.
mod ubl;
/// A state folder that is read-only, full or somebody else's.
mod unwritable;
