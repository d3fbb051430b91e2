//! Where secrets come from: `env:NAME`, `file:PATH`, `credential:NAME` (systemd's `LoadCredential`). Never the
//! configuration file itself.

use std::path::Path;

use toml::Spanned;

use crate::secret::{Secret, SecretFile};
use crate::shown::quoted;

use super::Purpose;
use super::section::Section;

/// The secret of dev mode, which makes one where there is none.
pub const DEV_SECRET: &str = "ROSSUM_SECRET";
/// The key of a hook's secrets.
const HOOK_SECRETS: &str = "secrets";

/// The process's environment, or a test's.
pub type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// Who makes a secret: so what one looks like, and what to do where it is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Maker {
    /// Annex makes it for a hook, and Rossum is told. A file may have several, one a line.
    Annex,
    /// The other system gives it: a password or a token, of one line.
    Other,
    /// The other system gives it, and it may be a key of several lines.
    OtherAsText,
    /// `ssh-keygen` makes it: a private key.
    Ssh,
}

/// A hook's secret below it can be guessed by whoever sees one signed delivery.
const SHORT: usize = 16;
/// A password or token below it is most likely not all there.
const CUT: usize = 4;

/// Why a source gives no secret, and what to do.
enum Unread {
    /// It is not there, as on a host that is not the server's.
    Missing(String, String),
    Wrong(String, String),
}

/// Reads every secret that `key` names; those that cannot be read are noted.
pub(super) fn read(
    section: &Section<'_>,
    key: &'static str,
    maker: Maker,
    environment: Environment<'_>,
) -> Vec<Secret> {
    let sources = section.texts(key).unwrap_or_default();
    sources.into_iter().filter_map(|source| read_one(section, &source, maker, environment)).collect()
}

