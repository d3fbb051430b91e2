//! `annex hook rotate`: a new secret here, then in Rossum; the old one goes once no delivery uses it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

use crate::account::Session;
use crate::clock;
use crate::private;
use crate::secret::Secret;

use super::super::super::ask::Where;
use super::super::super::exit::Failure;
use super::super::super::given::duration;
use super::super::configured::{self, Configured};
use super::super::{Access, confirmed, raw_text_of, text_of};
use crate::shown::Lines;

#[derive(clap::Args)]
pub(in super::super::super) struct RotateArguments {
    /// The name of the hook in the configuration
    name: String,
    /// The configuration [default: annex.toml, else /etc/annex/annex.toml]
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The id of a hook in Rossum [default: all hooks that call the URL of the hook]
    #[arg(long, value_name = "ID")]
    id: Vec<u64>,
    /// The command that makes the server read the changed secret [default: a reload; for a credential: systemctl restart annex]
    #[arg(long, value_name = "COMMAND")]
    apply: Option<String>,
    /// How long to wait for a delivery with the new secret; after that, the old secret stays until you run --finish
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration(Duration::ZERO..=MONTH))]
    wait: Duration,
    /// How long the old secret must be unused before it is removed
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration(Duration::ZERO..=MONTH))]
    quiet: Duration,
    /// Create no new secret: remove old secrets that are no longer used
    #[arg(long)]
    finish: bool,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    pub(super) access: Access,
}

/// Nobody waits longer for a secret.
const MONTH: Duration = Duration::from_hours(720);
/// How often the server is asked who uses which secret.
const LOOK: Duration = Duration::from_secs(1);
/// How long a server may take to be there again.
const RESTART: Duration = Duration::from_secs(60);

pub(super) async fn rotate(session: &Session, arguments: &RotateArguments) -> Result<(), Failure> {
    let configured = configured::hook(arguments.config.clone(), &arguments.name)?;
    let kept = Kept::of(&configured, arguments)?;
    if arguments.finish {
        return kept.finish(Duration::ZERO).await;
    }
    let hooks = hooks(session, arguments, &configured).await?;
    let named = hooks.iter().map(|hook| format!("{} ({})", hook["id"], text_of(&hook["name"])));
    let named = named.collect::<Vec<_>>().join(", ");
    if session.is_dry_run() {
        let path = kept.path.display();
        arguments.access.tell(format_args!("would put a new secret before the others in {path}"))?;
    } else if !confirmed(&format!("Give {named} a new secret?"), arguments.yes)? {
        return kept.ended(false, "nothing is changed");
    }
    let secret = Secret::generate()?;
    let before = kept.read()?;
    if !session.is_dry_run() {
        kept.write(&[&[secret.expose()][..], &lines(&before)].concat())?;
        if let Err(failure) = kept.apply(lines(&before).len() + 1).await {
            kept.write(&lines(&before))?;
            let Some(mut lines) = failure.lines() else { return Err(failure) };
            lines.add("");
            lines.add(format_args!(
                "hint: the new secret was removed from {} again; Rossum still has the old secret",
                kept.path.display()
            ));
            return Err(Failure::Told(lines));
        }
        arguments.access.tell("the server now accepts the new secret and the old one")?;
    }
    for hook in &hooks {
        let mut config = hook["config"].as_object().cloned().unwrap_or_default();
        config.insert("secret".to_owned(), String::from_utf8_lossy(secret.expose()).into());
        let path = format!("hooks/{}", hook["id"]);
        let changed = session.change(Method::PATCH, &path, Some(&json!({ "config": config }))).await;
        changed.map_err(|problem| {
            let hint = "the server accepts both secrets, so no delivery is lost; correct the problem and run the command again";
            Failure::hinted(problem, hint)
        })?;
    }
    if session.is_dry_run() {
        return arguments.access.nothing_sent();
    }
    arguments.access.tell(format_args!("Rossum has the new secret: {named}"))?;
    kept.finish(arguments.wait).await
}

/// The hooks of Rossum that are to get the secret.
async fn hooks(
    session: &Session,
    arguments: &RotateArguments,
    configured: &Configured,
) -> Result<Vec<Value>, Failure> {
    let mut hooks = Vec::new();
    for id in &arguments.id {
        hooks.push(session.get(&format!("hooks/{id}")).await?);
    }
    if hooks.is_empty() {
        hooks = session.list("hooks").await?;
        hooks.retain(|hook| {
            raw_text_of(&hook["config"]["url"]).trim_end_matches('/') == configured.url.trim_end_matches('/')
        });
    }
    if hooks.is_empty() {
        let what = format!("no hook in Rossum calls {}: give its id with --id", configured.url);
        return Err(Failure::Because(what));
    }
    Ok(hooks)
}

/// The file that a hook's secrets are in, one a line, the newest first.
struct Kept<'a> {
    path: PathBuf,
    is_credential: bool,
    hook: &'a str,
    arguments: &'a RotateArguments,
}

fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()).collect()
}

