//! `annex serve`, and `annex --dev-http`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::interval;
use tracing::{debug, info, warn};
use tracing_subscriber::filter::LevelFilter;

use crate::app::{Annex, Page, StartError};
use crate::config::{self, Admin, Config, Mistakes, Purpose, Saved};
use crate::doctor::{self, Finding, Verdict};
use crate::memory;
use crate::private;
use crate::secret::Secret;
use crate::shown::{Lines, quoted};
use crate::telemetry::{self, Format};
use crate::tls;
use crate::webhook::{RECORD_MAX, Record};

use super::exit::{Failure, print_lines};
use super::tunnel::{Pointed, Tunnel};

/// Where dev mode listens: the port of Rossum's guide.
const DEV_ADDRESS: &str = "127.0.0.1:5042";
/// How often dev mode looks whether something was saved.
const LOOK: Duration = Duration::from_millis(300);
/// The secret of the built-in hooks.
const DEV_SECRET: &str = "ROSSUM_SECRET";

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The configuration [default: annex.toml, else /etc/annex/annex.toml; with --dev-http the built-in sample]
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Serve plain HTTP while developing, behind a tunnel such as ngrok
    #[arg(long, value_name = "ADDR", num_args = 0..=1, require_equals = true, default_missing_value = DEV_ADDRESS)]
    dev_http: Option<SocketAddr>,
    /// Open a public URL for dev mode by ngrok
    #[arg(long, value_name = "URL", num_args = 0..=1, require_equals = true, default_missing_value = "", requires = "dev_http",
        help = "Open a public URL for dev mode by ngrok; with =URL, use another tunnel's")]
    tunnel: Option<String>,
    /// Have this hook of Rossum's call the tunnel, until the end
    #[arg(long, value_name = "ID", requires = "tunnel")]
    hook: Option<u64>,
    /// Where the page that shows deliveries is in dev mode: an address of loopback, or off
    #[arg(long, value_name = "ADDR", value_parser = inspector, default_value_t = Inspector(Some(Admin::DEFAULT)))]
    inspector: Inspector,
    /// Keep each delivery with its answer in this folder, without tokens and secrets: cases for `annex test`
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// So many bytes of them at most; then the oldest go
    #[arg(long, value_name = "BYTES", default_value_t = RECORD_MAX, requires = "record")]
    record_max: u64,
    /// What to log: error, warn, info, debug
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log: LevelFilter,
    /// How to log it
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
    match text.parse::<SocketAddr>() {
        _ if text == "off" => Ok(Inspector(None)),
        Ok(address) if address.ip().is_loopback() => Ok(Inspector(Some(address))),
        Ok(_) => Err("it shows what documents hold: give an address of loopback".to_owned()),
        Err(_) => Err(format!("give an address such as {}, or off", Admin::DEFAULT)),
    }
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum LogFormat {
    /// For people, and for the journal
    Text,
    /// One object a line
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
                dev_http(arguments.config, address, arguments.inspector, record, tunnel).await
            }
            None => https(super::config_path(arguments.config), record).await,
        }
    });
    // Steps that still run have had their time: the process does not wait for them.
    runtime.shutdown_background();
    served
}

fn failure(error: StartError) -> Failure {
    Failure::Told(error.lines())
}

