//! What a template reads of fields and of rows, as far as its text shows it: `field.x`, `row.x` in a loop over a table.

use std::collections::{HashMap, HashSet};

use super::looked::coded;
use super::render::Template;

/// A field or a cell that a template reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    pub of: Owner,
    pub id: String,
    /// Whether one of its values is taken: `field.x[0]`.
    pub is_indexed: bool,
    /// What is read of it in turn: `vale` of `field.x.vale`.
    pub then: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    Document,
    /// The delivery as Rossum sent it: `payload`.
    Payload,
    /// Its annotation.
    Annotation,
    /// A row of the table with this schema id.
    Row(String),
    /// A row of `line_items`, or else of the first table.
    Line,
    Loop,
}

/// What there is in a loop.
pub const LOOP: [&str; 13] = [
    "index",
    "index0",
    "revindex",
    "revindex0",
    "first",
    "last",
    "length",
    "depth",
    "depth0",
    "previtem",
    "nextitem",
    "cycle",
    "changed",
];
/// Filters that give rows where they get rows.
const KEEP: [&str; 8] = ["sort", "selectattr", "rejectattr", "unique", "list", "reverse", "select", "reject"];
/// Filters that name a column first.
const NAMING: [&str; 3] = ["selectattr", "rejectattr", "groupby"];

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Token<'t> {
    Name(&'t str),
    Text(&'t str),
    Number,
    Mark(char),
}

use Token::{Mark, Name, Number, Text};

pub(super) fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let until = |is: fn(char) -> bool| rest.find(|c| !is(c)).unwrap_or(rest.len());
        let (token, length) = match first {
            '"' | '\'' => {
                let mut escaped = false;
                let end = rest.char_indices().skip(1).find(|(_, c)| {
                    let is_end = *c == first && !escaped;
                    escaped = *c == '\\' && !escaped;
                    is_end
                });
                let end = end.map_or(rest.len(), |(at, _)| at);
                (Some(Text(rest.get(1..end).unwrap_or_default())), (end + 1).min(rest.len()))
            }
            c if c.is_ascii_digit() => (Some(Number), until(|c| c.is_ascii_digit())),
            c if c.is_alphabetic() || c == '_' => {
                let end = until(|c| c.is_alphanumeric() || c == '_');
                (Some(Name(&rest[..end])), end)
            }
            c if c.is_whitespace() => (None, c.len_utf8()),
            c => (Some(Mark(c)), c.len_utf8()),
        };
        tokens.extend(token);
        rest = &rest[length..];
    }
    tokens
}

impl Template {
    /// What it reads, each once, in the order of the text.
    pub fn reads_of(&self) -> Vec<Read> {
        self.read(&mut |_, _, _| {})
    }

    /// The same; each piece of code is shown with its tokens once the names are known that it may use.
    pub(super) fn read(&self, show: &mut dyn FnMut(&Reader<'_>, &str, &[Token<'_>])) -> Vec<Read> {
        let codes = coded(self.source());
        let pieces: Vec<_> = codes.iter().map(|(is_block, code)| (*is_block, tokens(code))).collect();
        let aliases = aliases(&pieces);
        let pieces: Vec<_> = pieces
            .into_iter()
            .map(|(is_block, tokens)| {
                let tokens = if is_set(&tokens) { tokens } else { expanded(tokens, &aliases) };
                (is_block, tokens)
            })
            .collect();
        let mut reader = Reader { unsure: HashSet::new(), loops: Vec::new(), found: Vec::new() };
        for (_, tokens) in pieces.iter().filter(|(is_block, _)| *is_block) {
            reader.note_names(tokens);
        }
        for ((is_block, tokens), (_, code)) in pieces.iter().zip(&codes) {
            reader.piece(*is_block, tokens);
            show(&reader, code, tokens);
        }
        reader.found
    }
}

pub(super) struct Reader<'t> {
    /// Names that are given a meaning otherwise than by a loop.
    unsure: HashSet<&'t str>,
    /// The names of each loop that is open, and what they run over.
    loops: Vec<Vec<(&'t str, Option<Owner>)>>,
    found: Vec<Read>,
}

