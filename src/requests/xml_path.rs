//! `XPath` as Python's `ElementTree` has it: `.//order/status`, `item[@kind='a']/id`, `line[2]`.

use roxmltree::{Document, Node, ParsingOptions};
use serde_json::Value as Json;

/// Elements of an answer at most.
const NODES: u32 = 500_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct XmlPath {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    /// `//` before it: at any depth.
    is_deep: bool,
    test: Test,
    conditions: Vec<Condition>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    /// `.`
    Itself,
    /// `..`
    Parent,
    /// `*`
    Any,
    /// With its namespace, where one is written: `{urn:x}name`; `{*}name` is any.
    Name(Option<String>, String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    Attribute(String, Option<String>),
    Child(String, Option<String>),
    Text(String),
    /// From 1; `last()` is 0.
    Place(usize),
}

impl XmlPath {
    /// The path, or what in it is not understood.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        let mut rest = text.trim();
        let mut is_deep = false;
        if let Some(after) = rest.strip_prefix("//") {
            (rest, is_deep) = (after, true);
        } else if rest.starts_with('/') {
            return Err("a path begins at the root element: write `.//name` or `name`".to_owned());
        }
        loop {
            let (part, after) = part(rest)?;
            steps.push(step(part, is_deep)?);
            let Some(after) = after else { break };
            is_deep = after.starts_with('/');
            rest = after.trim_start_matches('/');
        }
        Ok(Self { steps })
    }

    /// The texts of what is found: one, several as a list, or `null`. An element without text gives its XML.
    pub(super) fn search(&self, xml: &str) -> Result<Json, String> {
        let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES, ..ParsingOptions::default() };
        let document = Document::parse_with_options(xml, options)
            .map_err(|_| "the answer says that it is XML, and cannot be read as such".to_owned())?;
        let mut found = vec![document.root_element()];
        for step in &self.steps {
            let mut next: Vec<Node<'_, '_>> = Vec::new();
            for node in found {
                let mut here: Vec<Node<'_, '_>> = match (&step.test, step.is_deep) {
                    (Test::Itself, _) => vec![node],
                    (Test::Parent, _) => node.parent_element().into_iter().collect(),
                    (_, true) => node.descendants().skip(1).filter(|one| step.test.fits(*one)).collect(),
                    (_, false) => node.children().filter(|one| step.test.fits(*one)).collect(),
                };
                for condition in &step.conditions {
                    here = condition.of(here);
                }
                for one in here {
                    if !next.contains(&one) {
                        next.push(one);
                    }
                }
            }
            found = next;
        }
        let mut texts = found.into_iter().map(|node| match node.text().map(str::trim) {
            Some(text) if !text.is_empty() => Json::String(node.text().unwrap_or_default().to_owned()),
            _ => Json::String(xml[node.range()].to_owned()),
        });
        let (first, second) = (texts.next(), texts.next());
        Ok(match (first, second) {
            (None, _) => Json::Null,
            (Some(one), None) => one,
            (Some(one), Some(two)) => Json::Array([one, two].into_iter().chain(texts).collect()),
        })
    }
}

/// The text up to the next `/` that stands in no brackets, and what follows it.
fn part(text: &str) -> Result<(&str, Option<&str>), String> {
    let (mut depth, mut quote) = (0_i32, None);
    for (at, c) in text.char_indices() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => quote = Some(c),
            ('[' | '{', None) => depth += 1,
            (']' | '}', None) => depth -= 1,
            ('/', None) if depth == 0 => return Ok((&text[..at], Some(&text[at + 1..]))),
            _ => {} // and whatever is quoted
        }
    }
    if depth != 0 || quote.is_some() {
        return Err("a bracket or a quote is left open".to_owned());
    }
    Ok((text, None))
}

