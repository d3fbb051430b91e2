//! Values that must be in a dataset: they are looked up before the checks, each once.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::slices::{Budget, Spent};
use crate::store::Asked;

use super::super::source::Source;
use super::super::{Context, Lasts, StepError};
use super::{Check, Rule};

/// For all values of a delivery.
const TIME: Duration = Duration::from_secs(5);

/// The values that were found, of each check that asks a dataset by its number.
#[derive(Default)]
pub(super) struct Listed(Vec<HashSet<String>>);

impl Listed {
    /// Looks up what the fields of a document hold, as far as checks ask for that.
    pub(super) async fn find(
        checks: &[Check],
        source: &Source,
        context: &Context<'_>,
    ) -> Result<Self, StepError> {
        let asks = |check: &Check| matches!(check.rule, Rule::InDataset { .. });
        let Some(annotation) =
            context.delivery.payload.annotation.as_ref().filter(|_| checks.iter().any(asks))
        else {
            return Ok(Self::default());
        };
        let deadline = context.deadline.min(Instant::now() + TIME);
        let budget = Budget::until(deadline);
        let mut all = Vec::with_capacity(checks.len());
        for check in checks {
            let mut found = HashSet::new();
            if let Rule::InDataset { fields, asked } = &check.rule {
                let texts: BTreeSet<String> = {
                    let journal = &context.answer.journal;
                    let tree = journal.tree(annotation);
                    let nodes = fields.iter().flat_map(|field| tree.all(field));
                    let texts = nodes.map(|node| journal.value(&tree, node).into_owned());
                    texts.filter(|text| !text.is_empty()).collect()
                };
                for text in texts {
                    budget.turn().await.map_err(too_long)?;
                    if is_in(asked, source, &text, deadline).await? {
                        found.insert(text);
                    }
                }
            }
            all.push(found);
        }
        Ok(Self(all))
    }

    /// Whether the check of this number found a value.
    pub(super) fn has(&self, check: usize, text: &str) -> bool {
        self.0.get(check).is_some_and(|found| found.contains(text))
    }
}

async fn is_in(asked: &Asked, source: &Source, text: &str, deadline: Instant) -> Result<bool, StepError> {
    let found = source.ask(asked, &[Some(text.to_owned())], 1, deadline).await?;
    Ok(!found.records.is_empty())
}

fn too_long(spent: Spent) -> StepError {
    StepError {
        message: "Looking up the values of this document took too long. Try again.".to_owned(),
        cause: format!("the values of `one_of`: {spent}"),
        lasts: Lasts::ForGood,
    }
}

/// A step's checks, with the datasets that they ask.
pub(super) struct Ready {
    pub(super) checks: super::Checks,
    pub(super) source: Source,
}

impl Ready {
    pub(super) fn new(checks: super::Checks, store: &Arc<crate::store::Reader>) -> Self {
        Self { checks, source: Source::Store(Arc::clone(store)) }
    }
}
