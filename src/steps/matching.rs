//! `use = "match"`: pairs a field's text with a list and fills an enum with what fits.
//!
//! The first record that fits becomes the enum's value, all that fit its options. In a table it works row by row.

use std::borrow::Cow;

use regex::Regex;

use crate::rossum::{Change, EnumOption, GrownTree, MessageType, NodeRef, SourcesPlace, Value};
use crate::slices::{Budget, Spent, sliced};

use super::blueprint::{Built, CourierId, Needs, Services};
use super::reasons::{Came, Reason, Saw};
use super::rows::{Filled, each_place, held_at, may_be_absent, text_at};
use super::{Answer, Blueprint, Context, Lasts, Step, StepError, StepFuture, Template};

/// Built by the configuration from `[[hook.step]] use = "match"`.
pub struct Matching {
    /// The field whose text is looked up.
    pub field: String,
    /// The enum that is filled.
    pub target: String,
    pub compare: Compare,
    pub normalize: Normalize,
    pub records: Vec<Record>,
    pub run: Run,
    pub none: NothingFits,
    /// What was said of the file that the records are from.
    pub notes: Vec<String>,
    pub validation_sources: Vec<String>,
}

/// When a record fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// The texts are equal, once normalized.
    Equal,
    /// The field's text stands somewhere in the record's, once normalized.
    Substring,
}

/// When to look again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// On `initialize`, and when the field itself was updated: a choice of the user's stays.
    WhenChanged,
    Always,
}

/// How texts are made comparable: these characters removed, upper and lower case alike.
pub struct Normalize {
    pub ignore: Option<Regex>,
}

impl Normalize {
    pub fn apply(&self, text: &str) -> String {
        let kept = self.ignore.as_ref().map_or(Cow::Borrowed(text), |ignore| ignore.replace_all(text, ""));
        kept.to_lowercase()
    }
}

pub struct Record {
    pub option: EnumOption,
    /// The text to compare with, normalized.
    pub key: String,
}

/// What the enum gets, and what the person reads, when nothing fits.
pub struct NothingFits {
    pub option: EnumOption,
    pub message: Option<(MessageType, Template)>,
    /// The field that the message is shown at.
    pub on: String,
}

/// Memory that the options of one delivery may take.
const MEMORY: usize = 64 << 20;
/// So many records are compared in no time.
const FEW: usize = 5_000;
/// Records between two looks at the clock.
const LOOK: usize = 256;

/// One place where something is to be looked up.
struct Wanted {
    row: Option<NodeRef>,
    source: NodeRef,
    target: NodeRef,
}

impl Blueprint for Matching {
    fn needs(&self) -> Needs {
        Needs { notes: self.notes.clone(), ..Needs::default() }
    }

    fn build(self: Box<Self>, _: &Services, _: &CourierId) -> Built {
        Built::step(*self)
    }
}

impl Step for Matching {
    fn run<'c>(&'c self, context: Context<'c>) -> StepFuture<'c> {
        Box::pin(self.look_up(context))
    }
}

impl Matching {
    async fn look_up(&self, context: Context<'_>) -> Result<(), StepError> {
        let Context { delivery, answer, deadline, .. } = context;
        let Some(annotation) = &delivery.payload.annotation else {
            return Ok(());
        };
        let tree = answer.journal.tree(annotation);
        let always = self.run == Run::Always || delivery.payload.event.action == "initialize";
        let mut wanted = Vec::new();
        let mut filled = Filled::default();
        // The target too: it may be a column, or have several values, where the field has one.
        let taken = each_place(&tree, [self.field.as_str(), self.target.as_str()], |place| {
            let [Some(source), target] = *place.nodes else {
                return Ok(());
            };
            if !always && !delivery.is_updated(&tree.node(source).id) {
                return Ok(());
            }
            let Some(target) = target else { return may_be_absent(&tree, &self.target) };
            if filled.is_new(target) {
                wanted.push(Wanted { row: place.row, source, target });
            }
            Ok(())
        })?;
        answer.first_of.extend(taken.into_iter().chain(filled.said(&self.field)));
        let is_small = wanted.len().saturating_mul(self.records.len()) <= FEW;
        let budget = Budget::until(deadline).with_memory(MEMORY);
        let fill = self.fill(wanted, &tree, answer, &budget);
        let done = if is_small { fill.await } else { sliced(fill).await };
        done.map_err(|spent| StepError {
            message: "Comparing this with the list takes too much work. Choose by hand.".to_owned(),
            cause: format!("comparing with the list: {spent}"),
            lasts: Lasts::ForGood,
        })
    }

    async fn fill(
        &self,
        wanted: Vec<Wanted>,
        tree: &GrownTree<'_>,
        answer: &mut Answer,
        budget: &Budget,
    ) -> Result<(), Spent> {
        for Wanted { row, source, target } in wanted {
            let text = answer.journal.value(tree, source).into_owned();
            let mut options = self.fitting(&text, budget).await?;
            answer.reasons.note(|| {
                let says = format!("{} of {} records fit", options.len(), self.records.len());
                let came = if options.is_empty() { Came::Quiet } else { Came::Acted };
                let found = options.iter().take(5).map(|option| Saw::new("found", &option.label));
                let saw = [Saw::new(&*self.field, &text)].into_iter().chain(found).collect();
                Reason::single(format!("{} → {}", self.field, self.target), came, says, saw)
            });
            if options.is_empty() {
                options.push(self.none.option.clone());
                if let Some((kind, message)) = &self.none.message {
                    let content = message.render(|name| text_at(tree, &answer.journal, row, name));
                    answer.show(*kind, held_at(tree, row, &self.none.on).place(), content);
                }
            }
            answer.journal.record(
                target,
                Change {
                    value: options.first().map(|option| option.value.clone()),
                    options: Some(options),
                    validation_sources: Some(self.validation_sources.clone()),
                    sources_place: SourcesPlace::BesideContent,
                    ..Change::default()
                },
            );
        }
        Ok(())
    }

    /// The records that fit, in the list's order. An empty text fits nothing.
    async fn fitting(&self, text: &str, budget: &Budget) -> Result<Vec<EnumOption>, Spent> {
        let key = self.normalize.apply(text);
        let mut all = Vec::new();
        if key.is_empty() {
            return Ok(all);
        }
        for some in self.records.chunks(LOOK) {
            budget.turn().await?;
            for record in some {
                let fits = match self.compare {
                    Compare::Equal => record.key == key,
                    Compare::Substring => record.key.contains(&key),
                };
                if fits {
                    budget.take(size_of::<EnumOption>() + record.option.label.len() + 64)?;
                    all.push(record.option.clone());
                }
            }
        }
        Ok(all)
    }
}

/// An option whose value may be a number.
pub fn option(value: Value, label: impl Into<String>) -> EnumOption {
    EnumOption { value, label: label.into(), more: serde_json::Map::new() }
}
