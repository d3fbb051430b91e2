//! `annex --dev-http`: plain HTTP behind a tunnel, with a secret of its own, and what is saved counts at once.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::interval;
use zeroize::Zeroizing;

use crate::app::{Annex, Page};
use crate::config::{self, Admin, Config, DEV_SECRET, Mistakes, Purpose, Saved};
use crate::private;
use crate::secret::Secret;
use crate::shown::{Lines, quoted};
use crate::webhook::Record;

use super::exit::{Failure, print_lines};
use super::given;
use super::serve::{failure, recorded};
use super::tunnel::{Pointed, Tunnel};

/// Where it listens: the port of Rossum's guide.
pub(super) const ADDRESS: &str = "127.0.0.1:5042";
/// How often it looks whether something was saved.
const LOOK: Duration = Duration::from_millis(300);
/// A secret that was kept has so many characters at least, or it is none of ours.
const SHORTEST: usize = 32;

/// Where the secret of dev mode comes from.
#[derive(Clone)]
enum DevSecret {
    Environment,
    /// In this file of the user's, so that it stays.
    Kept(Secret, PathBuf),
    /// No file can be had.
    MadeForThisRun(Secret),
}

impl DevSecret {
    fn find() -> Result<Self, Failure> {
        if super::environment(DEV_SECRET).is_some_and(|secret| !secret.is_empty()) {
            return Ok(Self::Environment);
        }
        match kept() {
            Some((secret, path)) => Ok(Self::Kept(secret, path)),
            None => Ok(Self::MadeForThisRun(Secret::generate()?)),
        }
    }

    /// How a command names it, where that is not the environment.
    fn reference(&self) -> Option<String> {
        match self {
            Self::Environment | Self::MadeForThisRun(_) => None,
            Self::Kept(_, path) => Some(format!("file:{}", path.display())),
        }
    }

    /// The one that dev mode made.
    fn made(&self) -> Option<&Secret> {
        match self {
            Self::Environment => None,
            Self::Kept(secret, _) | Self::MadeForThisRun(secret) => Some(secret),
        }
    }
}

/// The secret that earlier runs had, or a new one in its place.
fn kept() -> Option<(Secret, PathBuf)> {
    let given = super::environment("XDG_STATE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let folder = given.or_else(|| Some(std::env::home_dir()?.join(".local/state")))?.join("annex");
    let path = folder.join("dev-secret");
    let read = || {
        private::plain(&path).ok()?;
        let bytes = Zeroizing::new(std::fs::read(&path).ok()?);
        let is_one = bytes.trim_ascii().len() >= SHORTEST && bytes.is_ascii();
        is_one.then(|| Secret::new(bytes.trim_ascii()))
    };
    if let Some(secret) = read() {
        return Some((secret, path));
    }
    private::folder(&folder).ok()?;
    private::write(&path, Secret::generate().ok()?.expose()).ok()?;
    read().map(|secret| (secret, path))
}

/// What dev mode serves where no configuration is named: the one of this folder; `None` is the sample.
pub(super) fn config_path(named: Option<PathBuf>) -> Option<PathBuf> {
    named.or_else(|| Some(PathBuf::from(super::CONFIG_PLACES[0])).filter(|path| path.exists()))
}

pub(super) async fn run(
    path: Option<PathBuf>,
    address: SocketAddr,
    inspector: Option<SocketAddr>,
    record: Option<Record>,
    (tunnel, hook): (Option<&str>, Option<u64>),
) -> Result<(), Failure> {
    let secret = DevSecret::find()?;
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
    let page = inspector.map(|address| Page {
        address,
        is_default: address == Admin::DEFAULT,
        secret: secret.reference(),
        cases: name
            .parent()
            .filter(|_| name != Path::new(config::SAMPLE_NAME))
            .unwrap_or(Path::new(""))
            .join("cases"),
    });
    if let Ok(config) = load() {
        refuse_exposed(address, config.server.insecure)?;
        let folder = config.state.display().to_string();
        let unusable = |error| {
            Failure::Because(format!("cannot switch to the owner of the state folder {folder}: {error}"))
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
    if let Some(tunnel) = &tunnel {
        annex.is_reached_by(&tunnel.url);
    }
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

/// Plain HTTP is for this host and its tunnel: from elsewhere, documents and signatures can be read on their way.
fn refuse_exposed(address: SocketAddr, is_meant: bool) -> Result<(), Failure> {
    if is_meant || !given::is_exposed(address.ip()) {
        return Ok(());
    }
    Err(Failure::hinted(
        format_args!("other hosts can call plain HTTP at {address} and read its traffic"),
        format_args!(
            "run annex --dev-http={} and let a tunnel lead to it; if you intend this, set `insecure = true` in [server] of annex.toml",
            address.port()
        ),
    ))
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
    let environment = |name: &str| match secret.made() {
        Some(made) if name == DEV_SECRET => Some(String::from_utf8_lossy(made.expose()).into_owned()),
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
    let made = secret.made().map(|made| String::from_utf8_lossy(made.expose()).into_owned());
    let argument = made.as_ref().map(|made| format!(" --secret {}", quoted(made))).unwrap_or_default();
    let made = made.unwrap_or_default();
    let shown = match secret {
        DevSecret::Environment => format!("the value of {DEV_SECRET}"),
        DevSecret::Kept(_, path) => {
            format!("{made}  (kept in {}; set {DEV_SECRET} to use another)", path.display())
        }
        DevSecret::MadeForThisRun(_) => format!("{made}  (made for this run; set {DEV_SECRET} to keep one)"),
    };
    text.add(format_args!("  secret  {shown}"));
    if let Some(inspector) = inspector {
        text.add(format_args!(
            "  look    http://{inspector}  (the inspector: each delivery, what the steps did and why)"
        ));
    }
    match tunnel {
        None => {
            text.add(format_args!(
                "  next    ngrok http {0}, or annex --dev-http={0} --tunnel",
                address.port()
            ));
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