impl<'t> Reader<'t> {
    /// `set`, `macro`, `with` and the like.
    fn note_names(&mut self, tokens: &[Token<'t>]) {
        let word = tokens.iter().find_map(|token| if let Name(name) = token { Some(*name) } else { None });
        let until = match word {
            Some("set" | "with") => tokens.iter().position(|token| *token == Mark('=')),
            Some("macro" | "call" | "import" | "from") => None,
            _ => return,
        };
        let names = tokens[..until.unwrap_or(tokens.len())].iter();
        self.unsure.extend(names.filter_map(|token| if let Name(name) = token { Some(*name) } else { None }));
    }

    fn piece(&mut self, is_block: bool, tokens: &[Token<'t>]) {
        let tokens = match tokens {
            [Mark('-' | '+'), rest @ ..] => rest,
            all => all,
        };
        match tokens {
            [Name("for"), rest @ ..] if is_block => {
                let within = rest.iter().position(|token| *token == Name("in")).unwrap_or(rest.len());
                let (names, over) = (&rest[..within], rest.get(within + 1..).unwrap_or_default());
                let end = over.iter().position(|token| matches!(token, Name("if" | "recursive")));
                let (over, condition) = over.split_at(end.unwrap_or(over.len()));
                self.uses(over);
                let owner = self.rows(over).map(|(owner, _)| owner);
                let names: Vec<_> = names
                    .iter()
                    .filter_map(|token| if let Name(name) = token { Some(*name) } else { None })
                    .collect();
                let is_single = names.len() == 1;
                let owner = |name| owner.clone().filter(|_| is_single && !self.unsure.contains(name));
                let bound = names.into_iter().map(|name| (name, owner(name))).collect();
                self.loops.push(bound);
                self.uses(condition);
            }
            [Name("endfor"), ..] if is_block => _ = self.loops.pop(),
            all => self.uses(all),
        }
    }

    /// What a name is: `field`, a row, `loop`.
    pub(super) fn owner(&self, name: &str) -> Option<Owner> {
        let bound = self.loops.iter().rev().flatten().find(|(known, _)| *known == name);
        match (bound, name) {
            (Some((_, owner)), _) => owner.clone(),
            (None, _) if self.unsure.contains(name) => None,
            (None, "field") => Some(Owner::Document),
            (None, "payload") => Some(Owner::Payload),
            (None, "loop") if !self.loops.is_empty() => Some(Owner::Loop),
            _ => None,
        }
    }

    /// The table whose rows an expression gives, and how many of its tokens do.
    pub(super) fn rows(&self, tokens: &[Token<'t>]) -> Option<(Owner, usize)> {
        let (owner, mut at) = match tokens {
            [Name("field"), Mark('.'), Name(table), ..] if self.owner("field").is_some() => {
                (Owner::Row((*table).to_owned()), 3)
            }
            [Name("field"), Mark('['), Text(table), Mark(']'), ..] if self.owner("field").is_some() => {
                (Owner::Row((*table).to_owned()), 4)
            }
            [Name("line_items"), ..] if !self.unsure.contains("line_items") => (Owner::Line, 1),
            _ => return None,
        };
        loop {
            match &tokens[at..] {
                [] => return Some((owner, at)),
                [Mark('|'), Name(filter), rest @ ..] if KEEP.contains(filter) => {
                    at += 2 + arguments(rest).map_or(0, |inner| inner.len() + 2);
                }
                _ => return None,
            }
        }
    }

    /// Columns that filters behind rows name.
    fn filters(&mut self, owner: &Owner, mut tokens: &[Token<'t>]) {
        while let [Mark('|'), Name(filter), rest @ ..] = tokens {
            let inner = arguments(rest);
            let named = inner.and_then(|inner| match inner {
                [Text(column), ..] if NAMING.contains(filter) => Some(*column),
                _ => inner.windows(3).find_map(|three| match three {
                    [Name("attribute"), Mark('='), Text(column)] => Some(*column),
                    _ => None,
                }),
            });
            if let Some(column) = named {
                let id = column.split('.').next().unwrap_or(column).to_owned();
                self.add(Read { of: owner.clone(), id, is_indexed: false, then: None });
            }
            if !KEEP.contains(filter) {
                return;
            }
            tokens = rest.get(inner.map_or(0, |inner| inner.len() + 2)..).unwrap_or_default();
        }
    }

    fn uses(&mut self, tokens: &[Token<'t>]) {
        for at in 0..tokens.len() {
            let Name(name) = tokens[at] else { continue };
            let is_part = at > 0 && matches!(tokens[at - 1], Mark('.'));
            let is_argument =
                tokens.get(at + 1) == Some(&Mark('=')) && tokens.get(at + 2) != Some(&Mark('='));
            if is_part || is_argument {
                continue;
            }
            let rest = &tokens[at + 1..];
            if name == "line_items" && self.owner("field").is_some() && !self.unsure.contains(name) {
                self.filters(&Owner::Line, rest);
                if let [Mark('['), Number, Mark(']'), Mark('.'), Name(id), ..] = rest {
                    self.add(Read { of: Owner::Line, id: (*id).to_owned(), is_indexed: false, then: None });
                }
                continue;
            }
            let Some(of) = self.owner(name) else { continue };
            let (id, rest) = match rest {
                [Mark('.'), Name(id), rest @ ..] | [Mark('['), Text(id), Mark(']'), rest @ ..] => (*id, rest),
                _ => continue,
            };
            let is_indexed = matches!(rest, [Mark('['), ..] | [Mark('.'), Number, ..]);
            let then = match rest {
                [Mark('.'), Name(then), ..] | [Mark('['), Text(then), Mark(']'), ..] => {
                    Some((*then).to_owned())
                }
                _ => None,
            };
            let is_indexed = is_indexed && then.is_none();
            if of == Owner::Document {
                let row = Owner::Row(id.to_owned());
                self.filters(&row, rest);
                if let [Mark('['), Number, Mark(']'), Mark('.'), Name(column), ..]
                | [Mark('.'), Number, Mark('.'), Name(column), ..] = rest
                {
                    self.add(Read { of: row, id: (*column).to_owned(), is_indexed: false, then: None });
                }
            }
            if of == Owner::Payload
                && let Some(key) = then.as_ref().filter(|_| id == "annotation")
            {
                self.add(Read { of: Owner::Annotation, id: key.clone(), is_indexed: false, then: None });
            }
            self.add(Read { of, id: id.to_owned(), is_indexed, then });
        }
    }

    fn add(&mut self, read: Read) {
        if !self.found.contains(&read) {
            self.found.push(read);
        }
    }
}

pub(super) fn words<'a, 't>(tokens: &'a [Token<'t>]) -> &'a [Token<'t>] {
    if let [Mark('-' | '+'), rest @ ..] = tokens { rest } else { tokens }
}

fn is_set(tokens: &[Token<'_>]) -> bool {
    matches!(words(tokens), [Name("set" | "with"), ..])
}

/// Names that stand for one path only: `{% set f = field %}`, `{% set first = field.line_items[0] %}`.
fn aliases<'t>(pieces: &[(bool, Vec<Token<'t>>)]) -> HashMap<&'t str, Vec<Token<'t>>> {
    let mut found = HashMap::new();
    let mut bound: HashMap<&str, usize> = HashMap::new();
    for (_, tokens) in pieces.iter().filter(|(is_block, _)| *is_block) {
        let names = match words(tokens) {
            [Name("set"), Name(name), Mark('='), path @ ..] => {
                let path: Vec<_> =
                    path.iter().copied().filter(|token| !matches!(token, Mark('-' | '+'))).collect();
                if is_path(&path) {
                    found.insert(*name, path);
                }
                *bound.entry(*name).or_default() += 1;
                continue;
            }
            [Name("for"), rest @ ..] => {
                rest.iter().position(|token| *token == Name("in")).map(|end| &rest[..end])
            }
            [Name("set" | "with" | "macro" | "call" | "import" | "from"), rest @ ..] => Some(rest),
            _ => None,
        };
        for name in names.unwrap_or_default() {
            if let Name(name) = name {
                *bound.entry(*name).or_default() += 1;
            }
        }
    }
    found.retain(|name, _| bound.get(name) == Some(&1));
    found
}

/// `field`, `field.x`, `field['x'][0]`, `payload.annotation`
fn is_path(tokens: &[Token<'_>]) -> bool {
    let [Name("field" | "line_items" | "payload"), rest @ ..] = tokens else { return false };
    let mut rest = rest;
    loop {
        rest = match rest {
            [] => return true,
            [Mark('.'), Name(_) | Number, rest @ ..]
            | [Mark('['), Text(_) | Number, Mark(']'), rest @ ..] => rest,
            _ => return false,
        };
    }
}

/// Code with the paths that its names stand for.
fn expanded<'t>(tokens: Vec<Token<'t>>, aliases: &HashMap<&'t str, Vec<Token<'t>>>) -> Vec<Token<'t>> {
    let mut all = Vec::with_capacity(tokens.len());
    for (at, token) in tokens.iter().enumerate() {
        let is_part = at > 0 && tokens[at - 1] == Mark('.');
        let is_argument = tokens.get(at + 1) == Some(&Mark('=')) && tokens.get(at + 2) != Some(&Mark('='));
        match token {
            Name(name) if !is_part && !is_argument && aliases.contains_key(name) => {
                all.extend(&aliases[name]);
            }
            other => all.push(*other),
        }
    }
    all
}

