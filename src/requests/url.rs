//! The URL of a call: what stands in a value cannot change where it leads, beyond the segment that it is part of.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use reqwest::Url;

use crate::export::place::{self, Piece as Part};

use super::scope::{Scope, Unfilled};
use super::template::{Hole, Piece, Text};

/// What `{raw(…)}` cannot put in either.
const NEVER: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'\\').add(b'`');

/// Whether a value may say which host is called: a secret, or what an answer gave. `hosts` has the last word.
pub(super) fn may_name_host(hole: &Hole) -> bool {
    matches!(hole.path.root(), "property") || hole.path.is_secret()
}

/// The placeholders that stand where the host does.
pub(super) fn in_host(text: &Text) -> impl Iterator<Item = &Hole> {
    let mut start = String::new();
    let mut in_host = Vec::new();
    for piece in &text.pieces {
        match piece {
            Piece::Literal(literal) => start.push_str(literal),
            Piece::Hole(hole) => in_host.push(hole),
        }
        // A placeholder at the beginning brings the host; where its path begins is known when the call is made.
        if path_at(&start).is_some() || matches!(text.pieces.first(), Some(Piece::Hole(_))) {
            break;
        }
    }
    in_host.into_iter()
}

/// Where the path begins, behind the host.
fn path_at(url: &str) -> Option<usize> {
    let host = url.find("://")? + 3;
    url[host..].find(['/', '\\', '?', '#']).map(|at| host + at)
}

/// The URL, or why it is none.
pub(super) fn url(scope: &Scope<'_>, text: &Text) -> Result<Result<String, String>, Unfilled> {
    let mut start = String::new();
    let mut parts: Option<Vec<Part>> = None;
    for piece in &text.pieces {
        match (piece, &mut parts) {
            (Piece::Literal(literal), Some(parts)) => parts.push(Part::Own(literal.clone())),
            (Piece::Literal(literal), None) => start.push_str(literal),
            (Piece::Hole(hole), Some(parts)) => {
                let value = scope.words_of(hole)?;
                parts.push(Part::Value(if hole.is_raw {
                    utf8_percent_encode(&value, NEVER).to_string()
                } else {
                    place::encoded(&value)
                }));
            }
            (Piece::Hole(hole), None) if may_name_host(hole) => start.push_str(scope.words_of(hole)?.trim()),
            (Piece::Hole(hole), None) => {
                return Ok(Err(format!("`{{{}}}` in its `url` would name the host", hole.path)));
            }
        }
        if parts.is_none()
            && let Some(at) = path_at(&start)
        {
            parts = Some(vec![Part::Own(start.split_off(at))]);
        }
    }
    let path = match place::path(&parts.unwrap_or_default()) {
        Ok(path) => path,
        Err(astray) => return Ok(Err(format!("its `url` ({text}): {astray}"))),
    };
    let whole = format!("{}{}", start.trim_start(), path.trim_end());
    let fits = |url: &Url| {
        Url::parse(start.trim()).is_ok_and(|start| start.origin() == url.origin())
            && place::keeps(url, path.trim_end())
    };
    // What is no URL at all is said where it is to be called.
    if Url::parse(&whole).is_ok_and(|url| !fits(&url)) {
        return Ok(Err(format!("its `url` ({text}) leads elsewhere than it says")));
    }
    Ok(Ok(whole))
}