impl<'a> Kept<'a> {
    fn of(configured: &Configured, arguments: &'a RotateArguments) -> Result<Self, Failure> {
        let file = configured.secret_file.clone().ok_or_else(|| {
            let name = &arguments.name;
            Failure::hinted(
                format_args!(
                    "the secret of {name} is in the environment, and the environment of a running server cannot change"
                ),
                format_args!("put the secret into a file, and write `secrets = [\"file:{name}.secret\"]`"),
            )
        })?;
        let crate::secret::SecretFile { path, is_credential } = file;
        Ok(Self { path, is_credential, hook: &arguments.name, arguments })
    }

    fn read(&self) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let read = fs::read(&self.path).map(Zeroizing::new);
        read.map_err(|error| Failure::Because(format!("cannot read {}: {error}", self.path.display())))
    }

    /// Whole or not at all, for whom it was readable before.
    fn write(&self, secrets: &[&[u8]]) -> Result<(), Failure> {
        let mut text = Zeroizing::new(secrets.join(&b'\n'));
        text.push(b'\n');
        let written =
            fs::metadata(&self.path).and_then(|known| private::write_like(&known, &self.path, &text));
        written.map_err(|error| Failure::Because(format!("cannot write {}: {error}", self.path.display())))
    }

    fn server(&self) -> Where {
        Where::of(&super::super::super::config_path(self.arguments.config.clone()))
    }

    /// Has the server take the file, and sees that it has as many secrets.
    async fn apply(&self, count: usize) -> Result<(), Failure> {
        let command = match &self.arguments.apply {
            Some(command) => Some(command.as_str()),
            None => self.is_credential.then_some("systemctl restart annex"),
        };
        match command {
            Some(command) => {
                let status = Command::new("sh").args(["-c", command]).status()?;
                if !status.success() {
                    return Err(Failure::Because(format!("`{command}` failed: {status}")));
                }
            }
            None => {
                let (_, said) = self.server().asked(Method::POST, "/reload").await?;
                if let Some(mistakes) = said["mistakes"].as_str() {
                    let mut lines = Lines::of("the server refuses its configuration:");
                    mistakes.lines().for_each(|line| lines.add(format_args!("  {line}")));
                    return Err(Failure::Told(lines));
                }
            }
        }
        let start = Instant::now();
        loop {
            let known = self.used().await.map(|used| used.len());
            match known {
                Ok(known) if known == count => return Ok(()),
                Ok(known) if start.elapsed() > RESTART => {
                    let what =
                        format!("the server has {known} secrets of {}, but the file has {count}", self.hook);
                    return Err(Failure::Because(what));
                }
                Err(failure) if start.elapsed() > RESTART => return Err(failure),
                _ => sleep(LOOK / 4).await,
            }
        }
    }

    /// For each secret: deliveries that it verified, and when the last one was.
    async fn used(&self) -> Result<Vec<(u64, u64)>, Failure> {
        let (_, status) = self.server().asked(Method::GET, "/status").await?;
        let hooks = status["hooks"].as_array().into_iter().flatten();
        let hook = hooks.into_iter().find(|hook| hook["name"] == *self.hook);
        let hook =
            hook.ok_or_else(|| Failure::Because(format!("the running server has no hook {}", self.hook)))?;
        let used = |one: &Value| {
            (one["verified"].as_u64().unwrap_or_default(), one["last"].as_u64().unwrap_or_default())
        };
        Ok(hook["secrets"].as_array().into_iter().flatten().map(used).collect())
    }

    /// Drops the old secrets once Rossum signs by the new one, and by no other for a while.
    async fn finish(&self, wait: Duration) -> Result<(), Failure> {
        let secrets = self.read()?;
        let secrets = lines(&secrets);
        let [newest, _, ..] = secrets[..] else {
            let words =
                format!("{} has only one secret: there is no old secret to remove", self.path.display());
            return self.ended(true, words);
        };
        let (since, until) = (Instant::now(), Instant::now() + wait);
        let quiet = self.arguments.quiet;
        if !wait.is_zero() {
            self.arguments.access.tell(format_args!(
                "waiting for a delivery with the new secret ({} at most)",
                clock::display_span(wait)
            ))?;
        }
        loop {
            let used = self.used().await?;
            let now = clock::unix_seconds(clock::now());
            let is_new_used = used.first().is_some_and(|(verified, _)| *verified > 0);
            let is_old_used = used.iter().skip(1).any(|(_, last)| *last + quiet.as_secs() > now);
            // What Rossum signed before it had the new secret may still be on its way.
            let has_settled = wait.is_zero() || since.elapsed() >= quiet;
            if is_new_used && !is_old_used && has_settled {
                break;
            }
            if Instant::now() >= until {
                let why = if is_new_used {
                    "a delivery has just used the old one"
                } else {
                    "no delivery has used the new secret yet"
                };
                let words = format!(
                    "the server accepts both secrets, because {why}; to remove the old one later: annex hook rotate {} --finish",
                    self.hook
                );
                return self.ended(false, words);
            }
            sleep(LOOK).await;
        }
        self.write(&[newest])?;
        self.apply(1).await?;
        self.ended(true, "the old secret is removed")
    }

    /// Whether one secret is left, in words or as JSON.
    fn ended(&self, is_done: bool, words: impl std::fmt::Display) -> Result<(), Failure> {
        self.arguments.access.result(json!({"hook": self.hook, "done": is_done}), words)
    }
}