fn step(text: &str, is_deep: bool) -> Result<Step, String> {
    let unknown =
        |text: &str| format!("`{text}` is not understood: the paths are those of Python's ElementTree");
    let is_name = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
    };
    let from = if text.starts_with('{') { text.find('}').unwrap_or(0) } else { 0 };
    let open = text[from..].find('[').map_or(text.len(), |at| from + at);
    let (name, mut rest) = text.split_at(open);
    let test = match name.trim() {
        "." | "" if !is_deep => Test::Itself,
        ".." => Test::Parent,
        "*" => Test::Any,
        name => match name.strip_prefix('{').and_then(|name| name.split_once('}')) {
            Some((namespace, name)) if is_name(name) => {
                let namespace = (namespace != "*").then(|| namespace.to_owned());
                Test::Name(namespace, name.to_owned())
            }
            None if is_name(name) => Test::Name(Some(String::new()), name.to_owned()),
            _ => return Err(unknown(name)),
        },
    };
    let mut conditions = Vec::new();
    while let Some(inside) = rest.strip_prefix('[') {
        let (condition, after) = inside.split_once(']').ok_or_else(|| unknown(rest))?;
        let (left, right) = match condition.split_once('=') {
            Some((left, right)) => {
                let right = right.trim();
                let quoted = ['\'', '"'].iter().find_map(|quote| {
                    right.strip_prefix(*quote).and_then(|right| right.strip_suffix(*quote))
                });
                (left.trim(), Some(quoted.ok_or_else(|| unknown(condition))?.to_owned()))
            }
            None => (condition.trim(), None),
        };
        conditions.push(match (left, right) {
            (".", Some(text)) => Condition::Text(text),
            ("last()", None) => Condition::Place(0),
            (left, right) => match (left.strip_prefix('@'), left.parse::<usize>()) {
                (Some(name), _) if is_name(name) => Condition::Attribute(name.to_owned(), right),
                (None, Ok(place)) if place > 0 && right.is_none() => Condition::Place(place),
                (None, Err(_)) if is_name(left) => Condition::Child(left.to_owned(), right),
                _ => return Err(unknown(condition)),
            },
        });
        rest = after;
    }
    if rest.is_empty() { Ok(Step { is_deep, test, conditions }) } else { Err(unknown(rest)) }
}

impl Test {
    fn fits(&self, node: Node<'_, '_>) -> bool {
        node.is_element()
            && match self {
                Self::Name(namespace, name) => {
                    let own = node.tag_name();
                    own.name() == name
                        && namespace
                            .as_ref()
                            .is_none_or(|wanted| own.namespace().unwrap_or_default() == wanted)
                }
                _ => true,
            }
    }
}

impl Condition {
    fn of<'a, 'i>(&self, found: Vec<Node<'a, 'i>>) -> Vec<Node<'a, 'i>> {
        if let Self::Place(place) = self {
            let place = if *place == 0 { found.len() } else { *place };
            return found.get(place.wrapping_sub(1)).copied().into_iter().collect();
        }
        let text = |node: Node<'_, '_>| -> String {
            node.descendants().filter(Node::is_text).filter_map(|node| node.text()).collect()
        };
        let holds = |node: &Node<'_, '_>| match self {
            Self::Attribute(name, value) => node
                .attribute(name.as_str())
                .is_some_and(|own| value.as_ref().is_none_or(|value| own == value)),
            Self::Child(name, value) => node.children().any(|child| {
                child.tag_name().name() == name && value.as_ref().is_none_or(|value| text(child) == *value)
            }),
            Self::Text(value) => text(*node) == *value,
            Self::Place(_) => true,
        };
        found.into_iter().filter(holds).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const XML: &str = "<answer><order kind='a'><id>1</id><status>ok</status></order>\
        <order kind='b'><id>2</id><status>no</status><empty/></order><x xmlns='urn:x'><id>3</id></x></answer>";

    #[test]
    fn finds_what_elementtree_finds() {
        for (path, found) in [
            (".//status", json!(["ok", "no"])),
            (".//order/status", json!(["ok", "no"])),
            ("order[@kind='b']/id", json!("2")),
            ("order[status='ok']/id", json!("1")),
            ("order[2]/id", json!("2")),
            ("order[last()]/id", json!("2")),
            (".//{urn:x}id", json!("3")),
            (".//{*}id", json!(["1", "2", "3"])),
            (".//empty", json!("<empty/>")),
            (".//id[.='2']/..//status", json!("no")),
            ("*/id", json!(["1", "2"])),
            (".//nothing", json!(null)),
        ] {
            assert_eq!(XmlPath::parse(path).unwrap().search(XML).unwrap(), found, "{path}");
        }
        for wrong in ["/answer", "order[", "order[position()<2]", "a|b", "order[@x=y]", "text()"] {
            assert!(XmlPath::parse(wrong).is_err(), "{wrong}");
        }
        assert!(XmlPath::parse("a").unwrap().search("<a").is_err());
        assert!(XmlPath::parse("a").unwrap().search("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>").is_err());
    }
}
