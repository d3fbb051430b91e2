//! The command line: one file for each subcommand. Prints, and chooses exit codes; does no work of its own.

mod account;
mod ask;
mod caller;
mod cert;
mod check;
mod completions;
mod config;
mod data;
mod dev;
mod doctor;
mod eval;
mod examples;
mod exit;
mod given;
mod init;
mod man;
mod outbox;
mod place;
mod progress;
mod secret;
mod send;
mod serve;
mod spooled;
mod status;
mod test;
mod tunnel;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

/// Serves Rossum extensions over HTTPS, with a certificate that it gets and renews itself.
///
/// Without a command it serves. To try it with built-in sample hooks: annex --dev-http
#[derive(Parser)]
#[command(name = "annex", bin_name = "annex", version, args_conflicts_with_subcommands = true, after_help = exit::EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::Arguments,
}

#[derive(Subcommand)]
enum Command {
    /// Serve hooks (the default without a command)
    Serve(serve::Arguments),
    /// Write a first configuration, a schema and a test case
    Init(init::Arguments),
    /// Check a configuration: print every mistake with its line and a hint
    Check(check::Arguments),
    /// Explain the keys of annex.toml, for people and for editors
    #[command(subcommand)]
    Config(config::Command),
    /// Show the state of the running server: whether it is ready, its certificates, its warnings
    Status(status::Arguments),
    /// Look for problems before users meet them: names, ports, certificates, clock, files, configuration
    Doctor(doctor::Arguments),
    /// Show and renew certificates
    #[command(subcommand)]
    Cert(cert::Command),
    /// Sign a payload and send it to a hook, as Rossum does
    Send(send::Arguments),
    /// Answer recorded deliveries again, and print what differs
    Test(test::Arguments),
    /// Evaluate TxScript code over a payload
    Eval(eval::Arguments),
    /// Import and show datasets: your own records, which steps search
    #[command(subcommand)]
    Data(data::Command),
    /// Show exports that wait or have failed; retry or drop them
    #[command(subcommand)]
    Outbox(outbox::Command),
    /// Log in to Rossum, and keep a token for the commands below
    Login(account::login::Arguments),
    /// Log out of Rossum, and delete the token of `annex login`
    Logout(account::login::LogoutArguments),
    /// Register, change and try out hooks in Rossum
    #[command(subcommand)]
    Hook(account::hook::Command),
    /// List and change queues in Rossum
    #[command(subcommand)]
    Queue(account::queue::Command),
    /// Get, validate and put schemas in Rossum
    #[command(subcommand)]
    Schema(account::schema::Command),
    /// Get rules from Rossum, as files for the step `rules`
    #[command(subcommand)]
    Rule(account::rule::Command),
    /// Create secrets
    #[command(subcommand)]
    Secret(secret::Command),
    /// Print shell completions
    Completions(completions::Arguments),
    /// Print the manual page
    #[command(hide = true)]
    Man,
}

/// Where a configuration is looked for when none is named.
const CONFIG_PLACES: [&str; 2] = ["annex.toml", "/etc/annex/annex.toml"];

/// The configuration that was named, or the first one there.
fn config_path(named: Option<PathBuf>) -> PathBuf {
    let places = CONFIG_PLACES.map(PathBuf::from);
    let [first, _] = &places;
    named.or_else(|| places.iter().find(|place| place.exists()).cloned()).unwrap_or_else(|| first.clone())
}

/// The same for a command that can do without one: a file that is named must be there.
fn config_path_or_default(named: Option<PathBuf>) -> Result<PathBuf, exit::Failure> {
    if let Some(path) = &named
        && let Err(error) = std::fs::metadata(path)
    {
        return Err(format!("cannot read the configuration {}: {error}", path.display()).into());
    }
    Ok(config_path(named))
}

/// The process's environment.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The environment that a service with this configuration has: where systemd passed no credentials, they are looked for
/// beside the configuration, where the service's `LoadCredential=` takes them from.
fn service_environment(config: &Path) -> impl Fn(&str) -> Option<String> {
    let folder = config.parent().map(|folder| folder.display().to_string());
    move |name| match (environment(name), name) {
        (None, "CREDENTIALS_DIRECTORY") => folder.clone(),
        (value, _) => value,
    }
}

/// All commands, each with examples in its help.
fn command() -> clap::Command {
    examples::add(Cli::command())
}

fn parsed(arguments: Vec<OsString>) -> Result<Cli, clap::Error> {
    let mut command = command();
    let found = command.try_get_matches_from_mut(config_last(arguments, &command))?;
    Cli::from_arg_matches(&found).map_err(|error| error.format(&mut command))
}

/// `annex -c FILE check` is `annex check -c FILE`: each command has the option.
fn config_last(mut arguments: Vec<OsString>, command: &clap::Command) -> Vec<OsString> {
    let first = arguments.get(1).and_then(|first| first.to_str()).unwrap_or_default();
    let count = match first {
        "-c" | "--config" => 2,
        _ if first.starts_with("--config=") => 1,
        _ if first.starts_with("-c") && !first.starts_with("--") => 1,
        _ => return arguments,
    };
    let next = arguments.get(1 + count).and_then(|next| next.to_str());
    if next.is_some_and(|next| command.find_subcommand(next).is_some()) {
        let option: Vec<OsString> = arguments.drain(1..=count).collect();
        let end = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
        arguments.splice(end..end, option);
    }
    arguments
}

/// Runs the command that the arguments ask for.
pub fn run() -> ExitCode {
    std::panic::set_hook(Box::new(exit::panicked));
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let is_json = arguments.iter().take_while(|one| *one != "--").any(|one| one == "--json");
    let cli = match parsed(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let again = |arguments: Vec<String>| parsed(arguments.into_iter().map(OsString::from).collect());
            return exit::usage(&error, is_json, |arguments| again(arguments).err());
        }
    };
    let done = match cli.command {
        None => serve::run(cli.serve),
        Some(Command::Serve(arguments)) => serve::run(arguments),
        Some(Command::Init(arguments)) => init::run(arguments),
        Some(Command::Check(arguments)) => check::run(arguments),
        Some(Command::Config(command)) => config::run(&command),
        Some(Command::Status(arguments)) => status::run(arguments),
        Some(Command::Doctor(arguments)) => doctor::run(arguments),
        Some(Command::Cert(command)) => cert::run(command),
        Some(Command::Man) => man::run(),
        Some(Command::Send(arguments)) => send::run(arguments),
        Some(Command::Test(arguments)) => test::run(arguments),
        Some(Command::Eval(arguments)) => eval::run(arguments),
        Some(Command::Data(command)) => data::run(command),
        Some(Command::Outbox(command)) => outbox::run(command),
        Some(Command::Login(arguments)) => account::login::run(arguments),
        Some(Command::Logout(arguments)) => account::login::log_out(&arguments),
        Some(Command::Hook(command)) => account::hook::run(command),
        Some(Command::Queue(command)) => account::queue::run(command),
        Some(Command::Schema(command)) => account::schema::run(command),
        Some(Command::Rule(command)) => account::rule::run(command),
        Some(Command::Secret(command)) => secret::run(&command),
        Some(Command::Completions(arguments)) => completions::run(&arguments),
    };
    exit::code(done, is_json)
}