/// A hook's secrets. A file may have several, one a line: the newest first, while one is being replaced.
pub(super) fn of_hook(section: &Section<'_>, environment: Environment<'_>) -> Vec<Secret> {
    let split = |secret: Secret| {
        let lines = secret.expose().split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        lines.filter(|line| !line.is_empty()).map(Secret::new).collect::<Vec<_>>()
    };
    let read = read(section, HOOK_SECRETS, Maker::Annex, environment);
    let of_dev_mode = || environment(DEV_SECRET).map(|value| Secret::new(value.into_bytes()));
    // Nobody is let in by a secret that is not there: in dev mode, the one that is there counts.
    let mut there: Vec<Secret> = Vec::new();
    for secret in read {
        let secret = if secret.is_absent() { of_dev_mode() } else { Some(secret) };
        for one in secret.into_iter().flat_map(split) {
            if !there.contains(&one) {
                there.push(one);
            }
        }
    }
    there
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

/// How a command names the first of a hook's secrets. Where it is not there, dev mode has its own.
pub(super) fn source_of_hook(
    section: &Section<'_>,
    file: Option<&SecretFile>,
    environment: Environment<'_>,
) -> String {
    if let Some(file) = file {
        return format!("file:{}", file.path.display());
    }
    let first = section.texts_or_none(HOOK_SECRETS).and_then(|all| all.into_iter().next());
    let name = first.as_ref().and_then(|first| first.get_ref().strip_prefix("env:"));
    let name = name.filter(|name| environment(name).is_some()).unwrap_or(DEV_SECRET);
    format!("env:{name}")
}

/// One secret, by its source.
pub(super) fn read_one(
    section: &Section<'_>,
    source: &Spanned<&str>,
    maker: Maker,
    environment: Environment<'_>,
) -> Option<Secret> {
    let document = section.document();
    if document.purpose == Purpose::Trial {
        return Some(Secret::new(*b"of a trial"));
    }
    let (kind, name) = source.get_ref().split_once(':').unwrap_or(("", ""));
    let read = match kind {
        "env" => environment(name).map(|value| Secret::new(value.into_bytes())).ok_or_else(|| {
            let hint = format!("start Annex with {name}=… set");
            Unread::Missing(format!("the environment has no {name}"), hint)
        }),
        "file" => {
            let path = document.resolve(name);
            document.add_secret_file(&path);
            read_file(&path, maker)
        }
        "credential" => match environment("CREDENTIALS_DIRECTORY") {
            Some(folder) => {
                let path = Path::new(&folder).join(name);
                document.add_secret_file(&path);
                read_file(&path, maker)
            }
            None => Err(Unread::Missing(
                format!("there is no credential {name}: systemd passed none"),
                format!(
                    "start it as the service, which has `LoadCredential={name}:/etc/annex/{name}`: systemctl start annex; by hand: CREDENTIALS_DIRECTORY=/etc/annex annex serve, with the secret in /etc/annex/{name}"
                ),
            )),
        },
        _ => Err(Unread::Wrong(
            "a secret must not be in the configuration".to_owned(),
            "write `env:NAME`, `file:PATH` or `credential:NAME`".to_owned(),
        )),
    };
    match read {
        Ok(secret) => match flaw(secret.expose(), maker) {
            None => {
                if let Some(doubt) = doubt(secret.expose(), maker) {
                    section.remark(&source.span(), &format!("the secret {} {doubt}", source.get_ref()));
                }
                Some(secret)
            }
            Some((what, hint)) => {
                document.note(source.span(), format!("the secret {} {what}", source.get_ref()), Some(hint));
                None
            }
        },
        Err(Unread::Missing(what, hint)) if document.purpose == Purpose::Check => {
            let what = format!("a secret, since {what}: annex serve does not start without it; {hint}");
            document.leave_unchecked(&source.span(), &what);
            Some(Secret::absent())
        }
        Err(Unread::Missing(what, _)) if document.purpose == Purpose::DevHttp => {
            let instead = match maker {
                Maker::Annex => format!("deliveries are verified by the secret of dev mode, {DEV_SECRET}"),
                _ => "what needs it fails, and sends nothing".to_owned(),
            };
            document.remark(&source.span(), &format!("{what}: {instead}"));
            Some(Secret::absent())
        }
        Err(Unread::Missing(what, hint) | Unread::Wrong(what, hint)) => {
            document.note(source.span(), what, Some(hint));
            None
        }
    }
}

/// What keeps bytes from being a secret that somebody typed, made or pasted, and what to do.
fn flaw(secret: &[u8], maker: Maker) -> Option<(&'static str, &'static str)> {
    let is_utf16 = secret.starts_with(b"\xff\xfe") || secret.starts_with(b"\xfe\xff") || secret.contains(&0);
    if secret.trim_ascii().is_empty() {
        let hint = match maker {
            Maker::Annex => "make one with `annex secret new`",
            Maker::Other | Maker::OtherAsText => "write what the other system gave you",
            Maker::Ssh => "make one with `ssh-keygen -t ed25519 -f FILE`",
        };
        Some(("is empty", hint))
    } else if is_utf16 || secret.starts_with(b"\xef\xbb\xbf") {
        let what = "is a text in UTF-16, or has a byte order mark: no signature would fit";
        let hint = match maker {
            Maker::Annex => "save it as plain UTF-8 without a mark: `annex secret new > FILE` does",
            _ => "save it as plain UTF-8 without a mark",
        };
        Some((what, hint))
    } else if maker == Maker::Other && secret.trim_ascii().contains(&b'\n') {
        Some(("has several lines, and a password or token has one", "keep the line that counts"))
    } else {
        None
    }
}

/// What a secret can be and yet is hardly meant to be.
fn doubt(secret: &[u8], maker: Maker) -> Option<String> {
    let is_quoted = |line: &[u8]| {
        let between = |quote: u8| line.len() > 1 && line.starts_with(&[quote]) && line.ends_with(&[quote]);
        between(b'"') || between(b'\'')
    };
    let mut lines =
        secret.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    if lines.clone().any(is_quoted) {
        return Some(
            "stands in quotes, which count as a part of it: take them out if they are none".to_owned(),
        );
    }
    match maker {
        Maker::Annex if lines.any(|line| line.len() < SHORT) => Some(format!(
            "is shorter than {SHORT} characters and can be guessed: `annex secret new` makes a long one"
        )),
        Maker::Other if lines.any(|line| line.len() < CUT) => {
            Some(format!("is shorter than {CUT} characters: perhaps not all of it was copied"))
        }
        _ => None,
    }
}

fn read_file(path: &Path, maker: Maker) -> Result<Secret, Unread> {
    let read = std::fs::read(path).map_err(|error| {
        let is_missing = error.kind() == std::io::ErrorKind::NotFound;
        let hint = match error.kind() {
            std::io::ErrorKind::NotFound => made(path, maker),
            std::io::ErrorKind::PermissionDenied => {
                "the user that Annex runs as must be able to read it".to_owned()
            }
            _ => "name a file".to_owned(),
        };
        let what = format!("cannot read the secret {}: {error}", path.display());
        if is_missing { Unread::Missing(what, hint) } else { Unread::Wrong(what, hint) }
    });
    Ok(Secret::new(zeroize::Zeroizing::new(read?).trim_ascii_end()))
}

/// How a secret gets into a file that is not there.
fn made(path: &Path, maker: Maker) -> String {
    let file = path.display().to_string();
    let file = quoted(&file);
    match maker {
        Maker::Annex => format!("make it: annex secret new > {file}"),
        Maker::Ssh => format!(
            "make it: ssh-keygen -t ed25519 -f {file}, and give {file}.pub to the people of the server"
        ),
        Maker::Other | Maker::OtherAsText => {
            format!("put what the other system gave you there: (umask 077 && cat > {file}), paste it, Ctrl-D")
        }
    }
}
