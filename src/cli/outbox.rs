//! `annex outbox`: exports that wait, and those that were given up.

use std::path::Path;

use serde_json::{Value, json};

use crate::clock;
use crate::outbox::{Job, Outbox, State};
use crate::shown::{Line, counted};

use super::exit::{Failure, print, print_bytes, print_result};
use super::place::Place;

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// List exports that wait, and exports that Annex has given up
    List(ListArguments),
    /// Show an export: its content, its tries, and the answer of the other system
    Show(ShowArguments),
    /// Try an export again, from the request that failed
    Retry(RetryArguments),
    /// Give up an export for good, and delete its data
    Drop(KeyArguments),
}

#[derive(clap::Args)]
pub(super) struct ListArguments {
    /// Only exports in this state
    #[arg(long, value_name = "STATE", value_enum)]
    only: Option<Only>,
    /// How many exports to list
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u32,
    #[command(flatten)]
    place: Place,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Only {
    /// Waiting for the first or the next try
    Waiting,
    /// Given up after failed tries
    Dead,
    /// Accepted by the other system
    Sent,
    /// Dropped by `annex outbox drop`
    Dropped,
}

impl From<Only> for State {
    fn from(only: Only) -> Self {
        match only {
            Only::Waiting => Self::Waiting,
            Only::Dead => Self::Dead,
            Only::Sent => Self::Sent,
            Only::Dropped => Self::Dropped,
        }
    }
}

#[derive(clap::Args)]
pub(super) struct ShowArguments {
    /// The key of the export, or its first characters
    key: String,
    /// Print only the content
    #[arg(long, conflicts_with = "json")]
    body: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(clap::Args)]
pub(super) struct KeyArguments {
    /// The key of the export, or its first characters
    key: String,
    #[command(flatten)]
    place: Place,
}

#[derive(clap::Args)]
pub(super) struct RetryArguments {
    #[command(flatten)]
    key: KeyArguments,
    /// Also if a later export of the same annotation was sent
    #[arg(long)]
    force: bool,
}

pub(super) fn run(command: Command) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::List(arguments) => list(arguments).await,
            Command::Show(arguments) => show(arguments).await,
            Command::Retry(arguments) => {
                let RetryArguments { key: arguments, force } = arguments;
                let (outbox, job) = find(&arguments.place, Outbox::new, &arguments.key).await?;
                if !force && job.state == State::Dead && outbox.overtaken(&job).await? > 0 {
                    return Err(Failure::hinted(
                        format_args!(
                            "a later export of annotation {} was already sent: this one would overwrite it with older data",
                            job.annotation
                        ),
                        format_args!("drop it: annex outbox drop {}; or send it anyway with --force", job.key),
                    ));
                }
                if !outbox.retry(&job.key).await? {
                    return Err(Failure::Because(format!(
                        "{} is {}: there is nothing to retry",
                        job.key,
                        job.state.word()
                    )));
                }
                outbox.close().await;
                done(&arguments.place, &job, "will be tried again")
            }
            Command::Drop(arguments) => {
                let (outbox, job) = find(&arguments.place, Outbox::new, &arguments.key).await?;
                if !outbox.drop_job(&job.key).await? {
                    return Err(Failure::Because(format!(
                        "{} is {}: there is nothing to drop",
                        job.key,
                        job.state.word()
                    )));
                }
                outbox.close().await;
                done(&arguments.place, &job, "is given up for good")
            }
        }
    })
}

fn done(place: &Place, job: &Job, what: &str) -> Result<(), Failure> {
    print_result(place.json, json!({"key": job.key}), format_args!("{} {what}", job.key))
}

/// The outbox of a state folder; where there is none, it is not made.
fn open(place: &Place, open: fn(&Path) -> Outbox) -> Result<Option<Outbox>, Failure> {
    Ok(Some(open(&place.enter()?)).filter(Outbox::exists))
}

