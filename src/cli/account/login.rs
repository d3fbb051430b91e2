//! `annex login` and `annex logout`: a token with a life is kept, a password never.

use std::time::Duration;

use crate::account::{Credentials, KeptToken, Login, Session};
use crate::clock;

use super::super::caller::uplink;
use super::super::exit::{Failure, ask, print, say, say_lines};
use super::super::given::duration;

/// The longest that Rossum allows.
const LONGEST_LIFE: Duration = Duration::from_hours(162);

/// A bare number is one of hours.
fn life(text: &str) -> Result<Duration, String> {
    let hours = text.parse::<u64>().map(|hours| format!("{hours}h"));
    duration(Duration::from_secs(1)..=LONGEST_LIFE)(hours.as_deref().unwrap_or(text))
}

/// Log in to Rossum, and keep a token that expires, for the commands that need one.
///
/// It asks for the password, or reads it from `ROSSUM_PASSWORD`. It sends the password once and never stores it.
#[derive(clap::Args)]
pub(in super::super) struct Arguments {
    /// The address of the account
    #[arg(
        long,
        help = "The address of the account, such as https://acme.rossum.app",
        env = "ROSSUM_URL",
        value_name = "URL",
        hide_env = true
    )]
    url: String,
    /// The name of the user
    #[arg(long, short, env = "ROSSUM_USERNAME", value_name = "NAME", hide_env = true)]
    username: Option<String>,
    /// How long the token is valid, such as 12h; Rossum allows 162h
    #[arg(long, value_name = "TIME", default_value = "12h", value_parser = life)]
    life: Duration,
    /// The name of the profile to store the token in
    #[arg(long, short, value_name = "NAME")]
    profile: Option<String>,
}

/// Log out of Rossum, and delete the token that `annex login` stored.
#[derive(clap::Args)]
pub(in super::super) struct LogoutArguments {
    /// The profile
    #[arg(long, short, value_name = "NAME")]
    profile: Option<String>,
}

pub(in super::super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let environment = |name: &str| match name {
        "ROSSUM_URL" => Some(arguments.url.clone()),
        "ROSSUM_TOKEN" => None,
        name => super::super::environment(name),
    };
    let username = match arguments.username {
        Some(username) => username,
        None => match asked("Username: ")? {
            name if name.trim().is_empty() => {
                return Err(Failure::hinted(
                    "no username is given",
                    "add --username NAME, or set ROSSUM_USERNAME in the environment",
                ));
            }
            name => name,
        },
    };
    let password = match super::super::environment("ROSSUM_PASSWORD") {
        Some(password) => password,
        None => rpassword::prompt_password("Password: ").map_err(|error| {
            Failure::hinted(
                format_args!("cannot ask for the password without a terminal: {error}"),
                "set ROSSUM_PASSWORD in the environment, and ROSSUM_USERNAME or --username NAME",
            )
        })?,
    };
    let both = |name: &str| match name {
        "ROSSUM_USERNAME" => Some(username.clone()),
        "ROSSUM_PASSWORD" => Some(password.clone()),
        name => environment(name),
    };
    let credentials = Credentials::find(arguments.profile.as_deref(), &both)?;
    let url = credentials.url.clone();
    let life = arguments.life;
    let session = Session::new(credentials, uplink()?, false, say_lines)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let token = runtime.block_on(session.token(life))?;
    let until = clock::now() + life;
    let profile = Credentials::profile(arguments.profile.as_deref(), &super::super::environment);
    let kept = KeptToken { profile, url, token, until };
    let path = kept.keep(&super::super::environment)?;
    print(format_args!(
        "logged in at {} until {}",
        kept.url.host_str().unwrap_or_default(),
        clock::display(until)
    ))?;
    print(format_args!("the token is in {}", path.display()))
}

pub(in super::super) fn log_out(arguments: &LogoutArguments) -> Result<(), Failure> {
    let profile = Credentials::profile(arguments.profile.as_deref(), &super::super::environment);
    // The one that is kept, and no other.
    let environment = |name: &str| match name {
        "HOME" | "XDG_CONFIG_HOME" => super::super::environment(name),
        _ => None,
    };
    let found = Credentials::find(Some(&profile), &environment);
    if let Ok(credentials) = found
        && let Login::Token(_) = credentials.login
    {
        let session = Session::new(credentials, uplink()?, false, say_lines)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        if let Err(problem) = runtime.block_on(session.try_out("auth/logout", &serde_json::json!({}))) {
            say(format_args!("the token is deleted here, but Rossum did not end it: {problem}"));
        }
    }
    KeptToken::forget(&profile, &environment)?;
    print(format_args!("logged out ({profile})"))
}

fn asked(question: &str) -> Result<String, Failure> {
    Ok(ask(question)?.unwrap_or_default())
}
