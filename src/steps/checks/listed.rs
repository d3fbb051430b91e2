//! Values that must be in a dataset or database: they are looked up before the checks, each once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::warn;

use crate::database::Database;
use crate::rossum::{Annotation, NodeRef, escape_html};
use crate::slices::Budget;
use crate::store::{Asked, Reader};

use super::super::Context;
use super::super::lookup::ANNOTATION_ID;
use super::super::rows::{row_of, text_at};
use super::super::source::{Source, Unasked};
use super::{Check, Document, Rule};

/// Where the values are.
pub enum Among {
    /// In a file, which was read with the configuration.
    File { file: String, values: HashSet<String> },
    /// In the store, or in a database of the customer's.
    Asked {
        asked: Asked,
        database: Option<Arc<Database>>,
        /// For all values of a delivery.
        time: Duration,
    },
}

impl Among {
    /// As a reason says it.
    pub(super) fn words(&self) -> &str {
        match self {
            Self::File { file, .. } => file,
            Self::Asked { asked: Asked::Search(search), .. } => &search.dataset,
            Self::Asked { .. } => "the query",
        }
    }
}

/// What was found of each check, by its number.
#[derive(Default)]
pub(super) struct Listed(Vec<Found>);

#[derive(Default)]
pub(super) enum Found {
    /// There is nothing to look up.
    #[default]
    Nothing,
    /// The fields whose values were not found.
    Lacks(HashSet<NodeRef>),
    Failed(Unasked),
}

/// The values that a query takes, of a field.
type Bound = Vec<Option<String>>;

impl Listed {
    /// Looks up what the fields of a document hold, as far as checks ask for that. One that fails does not keep the other
    /// checks from their work.
    pub(super) async fn find(checks: &[Check], store: &Arc<Reader>, context: &Context<'_>) -> Self {
        let Some(annotation) = context.delivery.payload.annotation.as_ref() else { return Self::default() };
        let mut all = Vec::with_capacity(checks.len());
        for check in checks {
            all.push(match &check.rule {
                Rule::Listed { fields, among: Among::Asked { asked, database, time } } => {
                    let source = match database {
                        Some(database) => Source::Database(Arc::clone(database)),
                        None => Source::Store(Arc::clone(store)),
                    };
                    let wanted = wanted(fields, asked, annotation, context);
                    let deadline = context.deadline.min(Instant::now() + *time);
                    let found = lacking(asked, &source, wanted, deadline).await;
                    found.map_or_else(Found::Failed, Found::Lacks)
                }
                _ => Found::Nothing,
            });
        }
        Self(all)
    }

    pub(super) fn of(&self, check: usize) -> &Found {
        self.0.get(check).unwrap_or(&Found::Nothing)
    }
}

/// What is to be asked of each value that is not empty.
fn wanted(
    fields: &[String],
    asked: &Asked,
    annotation: &Annotation<'_>,
    context: &Context<'_>,
) -> Vec<(NodeRef, Bound)> {
    let journal = &context.answer.journal;
    let tree = journal.tree(annotation);
    let mut wanted = Vec::new();
    for field in fields {
        for node in tree.all(field) {
            let text = journal.value(&tree, node);
            if text.is_empty() {
                continue;
            }
            let row = row_of(&tree, node);
            let of = |name: &str| {
                // A ready-made query names no field: it takes the value that is checked.
                if name.is_empty() || name == field {
                    return Some(text.clone().into_owned());
                }
                if name == ANNOTATION_ID && tree.first(name).is_none() {
                    return Some(context.delivery.payload.annotation_id.to_string());
                }
                text_at(&tree, journal, row, name).filter(|text| !text.trim().is_empty())
            };
            wanted.push((node, asked.fields().into_iter().map(of).collect()));
        }
    }
    wanted
}

/// The fields whose values are not found; equal values are asked for once.
async fn lacking(
    asked: &Asked,
    source: &Source,
    wanted: Vec<(NodeRef, Bound)>,
    deadline: Instant,
) -> Result<HashSet<NodeRef>, Unasked> {
    let budget = Budget::until(deadline);
    let mut known: HashMap<Bound, bool> = HashMap::new();
    let mut lacks = HashSet::new();
    for (node, bound) in wanted {
        let spent = |spent| Unasked::too_long(format!("the values of `one_of`: {spent}"));
        budget.turn().await.map_err(spent)?;
        let is_in = match known.get(&bound) {
            Some(is_in) => *is_in,
            None => {
                let is_in = !source.ask(asked, &bound, 1, deadline).await?.records.is_empty();
                known.insert(bound, is_in);
                is_in
            }
        };
        if !is_in {
            lacks.insert(node);
        }
    }
    Ok(lacks)
}

impl Check {
    /// Complains of each value that is not in the list.
    pub(super) fn listed(
        &self,
        document: &mut Document<'_>,
        fields: &[String],
        among: &Among,
        looked: &Found,
    ) {
        const PROBLEM: &str = "is not in the list of allowed values";
        match (among, looked) {
            (Among::File { values, .. }, _) => {
                self.each_value(document, fields, PROBLEM, |_, text| {
                    !text.is_empty() && !values.contains(text)
                });
            }
            (_, Found::Lacks(nodes)) => {
                self.each_value(document, fields, PROBLEM, |node, _| {
                    node.is_some_and(|node| nodes.contains(&node))
                });
            }
            (_, Found::Failed(why)) => self.not_looked_up(document, fields, why),
            (_, Found::Nothing) => {}
        }
    }

    /// Says that it is not known whether the values are right, which is neither yes nor no.
    fn not_looked_up(&self, document: &mut Document<'_>, fields: &[String], why: &Unasked) {
        let names = fields.join(", ");
        warn!("{names} not checked: {}", why.cause);
        document.answer.has_failed_part = true;
        let said = format!("{names} could not be checked: {}", why.for_check());
        let text = escape_html(&said);
        let node = fields.iter().find_map(|field| document.tree.first(field));
        self.say(document, None, node, &text);
    }
}

/// A step's checks, with the store that they ask.
pub(super) struct Ready {
    pub(super) checks: super::Checks,
    pub(super) store: Arc<Reader>,
}
