//! `annex test`: recorded deliveries against a configuration, without a network.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::cases::{Case, Difference, differences};
use crate::config::{self, Config, Purpose};
use crate::rossum::escape_html;
use crate::shown::{Lines, counted};
use crate::webhook::{HookPlan, Trial};

use super::exit::{self, Failure, Mark, print, print_lines};

/// Answers recorded deliveries again, and prints what differs.
///
/// A case is a file that `annex serve --record` writes: `hook`, `payload` and the expected `answer`. Steps that call other
/// systems (exports, databases) do not run; the command lists them. It ends with exit code 1 if a case differs.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The folder with the cases, or one case
    #[arg(default_value = "cases")]
    cases: PathBuf,
    /// The configuration [default: annex.toml, else /etc/annex/annex.toml]
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Compare with the answers of this configuration instead of the expected answers
    #[arg(long, value_name = "FILE", conflicts_with = "update")]
    against: Option<PathBuf>,
    /// Write the new answers into the cases as the expected answers
    #[arg(long)]
    update: bool,
    /// Also write a `JUnit` report, for CI
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print one line of JSON for each case
    #[arg(long)]
    json: bool,
}

/// What a case came to.
enum Came {
    Same,
    Differs(Vec<Difference>),
    /// Accepted now.
    Updated,
    /// There is nothing to compare with yet.
    New,
    Failed(String),
}

struct Done {
    name: String,
    came: Came,
    /// What the log of a server would say of the steps.
    said: Vec<String>,
    took: Duration,
}

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let paths = cases(&arguments.cases)?;
    let path = super::config_path(arguments.config);
    let trial = trial(&path)?;
    let against = arguments.against.as_deref().map(self::trial).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut all = Vec::new();
    let mut left_out: Vec<String> = Vec::new();
    for path in paths {
        let began = Instant::now();
        let name = path.strip_prefix(&arguments.cases).ok().filter(|name| !name.as_os_str().is_empty());
        let name = name.unwrap_or(&path).display().to_string();
        let mut said = Vec::new();
        let tried = Tried { trial: &trial, against: against.as_ref(), update: arguments.update };
        let came = runtime.block_on(tried.one(&path, &mut left_out, &mut said));
        let done = Done { name, came, said, took: began.elapsed() };
        if arguments.json {
            print(as_json(&done))?;
        } else {
            print_lines(&as_text(&done))?;
        }
        all.push(done);
    }
    let bad = all.iter().filter(|done| !matches!(done.came, Came::Same | Came::Updated)).count();
    if !arguments.json {
        for name in &left_out {
            print(format_args!("not run, because it calls another system: {name}"))?;
        }
        let verb = if against.is_some() { "would be answered differently" } else { "differ or failed" };
        print(format_args!("{}, {bad} {verb}", counted(all.len(), "case")))?;
    }
    if let Some(path) = &arguments.junit {
        let because = |error| Failure::Because(format!("{}: {error}", path.display()));
        let mut file = std::fs::File::create(path).map_err(because)?;
        file.write_all(junit(&all).as_bytes()).map_err(because)?;
    }
    if bad == 0 { Ok(()) } else { Err(Failure::Said) }
}

/// The files of a folder, by name.
fn cases(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let because = |error: std::io::Error| {
        let hint = "record some with `annex serve --record cases`";
        Failure::Because(format!("{}: {error}; {hint}", path.display()))
    };
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut all = Vec::new();
    for entry in std::fs::read_dir(path).map_err(because)? {
        let file = entry.map_err(because)?.path();
        if file.extension().is_some_and(|extension| extension == "json") {
            all.push(file);
        }
    }
    all.sort();
    if all.is_empty() {
        let hint = "record some with `annex serve --record cases`";
        return Err(Failure::Because(format!("{} has no cases (*.json); {hint}", path.display())));
    }
    Ok(all)
}

fn trial(path: &Path) -> Result<Trial, Failure> {
    let environment = super::service_environment(path);
    let config: Config = config::load(path, Purpose::Trial, &environment).map_err(exit::mistaken)?;
    let services = config.services(None);
    Ok(Trial::new(HookPlan::build_all(config.hooks, &services).hooks)?)
}

/// What a case is tried with.
struct Tried<'t> {
    trial: &'t Trial,
    against: Option<&'t Trial>,
    update: bool,
}