async fn https(path: PathBuf, record: Option<Record>) -> Result<(), Failure> {
    let load = {
        let path = path.clone();
        move || {
            config::load(&path, Purpose::Serve, &super::environment)
                .map(|config| recorded(config, record.as_ref()))
        }
    };
    let config = load().ok();
    if let Some(config) = &config {
        refuse_foreign_state(&config.state)?;
        refuse_names_for_examples(config)?;
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
    let unusable =
        |error| Failure::Because(format!("the state folder {folder} cannot be looked at: {error}"));
    let Some(user) = private::foreign_owner(state).map_err(unusable)? else { return Ok(()) };
    Err(Failure::hinted(
        format_args!(
            "this is root, and the state folder {folder}, or one on the way to it, belongs to user {user}, who could lead root to other files"
        ),
        format_args!(
            "start it as that user: systemctl start annex, or setpriv --reuid={user} --clear-groups --ambient-caps=+net_bind_service --inh-caps=+net_bind_service annex serve; or give root a folder of its own by `state`"
        ),
    ))
}

/// A CA refuses them at every try.
fn refuse_names_for_examples(config: &Config) -> Result<(), Failure> {
    match config.server.certificates.iter().find_map(tls::Settings::never_issued) {
        None => Ok(()),
        Some(never) => Err(Failure::hinted(
            format_args!("{never}: no public CA gives a certificate for it"),
            "write the public name or address of this host as `domains` in [server]; to develop without a certificate: annex --dev-http",
        )),
    }
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
fn recorded(mut config: Config, record: Option<&Record>) -> Config {
    if let Some(record) = record {
        for hook in &mut config.hooks {
            hook.settings.record = Some(record.clone());
        }
    }
    config
}

/// Where the secret of dev mode comes from.
#[derive(Clone)]
enum DevSecret {
    Environment,
    MadeForThisRun(Secret),
}

async fn dev_http(
    path: Option<PathBuf>,
    address: SocketAddr,
    inspector: Inspector,
    record: Option<Record>,
    (tunnel, hook): (Option<&str>, Option<u64>),
) -> Result<(), Failure> {
    let secret = match super::environment(DEV_SECRET).filter(|secret| !secret.is_empty()) {
        Some(_) => DevSecret::Environment,
        None => DevSecret::MadeForThisRun(Secret::generate()?),
    };
    let name = path.clone().unwrap_or_else(|| PathBuf::from(config::SAMPLE_NAME));
    let saved = Arc::new(Mutex::new(Saved::default()));
    let load = {
        let (secret, saved) = (secret.clone(), Arc::clone(&saved));
        move || {
            let config = dev_config(path.as_deref(), &secret).map(|config| recorded(config, record.as_ref()));
            if let (Ok(config), Some(path)) = (&config, &path) {
                lock(&saved).watch([path.clone()].into_iter().chain(config.files.clone()));
            }
            config
        }
    };
    let page = inspector.0.map(|address| Page {
        address,
        is_default: address == Admin::DEFAULT,
        cases: name
            .parent()
            .filter(|_| name != Path::new(config::SAMPLE_NAME))
            .unwrap_or(Path::new(""))
            .join("cases"),
    });
    if let Ok(config) = load() {
        let folder = config.state.display().to_string();
        let unusable = |error| {
            Failure::Because(format!("cannot work as the owner of the state folder {folder}: {error}"))
        };
        private::become_owner(&config.state).map_err(unusable)?; // as commands do: no port of dev mode needs root
    }
    let annex = Annex::dev_http(Box::new(load), name.clone(), address, page).map_err(failure)?;
    annex.tasks().background(reload_when_saved(saved, annex.reloader()));
    let tunnel = match tunnel {
        None => None,
        Some("") => Some(Tunnel::ngrok(annex.address.port()).await?),
        Some(url) => Some(Tunnel::given(url)?),
    };
    print_lines(&banner(&annex, &name, &secret, tunnel.as_ref()))?;
    let paths: Vec<&str> = annex.hooks.iter().map(|(path, _)| path.as_str()).collect();
    let pointed = match (hook, &tunnel) {
        (Some(hook), Some(tunnel)) => Some(Pointed::new(hook, tunnel, &paths).await?),
        _ => None,
    };
    let served = annex.run().await;
    if let Some(pointed) = pointed {
        pointed.put_back().await?;
    }
    served.map_err(failure)
}

/// While developing, what is saved counts at once.
async fn reload_when_saved(saved: Arc<Mutex<Saved>>, reloader: Arc<Notify>) {
    let mut looks = interval(LOOK);
    loop {
        looks.tick().await;
        if lock(&saved).has_changed() {
            reloader.notify_one();
        }
    }
}

fn lock(saved: &Mutex<Saved>) -> MutexGuard<'_, Saved> {
    saved.lock().unwrap_or_else(PoisonError::into_inner)
}

fn dev_config(path: Option<&Path>, secret: &DevSecret) -> Result<Config, Mistakes> {
    let environment = |name: &str| match secret {
        DevSecret::MadeForThisRun(made) if name == DEV_SECRET => {
            Some(String::from_utf8_lossy(made.expose()).into_owned())
        }
        _ => super::environment(name),
    };
    match path {
        Some(path) => config::load(path, Purpose::DevHttp, &environment),
        None => config::read(
            Path::new(config::SAMPLE_NAME),
            config::SAMPLE.to_owned(),
            Purpose::DevHttp,
            &environment,
        ),
    }
}

fn banner(
    Annex { address, hooks, inspector, .. }: &Annex,
    source: &Path,
    secret: &DevSecret,
    tunnel: Option<&Tunnel>,
) -> Lines {
    let annex = std::env::args().next().unwrap_or_else(|| "annex".to_owned());
    let mut text = Lines::default();
    text.add(format_args!(
        "Annex {} on http://{address}, with {}",
        env!("CARGO_PKG_VERSION"),
        source.display()
    ));
    for (path, name) in hooks {
        text.add(format_args!("  hook    http://{address}{path}  ({name})"));
    }
    let (shown, argument) = match secret {
        DevSecret::Environment => (format!("the one in {DEV_SECRET}"), String::new()),
        DevSecret::MadeForThisRun(made) => {
            let made = String::from_utf8_lossy(made.expose());
            (
                format!("{made}  (made for this run; set {DEV_SECRET} to keep one)"),
                format!(" --secret {}", quoted(&made)),
            )
        }
    };
    text.add(format_args!("  secret  {shown}"));
    if let Some(inspector) = inspector {
        text.add(format_args!("  look    http://{inspector}  (each delivery, what the steps did and why)"));
    }
    match tunnel {
        None => {
            text.add(format_args!("  next    ngrok http {0}, or annex --dev-http --tunnel", address.port()));
        }
        Some(Tunnel { url, .. }) => {
            for (path, name) in hooks {
                text.add(format_args!("  public  {url}{path}  ({name})"));
            }
            if let Some((path, name)) = hooks.last() {
                let (at, name) = (format!("{url}{path}"), quoted(name));
                let at = quoted(&at);
                text.add(format_args!("  next    annex hook create {name} -q QUEUE_ID -e annotation_content.updated --config-url {at} --config-secret env:{DEV_SECRET}"));
                text.add(format_args!("          annex hook change ID --config-url {at}"));
            }
        }
    }
    if let Some((path, _)) = hooks.last() {
        let (annex, at) = (quoted(&annex), format!("http://{address}{path}"));
        text.add(format_args!("  try     {annex} send --to {}{argument}", quoted(&at)));
    }
    text.add("");
    text
}
