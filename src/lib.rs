//! Annex: a self-contained HTTPS server that runs Rossum extensions.
//!
//! A body's way through the house is a chain of types, each made by one function in one file, and the only way to
//! the next:
//!
//! ```text
//! TcpStream ─► TlsStream ─► Request ─► VerifiedBody ─► Delivery ─► Answer ─► Response
//!  server       tls          server     signature       steps       steps     webhook
//!  listener     acceptor     connection verifier        delivery    (each)    reply
//! ```
//!
//! | room | owns |
//! |---|---|
//! | [`cli`] | words on the terminal, exit codes; a file for each subcommand |
//! | [`app`] | assembly: the one file that knows every room |
//! | [`config`] | annex.toml → the rooms' own settings; every mistake with its line |
//! | [`doctor`] | looks for what is wrong on this host, and says what to do |
//! | [`server`] | sockets, deadlines, HTTP versions, the drain, the admin pages, systemd |
//! | [`tls`] | certificates from first order to last day; the handshake |
//! | [`inspector`] | the page that shows deliveries as they come, and why they were answered so |
//! | [`webhook`] | the door: route, body, refusals, run, reply |
//! | [`steps`] | what a hook does: each step a file |
//! | [`txscript`] | rules and formulas: compiled once, evaluated over the annotation |
//! | [`signature`] | the proof that a body comes from Rossum |
//! | [`rossum`] | Rossum's nouns: payload, annotation, journal, message, operation |
//! | [`export`] | documents for other systems, and the calls that carry them there |
//! | [`otlp`] | spans and metrics for an OpenTelemetry collector |
//! | [`forward`] | a service of one's own that deliveries are handed on to |
//! | [`outbound`] | one client for calls over HTTP to other systems |
//! | [`outbox`] | durable jobs: what was accepted is done |
//! | [`pipeline`] | the query language of MongoDB, as Rossum's Master Data Hub uses it |
//! | [`api`] | Rossum's REST API, as far as steps need it |
//! | [`store`] | what must outlive the process: datasets, in SQLite |
//! | [`sqlite`] | SQLite files: opened without following links, their version, what was deleted gone |
//! | [`private`] | files that only their owner reads; root becomes the owner of a folder |
//! | [`data`] | files of records: CSV, JSON lines, workbooks |
//! | [`database`] | databases of the customer's: PostgreSQL |
//! | [`breaker`], [`unreached`], [`neighbour`] | what is down is left in peace; why it was not reached; bounds of what other systems say |
//! | [`slices`] | work that grows with foreign data: off the serving threads, with a deadline and a budget |
//! | [`trees`] | foreign JSON as trees: counted while they grow, with a share of the memory of all |
//! | [`memory`] | free memory goes back to the system |
//! | [`tasks`] | what runs beside the connections, and who waits for it |
//! | [`shown`] | texts from outside, as a terminal may show them and a shell may read them |
//! | [`secret`], [`clock`], [`telemetry`] | secrets; the time; the log and the metrics |
//!
//! Who may import whom is checked by a test, `tests/it/house.rs`.

#![warn(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what is printed goes through cli::exit, which makes it plain"
)]

pub mod account;
pub mod api;
pub mod app;
pub mod breaker;
pub mod cases;
pub mod cli;
pub mod clock;
pub mod config;
pub mod data;
pub mod database;
pub mod doctor;
pub mod export;
pub mod forward;
pub mod inspector;
pub mod memory;
pub mod neighbour;
pub mod otlp;
pub mod outbound;
pub mod outbox;
pub mod pipeline;
pub mod private;
pub mod requests;
pub mod rossum;
pub mod secret;
pub mod server;
pub mod shown;
pub mod signature;
pub mod slices;
pub mod sqlite;
pub mod steps;
pub mod store;
pub mod tasks;
pub mod telemetry;
pub mod tls;
pub mod trees;
pub mod txscript;
pub mod unreached;
pub mod webhook;