impl Tried<'_> {
    async fn one(&self, path: &Path, left_out: &mut Vec<String>, said: &mut Vec<String>) -> Came {
        let mut case = match Case::read(path) {
            Ok(case) => case,
            Err(error) => return Came::Failed(error.to_string()),
        };
        for step in self.trial.left_out(&case.hook) {
            let name = format!("{} of {}", step, case.hook);
            if !left_out.contains(&name) {
                left_out.push(name);
            }
        }
        let payload = case.payload.get().as_bytes();
        let answer = match self.trial.answer(&case.hook, payload).await {
            Ok((answer, of_steps)) => {
                *said = of_steps;
                answer
            }
            Err(error) => return Came::Failed(error.to_string()),
        };
        let expected = match (self.against, &case.answer) {
            (Some(other), _) => match other.answer(&case.hook, payload).await {
                // Said as what changes: from the one to the other.
                Ok((changed, _)) => return compared(payload, &answer, &changed),
                Err(error) => return Came::Failed(format!("with the other configuration: {error}")),
            },
            (None, Some(expected)) => expected.get().as_bytes().to_vec(),
            (None, None) if self.update => Vec::new(),
            (None, None) => return Came::New,
        };
        match compared(payload, &expected, &answer) {
            Came::Differs(_) | Came::Failed(_) if self.update => {
                let text = String::from_utf8_lossy(&answer).into_owned();
                case.answer = RawValue::from_string(text).ok();
                match case.write(path) {
                    Ok(()) => Came::Updated,
                    Err(error) => Came::Failed(format!("cannot write the case: {error}")),
                }
            }
            came => came,
        }
    }
}

fn compared(payload: &[u8], expected: &[u8], got: &[u8]) -> Came {
    let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes);
    let (Ok(payload), Ok(expected), Ok(got)) = (read(payload), read(expected), read(got)) else {
        return Came::Failed("its payload or its answer is not JSON".to_owned());
    };
    let all = differences(&payload, &expected, &got);
    if all.is_empty() { Came::Same } else { Came::Differs(all) }
}

fn lines(differences: &[Difference]) -> Vec<(char, &str)> {
    fn line(one: &Difference) -> (char, &str) {
        match one {
            Difference::Missing(text) => ('-', text),
            Difference::Added(text) => ('+', text),
        }
    }
    differences.iter().map(line).collect()
}

fn as_text(done: &Done) -> Lines {
    let mut text = outcome(done);
    for line in &done.said {
        text.add(format_args!("    {} {line}", Mark::Warning));
    }
    text
}

fn outcome(done: &Done) -> Lines {
    let name = &done.name;
    match &done.came {
        Came::Same => Lines::of(format_args!("{} {name}", Mark::Good)),
        Came::Updated => Lines::of(format_args!("{} {name}: accepted", Mark::Warning)),
        Came::New => Lines::of(format_args!(
            "{} {name}: the case has no expected answer yet; --update accepts this one",
            Mark::Bad
        )),
        Came::Failed(problem) => Lines::of(format_args!("{} {name}: {problem}", Mark::Bad)),
        Came::Differs(all) => {
            let mut text = Lines::of(format_args!("{} {name}", Mark::Bad));
            for (sign, line) in lines(all) {
                text.add(format_args!("    {sign} {line}"));
            }
            text
        }
    }
}

fn as_json(done: &Done) -> Value {
    let mut line = outcome_json(done);
    if let Some(line) = line.as_object_mut().filter(|_| !done.said.is_empty()) {
        line.insert("said".to_owned(), json!(done.said));
    }
    line
}

fn outcome_json(done: &Done) -> Value {
    let name = &done.name;
    match &done.came {
        Came::Same => json!({"case": name, "result": "same"}),
        Came::Updated => json!({"case": name, "result": "updated"}),
        Came::New => json!({"case": name, "result": "new"}),
        Came::Failed(problem) => json!({"case": name, "result": "failed", "problem": problem}),
        Came::Differs(all) => {
            let of = |wanted: char| {
                lines(all)
                    .into_iter()
                    .filter(|(sign, _)| *sign == wanted)
                    .map(|(_, line)| line)
                    .collect::<Vec<_>>()
            };
            json!({"case": name, "result": "differs", "missing": of('-'), "added": of('+')})
        }
    }
}

/// The report that CI systems read.
fn junit(all: &[Done]) -> String {
    let bad = all.iter().filter(|done| !matches!(done.came, Came::Same | Came::Updated)).count();
    let time: Duration = all.iter().map(|done| done.took).sum();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"annex test\" tests=\"{}\" failures=\"{bad}\" time=\"{:.3}\">\n",
        all.len(),
        time.as_secs_f64()
    );
    for done in all {
        let head =
            format!("<testcase name=\"{}\" time=\"{:.3}\"", escape_html(&done.name), done.took.as_secs_f64());
        let _ = match done.came {
            Came::Same | Came::Updated => writeln!(text, "  {head}/>"),
            _ => writeln!(
                text,
                "  {head}><failure message=\"answered differently\">{}</failure></testcase>",
                escape_html(&as_text(done).to_string()).replace(|c: char| c.is_control() && c != '\n', " ")
            ),
        };
    }
    text + "</testsuite>\n"
}