/// What stands in the brackets that begin here.
fn arguments<'a, 't>(tokens: &'a [Token<'t>]) -> Option<&'a [Token<'t>]> {
    if tokens.first() != Some(&Mark('(')) {
        return None;
    }
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Mark('(') => depth += 1,
            Mark(')') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(&tokens[1..at]);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::Escape;
    use super::*;

    fn reads(source: &str) -> Vec<String> {
        let template = Template::new(source, Escape::None).unwrap();
        let shown = |read: Read| {
            let of = match read.of {
                Owner::Document => "field".to_owned(),
                Owner::Row(table) => table,
                Owner::Line => "line".to_owned(),
                Owner::Loop => "loop".to_owned(),
                Owner::Payload => "payload".to_owned(),
                Owner::Annotation => "annotation".to_owned(),
            };
            let then = read.then.map(|then| format!(".{then}")).unwrap_or_default();
            format!("{of}.{}{}{then}", read.id, if read.is_indexed { "[]" } else { "" })
        };
        template.reads_of().into_iter().map(shown).collect()
    }

    #[test]
    fn reads_of_fields_rows_and_loops_are_found() {
        for (source, found) in [
            ("{{ field.a }}{{ field['b'] }}{{ field.c.vale }}", &["field.a", "field.b", "field.c.vale"][..]),
            ("{% for l in line_items %}{{ l.x }}{{ loop.idx }}{% endfor %}{{ l }}", &["line.x", "loop.idx"]),
            (
                "{%- for l in field.t | sort(attribute='s') | reverse if l.y -%}{{ l['x'] | upper }}{% endfor %}",
                &["t.s", "field.t", "t.y", "t.x"],
            ),
            (
                "{{ field.t | map(attribute='x') | join(',') }}{{ field.t[0].z }}",
                &["t.x", "field.t", "t.z", "field.t[]"],
            ),
            ("{{ field.t | selectattr('x', 'equalto', '1') | list | length }}", &["t.x", "field.t"]),
            (
                "{% for l in field.a %}{% for l in field.b %}{{ l.x }}{% endfor %}{{ l.y }}{% endfor %}",
                &["field.a", "field.b", "b.x", "a.y"],
            ),
            // What is not sure is not said.
            ("{% for l in line_items %}{% set l = field.a %}{{ l.x }}{% endfor %}", &["field.a"]),
            ("{% for a, b in field.t | items %}{{ a.x }}{% endfor %}", &["field.t"]),
            (
                "{% raw %}{{ field.a }}{% endraw %}{{ payload.field.a }}{{ f(field=1) if f is defined }}",
                &["payload.field.a"],
            ),
            ("{% set f = field %}{{ f.a }}{{ f['b'] }}", &["field.a", "field.b"]),
            ("{% set r = field.t[0] %}{{ r.x }}", &["field.t[]", "t.x"]),
            (
                "{% set a = payload.annotation %}{{ a.url }}",
                &["payload.annotation", "annotation.url", "payload.annotation.url"],
            ),
            ("{% set f = field %}{% set f = payload %}{{ f.a }}", &[]),
        ] {
            assert_eq!(reads(source), found, "{source}");
        }
    }
}
