//! Where secrets come from: `env:NAME`, `file:PATH`, `credential:NAME` (systemd's `LoadCredential`). Never the
//! configuration file itself.

use std::path::Path;

use toml::Spanned;

use crate::secret::{Secret, SecretFile};

use super::Purpose;
use super::section::Section;

/// The key of a hook's secrets.
const HOOK_SECRETS: &str = "secrets";

/// The process's environment, or a test's.
pub type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// Reads every secret that `key` names; those that cannot be read are noted.
pub(super) fn read(section: &Section<'_>, key: &'static str, environment: Environment<'_>) -> Vec<Secret> {
    let sources = section.texts(key).unwrap_or_default();
    sources.into_iter().filter_map(|source| read_one(section, &source, environment)).collect()
}

/// A hook's secrets. A file may have several, one a line: the newest first, while one is being replaced.
pub(super) fn of_hook(section: &Section<'_>, environment: Environment<'_>) -> Vec<Secret> {
    let split = |secret: Secret| {
        let lines = secret.expose().split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        lines.filter(|line| !line.is_empty()).map(Secret::new).collect::<Vec<_>>()
    };
    read(section, HOOK_SECRETS, environment).into_iter().flat_map(split).collect()
}

/// Where the first of a hook's secrets is kept.
pub(super) fn file_of_hook(section: &Section<'_>, environment: Environment<'_>) -> Option<SecretFile> {
    let first = section.texts_or_none(HOOK_SECRETS)?.into_iter().next()?;
    let (kind, name) = first.get_ref().split_once(':')?;
    match kind {
        "file" => Some(SecretFile { path: section.document().resolve(name), is_credential: false }),
        "credential" => {
            let folder = environment("CREDENTIALS_DIRECTORY")?;
            Some(SecretFile { path: Path::new(&folder).join(name), is_credential: true })
        }
        _ => None,
    }
}

/// One secret, by its source.
pub(super) fn read_one(
    section: &Section<'_>,
    source: &Spanned<&str>,
    environment: Environment<'_>,
) -> Option<Secret> {
    let document = section.document();
    if document.purpose == Purpose::Trial {
        return Some(Secret::new(*b"of a trial"));
    }
    let (kind, name) = source.get_ref().split_once(':').unwrap_or(("", ""));
    let read = match kind {
        "env" => environment(name).map(|value| Secret::new(value.into_bytes())).ok_or_else(|| {
            (format!("the environment has no {name}"), format!("start Annex with {name}=… set"))
        }),
        "file" => {
            let path = document.resolve(name);
            document.add_secret_file(&path);
            read_file(&path)
        }
        "credential" => match environment("CREDENTIALS_DIRECTORY") {
            Some(folder) => {
                let path = Path::new(&folder).join(name);
                document.add_secret_file(&path);
                read_file(&path)
            }
            None => Err((
                format!("there is no credential {name}: systemd passed none"),
                format!("add `LoadCredential={name}:/etc/annex/{name}` to the service"),
            )),
        },
        _ => Err((
            "a secret must not stand in the configuration".to_owned(),
            "write `env:NAME`, `file:PATH` or `credential:NAME`".to_owned(),
        )),
    };
    match read {
        Ok(secret) => match flaw(secret.expose()) {
            None => Some(secret),
            Some((what, hint)) => {
                document.note(source.span(), format!("the secret {} {what}", source.get_ref()), Some(hint));
                None
            }
        },
        Err((what, hint)) => {
            document.note(source.span(), what, Some(hint));
            None
        }
    }
}

/// What keeps bytes from being a secret that somebody typed, made or pasted, and what to do.
fn flaw(secret: &[u8]) -> Option<(&'static str, &'static str)> {
    let is_utf16 = secret.starts_with(b"\xff\xfe") || secret.starts_with(b"\xfe\xff") || secret.contains(&0);
    if secret.trim_ascii().is_empty() {
        Some(("is empty", "make one with `annex secret new`"))
    } else if is_utf16 || secret.starts_with(b"\xef\xbb\xbf") {
        let what = "is a text in UTF-16, or has a byte order mark: no signature would fit";
        Some((what, "save it as plain UTF-8 without a mark: `annex secret new > FILE` does"))
    } else {
        None
    }
}

fn read_file(path: &Path) -> Result<Secret, (String, String)> {
    let read = std::fs::read(path).map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::NotFound => format!("make it: annex secret new > {}", path.display()),
            std::io::ErrorKind::PermissionDenied => {
                "the user that Annex runs as must be able to read it".to_owned()
            }
            _ => "name a file".to_owned(),
        };
        (format!("cannot read the secret {}: {error}", path.display()), hint)
    });
    Ok(Secret::new(zeroize::Zeroizing::new(read?).trim_ascii_end()))
}
