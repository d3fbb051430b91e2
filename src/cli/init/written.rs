//! All files or none: they are made in a folder of their own, tried there, and then put into their place.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::value::RawValue;

use crate::cases::Case;
use crate::config::{self, Config, Mistakes, Purpose};
use crate::outbox;
use crate::webhook::{HookPlan, Trial};

use super::super::exit::{Failure, mistaken};
use super::answers::Schema;
use super::sample;

const CASE: &str = "cases/first.json";

/// What a server with it is started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passes {
    ToServe,
    /// It has a name for examples, which no CA gives a certificate for.
    ToDevelop,
}

/// A folder that is gone at the end, whatever happens.
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0); // its files are in their place, or are not wanted
    }
}

/// What was put into its place, and is taken back where the rest cannot follow.
#[derive(Default)]
struct Placed {
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
    is_done: bool,
}

impl Drop for Placed {
    fn drop(&mut self) {
        if !self.is_done {
            for file in &self.files {
                let _ = fs::remove_file(file);
            }
            for folder in self.folders.iter().rev() {
                let _ = fs::remove_dir(folder); // one that others write to stays
            }
        }
    }
}

impl Placed {
    /// Makes a folder with all above it.
    fn folder(&mut self, folder: &Path) -> Result<(), Failure> {
        let missing: Vec<_> = folder
            .ancestors()
            .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
            .map(Path::to_path_buf)
            .collect();
        for folder in missing.into_iter().rev() {
            fs::create_dir(&folder).map_err(|error| because(&folder, &error))?;
            self.folders.push(folder);
        }
        Ok(())
    }
}

fn because(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Because(format!("{}: {error}; nothing was written", path.display()))
}

/// Writes the files and a first case. Gives their paths.
pub(super) fn write_all(
    folder: &Path,
    mut files: Vec<(&'static str, String)>,
    name: &str,
    schema: &Schema,
) -> Result<(Vec<PathBuf>, Passes), Failure> {
    let same = |file: &Path| {
        Some(fs::canonicalize(file).ok()? == fs::canonicalize(folder.join("schema.json")).ok()?)
    };
    let is_there = schema.file.as_deref().is_some_and(|file| same(file) == Some(true));
    let kept = |file: &&str| is_there && *file == "schema.json";
    let names: Vec<&str> =
        files.iter().map(|(name, _)| *name).chain([CASE]).filter(|name| !kept(name)).collect();
    if let Some(there) =
        names.iter().map(|name| folder.join(name)).find(|path| path.symlink_metadata().is_ok())
    {
        let what = format!("{} exists already: no file is overwritten", there.display());
        return Err(Failure::Because(what));
    }
    if let Some((_, text)) = files.iter_mut().find(|(name, _)| kept(name)) {
        // It is tried as it stands there.
        let path = folder.join("schema.json");
        *text = fs::read_to_string(&path).map_err(|error| because(&path, &error))?;
    }
    let mut placed = Placed::default();
    placed.folder(folder)?;
    let draft = Draft(folder.join(format!(".annex-init-{}", outbox::random_key()?)));
    fs::create_dir_all(draft.0.join("cases")).map_err(|error| because(&draft.0, &error))?;
    for (name, text) in &files {
        let path = draft.0.join(name);
        let made = fs::File::create_new(&path).and_then(|mut file| file.write_all(text.as_bytes()));
        made.map_err(|error| because(folder, &error))?;
    }
    let toml = draft.0.join("annex.toml");
    let shown = |mistakes: Mistakes| {
        let within = format!("{}/", draft.0.display());
        let plain = mistakes.0.into_iter().map(|mut mistake| {
            mistake.file = mistake.file.replace(&within, "");
            mistake.what = mistake.what.replace(&within, "");
            mistake
        });
        mistaken(Mistakes(plain.collect()))
    };
    let checked: Config = config::load(&toml, Purpose::Check, &|_| None).map_err(shown)?;
    if !checked.doubts.is_empty() {
        return Err(shown(Mistakes(checked.doubts)));
    }
    let serves = config::load_to_serve(&toml, Purpose::Check, &|_| None).is_ok();
    let passes = if serves { Passes::ToServe } else { Passes::ToDevelop };
    first_case(&toml, name, schema)?.write(&draft.0.join(CASE))?;
    placed.folder(&folder.join("cases"))?;
    for name in &names {
        let path = folder.join(name);
        // A link to a file that appeared meanwhile fails, where a move would write over it.
        fs::hard_link(draft.0.join(name), &path)
            .or_else(|_| {
                let text = fs::read(draft.0.join(name))?;
                fs::File::create_new(&path).and_then(|mut file| file.write_all(&text))
            })
            .map_err(|error| because(&path, &error))?;
        placed.files.push(path);
    }
    placed.is_done = true;
    Ok((placed.files.clone(), passes))
}

/// A case whose answer is what the configuration answers.
fn first_case(config: &Path, name: &str, schema: &Schema) -> Result<Case, Failure> {
    let config = config::load(config, Purpose::Trial, &|_| None).map_err(mistaken)?;
    let services = config.services(None);
    let trial = Trial::new(HookPlan::build_all(config.hooks, &services).hooks)?;
    let body = serde_json::to_vec(&sample::payload(&schema.content))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (answer, _) = runtime.block_on(trial.answer(name, &body))?;
    let case = Case::unanswered(name, &body);
    let mut case = case.ok_or_else(|| Failure::Because("the first case cannot be made".to_owned()))?;
    case.answer = Some(RawValue::from_string(String::from_utf8_lossy(&answer).into_owned())?);
    Ok(case)
}
