//! `XPath` as Python's `ElementTree` has it: `.//order/status`, `item[@kind='a']/id`, `line[2]`.

use std::collections::HashSet;

use roxmltree::{Document, Node, ParsingOptions};
use serde_json::Value as Json;

use crate::slices::{Budget, Spent};

use super::xml_shape;

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
    pub(super) fn search(&self, xml: &str, budget: &Budget) -> Result<Json, String> {
        if !xml_shape::is_bounded(xml) {
            return Err("the XML of the answer nests or declares more than is read".to_owned());
        }
        let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES, ..ParsingOptions::default() };
        let document = Document::parse_with_options(xml, options)
            .map_err(|_| "the answer says that it is XML, and cannot be read as such".to_owned())?;
        self.find(&document, xml, budget).map_err(|spent| format!("`$xmlpath`: {spent}"))
    }

    fn find(&self, document: &Document<'_>, xml: &str, budget: &Budget) -> Result<Json, Spent> {
        let mut found = vec![document.root_element()];
        for step in &self.steps {
            found = step.of(found, budget)?;
        }
        let mut texts = Vec::new();
        for node in found {
            let text = node.text().filter(|text| !text.trim().is_empty()).unwrap_or(&xml[node.range()]);
            budget.take(text.len() + size_of::<Json>())?;
            texts.push(Json::String(text.to_owned()));
        }
        Ok(match texts.len() {
            0 => Json::Null,
            1 => texts.remove(0),
            _ => Json::Array(texts),
        })
    }
}

impl Step {
    /// What this step leads to from these nodes, each once.
    fn of<'a, 'i>(&self, from: Vec<Node<'a, 'i>>, budget: &Budget) -> Result<Vec<Node<'a, 'i>>, Spent> {
        let mut next = Vec::new();
        let mut known = HashSet::new();
        // What is below a node was found with it already, where no place among its own is asked for.
        let is_by_place = self.conditions.iter().any(|condition| matches!(condition, Condition::Place(_)));
        let mut covered = 0..0;
        for node in from {
            budget.count(1)?;
            let mut here: Vec<Node<'_, '_>> = match (&self.test, self.is_deep) {
                (Test::Itself, _) => vec![node],
                (Test::Parent, _) => node.parent_element().into_iter().collect(),
                (_, true) => {
                    let own = node.range();
                    if !is_by_place && covered.start <= own.start && own.end <= covered.end {
                        continue;
                    }
                    covered = own;
                    self.fitting(node.descendants().skip(1), budget)?
                }
                (_, false) => self.fitting(node.children(), budget)?,
            };
            for condition in &self.conditions {
                here = condition.of(here, budget)?;
            }
            next.extend(here.into_iter().filter(|one| known.insert(one.id())));
        }
        Ok(next)
    }

    fn fitting<'a, 'i>(
        &self,
        nodes: impl Iterator<Item = Node<'a, 'i>>,
        budget: &Budget,
    ) -> Result<Vec<Node<'a, 'i>>, Spent> {
        let mut fitting = Vec::new();
        for node in nodes {
            budget.count(1)?;
            if self.test.fits(node) {
                fitting.push(node);
            }
        }
        Ok(fitting)
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
    fn of<'a, 'i>(&self, found: Vec<Node<'a, 'i>>, budget: &Budget) -> Result<Vec<Node<'a, 'i>>, Spent> {
        if let Self::Place(place) = self {
            let place = if *place == 0 { found.len() } else { *place };
            return Ok(found.get(place.wrapping_sub(1)).copied().into_iter().collect());
        }
        let mut kept = Vec::new();
        for node in found {
            if self.holds(node, budget)? {
                kept.push(node);
            }
        }
        Ok(kept)
    }

    fn holds(&self, node: Node<'_, '_>, budget: &Budget) -> Result<bool, Spent> {
        budget.count(1)?;
        Ok(match self {
            Self::Attribute(name, value) => node
                .attribute(name.as_str())
                .is_some_and(|own| value.as_ref().is_none_or(|value| own == value)),
            Self::Child(name, value) => {
                for child in node.children() {
                    budget.count(1)?;
                    if child.tag_name().name() == name
                        && value.as_ref().map_or(Ok(true), |value| has_text(child, value, budget))?
                    {
                        return Ok(true);
                    }
                }
                false
            }
            Self::Text(value) => has_text(node, value, budget)?,
            Self::Place(_) => true,
        })
    }
}

/// Whether this is all the text in a node and below it. It looks no further than to the first difference.
fn has_text(node: Node<'_, '_>, wanted: &str, budget: &Budget) -> Result<bool, Spent> {
    let mut rest = wanted;
    for node in node.descendants() {
        budget.count(1)?;
        let Some(text) = node.text().filter(|_| node.is_text()) else { continue };
        match rest.strip_prefix(text) {
            Some(after) => rest = after,
            None => return Ok(false),
        }
    }
    Ok(rest.is_empty())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

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
            assert_eq!(XmlPath::parse(path).unwrap().search(XML, &budget()).unwrap(), found, "{path}");
        }
        for wrong in ["/answer", "order[", "order[position()<2]", "a|b", "order[@x=y]", "text()"] {
            assert!(XmlPath::parse(wrong).is_err(), "{wrong}");
        }
        let dtd = "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>";
        for wrong in ["<a", dtd] {
            assert!(XmlPath::parse("a").unwrap().search(wrong, &budget()).is_err(), "{wrong}");
        }
    }

    fn budget() -> Budget {
        Budget::until(Instant::now() + Duration::from_secs(60)).with_memory(16 << 20)
    }

    #[test]
    fn an_answer_cannot_make_a_search_large_or_long() {
        let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert!(XmlPath::parse(".//a").unwrap().search(&nested(20_000), &budget()).is_err(), "too deep");
        // As deep as is read, many times: the texts of all elements are far more than the answer.
        let wide = format!("<r>{}</r>", nested(200).repeat(500));
        let error = XmlPath::parse(".//a").unwrap().search(&wide, &budget()).unwrap_err();
        assert!(error.contains("memory"), "{error}");
        // Each element once, though each is below many others.
        for path in [".//a//a//a", ".//a/..//a", "a//a/..//a"] {
            let found = XmlPath::parse(path)
                .unwrap()
                .search("<r><a>1<a>2<a>3<a>4</a></a></a></a></r>", &budget())
                .unwrap();
            let list = found.as_array().unwrap();
            let mut once: Vec<_> = list.iter().map(ToString::to_string).collect();
            once.sort();
            once.dedup();
            assert_eq!(once.len(), list.len(), "{path}");
        }
        let many = format!("<r>{}</r>", "<x/>".repeat(100_000));
        let found = XmlPath::parse(".//x").unwrap().search(&many, &budget()).unwrap();
        assert_eq!(found.as_array().map(Vec::len), Some(100_000));
        let late = Budget::until(Instant::now());
        assert!(XmlPath::parse(".//x").unwrap().search(&many, &late).unwrap_err().contains("too long"));
    }
}