/// A job of an outbox that is open to be changed, or to be read.
async fn find(place: &Place, with: fn(&Path) -> Outbox, key: &str) -> Result<(Outbox, Job), Failure> {
    let none = || Failure::Because(format!("there is no export {key}; annex outbox list shows the exports"));
    let outbox = open(place, with)?.ok_or_else(none)?;
    let mut found = outbox.find(key).await?;
    match (found.pop(), found.is_empty()) {
        (Some(job), true) if !key.is_empty() => Ok((outbox, job)),
        (Some(_), false) => Err(Failure::Because(format!(
            "the keys of several exports begin with {key}: give more characters"
        ))),
        _ => Err(none()),
    }
}

async fn list(arguments: ListArguments) -> Result<(), Failure> {
    let ListArguments { only, limit, place } = arguments;
    let mut jobs = Vec::new();
    if let Some(outbox) = open(&place, Outbox::to_read)? {
        match only {
            Some(only) => jobs = outbox.list(Some(only.into()), limit).await?,
            None => {
                for state in [State::Dead, State::Waiting] {
                    jobs.extend(outbox.list(Some(state), limit).await?);
                }
            }
        }
    }
    if place.json {
        return print(json!(jobs));
    }
    if jobs.is_empty() {
        return print("no exports wait, and none was given up");
    }
    for job in jobs {
        let accepted = job.accepted.map_or_else(|| "-".to_owned(), clock::display);
        let (key, state, annotation) = (&job.key, job.state.word(), &job.annotation);
        let (annotation, courier) = (Line(annotation), Line(&job.courier));
        let next = job.due.filter(|_| job.state == State::Waiting);
        let next = next.map(|due| format!("  next try {}", clock::display(due))).unwrap_or_default();
        print(format_args!("{key}  {state}  annotation {annotation}  {courier}  accepted {accepted}{next}"))?;
        match job.state {
            _ if job.problem.is_empty() => {}
            State::Sent => print(format_args!("  note: {}", Line(&job.problem)))?,
            _ => print(format_args!("  tried {}: {}", counted(job.attempts, "time"), Line(&job.problem)))?,
        }
    }
    Ok(())
}

async fn show(arguments: ShowArguments) -> Result<(), Failure> {
    let (_, job) = find(&arguments.place, Outbox::to_read, &arguments.key).await?;
    if arguments.body {
        return print_bytes(&job.body);
    }
    let progress: Value = serde_json::from_str(&job.progress).unwrap_or_default();
    let request = &progress["request"];
    if arguments.place.json {
        return print(json!({"export": job, "request": request, "bytes": job.body.len()}));
    }
    let time = |time: Option<std::time::SystemTime>| time.map_or_else(|| "-".to_owned(), clock::display);
    print(format_args!("{}  {}", job.key, job.state.word()))?;
    print(format_args!("  step        {}", Line(&job.courier)))?;
    print(format_args!("  annotation  {}", Line(&job.annotation)))?;
    print(format_args!("  request id  {}", Line(&job.request_id)))?;
    print(format_args!("  accepted    {}", time(job.accepted)))?;
    if job.state == State::Waiting {
        print(format_args!("  next try    {}", time(job.due)))?;
    }
    let path = request["path"].as_str().or_else(|| request["url"].as_str());
    if let (Some(method), Some(path)) = (request["method"].as_str(), path) {
        let [method, path] = [method, path].map(Line);
        let kind = request["content_type"].as_str().unwrap_or_default();
        print(format_args!(
            "  sends       {method} {path} ({} bytes {}); --body prints them",
            job.body.len(),
            Line(kind)
        ))?;
    }
    match job.state {
        _ if job.problem.is_empty() => {}
        State::Sent => print(format_args!("  note        {}", Line(&job.problem)))?,
        _ => print(format_args!("  tried       {}: {}", counted(job.attempts, "time"), Line(&job.problem)))?,
    }
    Ok(())
}
