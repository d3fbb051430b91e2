//! A public URL for dev mode: ngrok's, or that of another tunnel; and a hook in Rossum that points there meanwhile.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use reqwest::{Method, Url};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::account::{Credentials, Session};
use crate::outbound::{Client, Read, Request, Settings};
use crate::shown::quoted;

use super::caller::uplink;
use super::exit::{Failure, print, say_lines};

/// Where ngrok tells what it does, unless it says otherwise.
const NGROK_API: &str = "127.0.0.1:4040";
/// For ngrok to have its tunnel.
const TIME: Duration = Duration::from_secs(20);

/// For its answer.
const ASKED: Duration = Duration::from_secs(2);
/// Bytes of its answer.
const LARGEST: usize = 1 << 20;
/// For its last words, once it has ended.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A way from outside to the server. ngrok ends with it.
pub(super) struct Tunnel {
    /// Without a slash at its end.
    pub(super) url: String,
    ngrok: Option<Child>,
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        if let Some(ngrok) = &mut self.ngrok {
            let _ = ngrok.kill();
            let _ = ngrok.wait();
        }
    }
}

impl Tunnel {
    /// A tunnel that is there already.
    pub(super) fn given(url: &str) -> Result<Self, Failure> {
        let known = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
        let known = known.ok_or_else(|| {
            Failure::Because(format!("`{url}` is not the URL of a tunnel: write https://…"))
        })?;
        Ok(Self { url: known.as_str().trim_end_matches('/').to_owned(), ngrok: None })
    }

    /// Starts ngrok, and asks it for its public URL.
    pub(super) async fn ngrok(port: u16) -> Result<Self, Failure> {
        let mut command = Command::new("ngrok");
        command.args(["http", &port.to_string(), "--log", "stdout", "--log-format", "json"]);
        let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut ngrok = started.map_err(|error| {
            Failure::hinted(
                format_args!("ngrok cannot be started: {error}"),
                format_args!("install it from https://ngrok.com/download and run `ngrok config add-authtoken …`, or start another tunnel to port {port} and give its URL: --tunnel=https://…"),
            )
        })?;
        let log = ngrok.stdout.take().map(lines);
        let errors = ngrok.stderr.take().map(lines);
        let mut tunnel = Self { url: String::new(), ngrok: Some(ngrok) };
        let began = Instant::now();
        let mut api = NGROK_API.to_owned();
        let mut last = String::new();
        let client = Client::new(Settings::new(uplink()?))?;
        while began.elapsed() < TIME {
            for line in log.iter().flat_map(Receiver::try_iter) {
                let said: Value = serde_json::from_str(&line).unwrap_or_default();
                if let (Some("starting web service"), Some(address)) =
                    (said["msg"].as_str(), said["addr"].as_str())
                {
                    address.clone_into(&mut api);
                }
                if let Some(error) = said["err"].as_str().filter(|error| !matches!(*error, "" | "<nil>")) {
                    error.clone_into(&mut last);
                }
            }
            for line in errors.iter().flat_map(Receiver::try_iter).filter(|line| !line.trim().is_empty()) {
                last = line;
            }
            if let Some(url) = public_url(&client, &api, port).await {
                tunnel.url = url;
                return Ok(tunnel);
            }
            if let Some(ngrok) = &mut tunnel.ngrok
                && let Ok(Some(_)) = ngrok.try_wait()
            {
                // What it said last may still be on its way.
                while let Some(Ok(line)) = errors.as_ref().map(|errors| errors.recv_timeout(LAST_WORDS)) {
                    if !line.trim().is_empty() {
                        last = line;
                    }
                }
                break;
            }
            sleep(Duration::from_millis(150)).await;
        }
        let last = if last.is_empty() { "it printed no reason".to_owned() } else { last };
        Err(Failure::Because(format!("ngrok gives no public URL: {last}")))
    }
}

fn lines(from: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// `GET /api/tunnels` of ngrok: the tunnel that leads to this port.
async fn public_url(client: &Client, api: &str, port: u16) -> Option<String> {
    let url = Url::parse(&format!("http://{api}/api/tunnels")).ok()?;
    let received = client.send(Request::new(Method::GET, url), ASKED, Read::Whole(LARGEST)).await.ok()?;
    let json: Value = serde_json::from_slice(&received.body).ok()?;
    let leads_here = |tunnel: &&Value| {
        let address = tunnel["config"]["addr"].as_str().unwrap_or_default();
        address.ends_with(&format!(":{port}"))
    };
    let tunnels = json["tunnels"].as_array()?.iter();
    let mut here: Vec<&str> =
        tunnels.filter(leads_here).filter_map(|tunnel| tunnel["public_url"].as_str()).collect();
    here.sort_by_key(|url| !url.starts_with("https://"));
    here.first().map(|url| url.trim_end_matches('/').to_owned())
}

/// A hook of Rossum's that points at the tunnel, until it is put back.
pub(super) struct Pointed {
    session: Session,
    id: u64,
    config: Value,
}

impl Pointed {
    /// Points a hook at one of the paths that are served: the one that it has, or the only one.
    pub(super) async fn new(id: u64, tunnel: &Tunnel, paths: &[&str]) -> Result<Self, Failure> {
        let credentials = Credentials::find(None, &super::environment)?;
        let session = Session::new(credentials, uplink()?, false, say_lines)?;
        let hook = session.get(&format!("hooks/{id}")).await?;
        let pointed = Self { session, id, config: hook["config"].clone() };
        let before = pointed.config["url"].as_str().unwrap_or_default();
        let known = Url::parse(before).map(|url| url.path().to_owned()).unwrap_or_default();
        let path = match paths {
            _ if paths.contains(&known.as_str()) => known.as_str(),
            [one] => one,
            all => {
                let what = format!("hook {id} calls {known}, but this server has only {}", all.join(", "));
                return Err(Failure::hinted(what, "set `path` of a hook in the configuration to that path"));
            }
        };
        let url = &format!("{}{path}", tunnel.url);
        pointed.set(url).await?;
        print(format_args!("  hook {id} in Rossum calls {url} now; at the end it calls {before} again"))?;
        Ok(pointed)
    }

    async fn set(&self, url: &str) -> Result<(), Failure> {
        let mut config = self.config.clone();
        let known = config.as_object_mut();
        known
            .ok_or_else(|| Failure::Because(format!("hook {} has no `config`", self.id)))?
            .insert("url".to_owned(), url.into());
        let path = format!("hooks/{}", self.id);
        self.session.change(Method::PATCH, &path, Some(&json!({"config": config}))).await?;
        Ok(())
    }

    /// As it was before.
    pub(super) async fn put_back(self) -> Result<(), Failure> {
        let before = self.config["url"].as_str().unwrap_or_default().to_owned();
        let id = self.id;
        let failed = |failure: Failure| match failure {
            Failure::Because(cause) => Failure::hinted(
                format_args!("hook {id} could not be put back: {cause}"),
                format_args!("annex hook change {id} --config-url {}", quoted(&before)),
            ),
            other => other,
        };
        self.set(&before).await.map_err(failed)?;
        self.session.end().await?;
        print(format_args!("hook {id} in Rossum calls {before} again"))
    }
}
