//! `annex serve`, and `annex --dev-http`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tracing::{debug, info, warn};
use tracing_subscriber::filter::LevelFilter;

use crate::app::{Annex, StartError};
use crate::config::{self, Admin, Config, Purpose};
use crate::doctor::{self, Finding, Verdict};
use crate::memory;
use crate::private;
use crate::telemetry::{self, Format};
use crate::webhook::Record;

use super::exit::Failure;
use super::{dev, given};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The configuration [default: annex.toml, else /etc/annex/annex.toml; with --dev-http: annex.toml, else the built-in sample]
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Development mode: serve plain HTTP, for a tunnel such as ngrok. ADDR is PORT or HOST:PORT [default: 127.0.0.1:5042]
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = dev::ADDRESS, value_parser = given::listener)]
    dev_http: Option<SocketAddr>,
    /// Serve the built-in sample hooks, even if there is an annex.toml
    #[arg(long, requires = "dev_http", conflicts_with = "config")]
    sample: bool,
    /// Get a public URL for development mode from ngrok
    #[arg(long, value_name = "URL", num_args = 0..=1, require_equals = true, default_missing_value = "", requires = "dev_http",
        help = "Get a public URL for development mode: start ngrok, or use the URL of another tunnel")]
    tunnel: Option<String>,
    /// Point this hook in Rossum at the tunnel; its old URL is restored at the end
    #[arg(long, value_name = "ID", requires = "tunnel")]
    hook: Option<u64>,
    /// The address of the inspector, the page that shows deliveries: PORT, HOST:PORT on loopback, or off
    #[arg(long, value_name = "ADDR", value_parser = inspector, default_value_t = Inspector(Some(Admin::DEFAULT)))]
    inspector: Inspector,
    /// Record each delivery with its answer in this folder, without tokens and secrets, as a case for `annex test`
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// The largest size of that folder; above it, the oldest recordings are deleted
    #[arg(long, value_name = "SIZE", default_value = "500MB", value_parser = given::size, requires = "record")]
    record_max: u64,
    /// The lowest level to log: error, warn, info or debug
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log: LevelFilter,
    /// The format of the log
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "text")]
    log_format: LogFormat,
}

/// An address, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Inspector(Option<SocketAddr>);

impl std::fmt::Display for Inspector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("off"),
        }
    }
}

fn inspector(text: &str) -> Result<Inspector, String> {
    if text == "off" {
        return Ok(Inspector(None));
    }
    match given::address(text, Admin::DEFAULT.port()) {
        Ok(address) if address.ip().is_loopback() => Ok(Inspector(Some(address))),
        Ok(_) => Err("the page shows what documents hold: give a port, or an address of loopback".to_owned()),
        Err(_) => Err(format!("give a port, an address such as {}, or off", Admin::DEFAULT)),
    }
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum LogFormat {
    /// Text, for people and for the journal
    Text,
    /// One JSON object a line
    Json,
}

impl From<LogFormat> for Format {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Text => Self::Text,
            LogFormat::Json => Self::Json,
        }
    }
}

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    memory::settle();
    telemetry::start(arguments.log, arguments.log_format.into());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(async {
        let record = arguments.record.map(|folder| Record { folder, most: arguments.record_max });
        match arguments.dev_http {
            Some(address) => {
                let tunnel = (arguments.tunnel.as_deref(), arguments.hook);
                let path = if arguments.sample { None } else { dev::config_path(arguments.config) };
                dev::run(path, address, arguments.inspector.0, record, tunnel).await
            }
            None => https(super::config_path(arguments.config), record).await,
        }
    });
    // Steps that still run have had their time: the process does not wait for them.
    runtime.shutdown_background();
    served
}

pub(super) fn failure(error: StartError) -> Failure {
    Failure::Told(error.lines())
}

async fn https(path: PathBuf, record: Option<Record>) -> Result<(), Failure> {
    let load = {
        let path = path.clone();
        move || {
            config::load_to_serve(&path, Purpose::Serve, &super::environment)
                .map(|config| recorded(config, record.as_ref()))
        }
    };
    let config = load().ok();
    if let Some(config) = &config {
        refuse_foreign_state(&config.state)?;
    }
    let annex = Annex::https(Box::new(load), path).map_err(failure)?;
    if let Some(config) = config.filter(|_| annex.lacks_certificate()) {
        annex.tasks().background(look_around(config));
    }
    let hooks = annex.hooks.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>().join(" ");
    info!("annex {} listens on https://{} for {hooks}", env!("CARGO_PKG_VERSION"), annex.address);
    annex.run().await.map_err(failure)
}

/// Root does not serve from a folder that another user can put links into: a server that became that user, as commands
/// do, could not read root's keys again at a reload, nor open its ports anew.
fn refuse_foreign_state(state: &Path) -> Result<(), Failure> {
    let folder = state.display();
    let unusable = |error| Failure::Because(format!("cannot read the state folder {folder}: {error}"));
    let Some(user) = private::foreign_owner(state).map_err(unusable)? else { return Ok(()) };
    Err(Failure::hinted(
        format_args!(
            "Annex runs as root, but the state folder {folder}, or a folder above it, belongs to user {user}, who could redirect root to other files with links"
        ),
        format_args!(
            "start it as that user: systemctl start annex, or setpriv --reuid={user} --clear-groups --ambient-caps=+net_bind_service --inh-caps=+net_bind_service annex serve; or set `state` to a folder of root"
        ),
    ))
}

/// What may keep a CA from validating the names, told beside the first order and not instead of it: a router that does
/// not lead back to its own network looks the same from here as a closed port.
async fn look_around(config: Config) {
    let tell = |finding: Finding| match (finding.verdict, finding.remedy) {
        (Verdict::Good, _) => debug!("{}", finding.what),
        (_, Some(remedy)) => warn!("before the first certificate: {}; {remedy}", finding.what),
        (_, None) => warn!("before the first certificate: {}", finding.what),
    };
    let time = doctor::Time::new(doctor::Time::USUAL);
    let running = doctor::Running::default();
    Box::pin(doctor::reachable(&config, Some(&running), None, time, &tell)).await;
}

/// Every hook is recorded where the command says so.
pub(super) fn recorded(mut config: Config, record: Option<&Record>) -> Config {
    if let Some(record) = record {
        for hook in &mut config.hooks {
            hook.settings.record = Some(record.clone());
        }
    }
    config
}
