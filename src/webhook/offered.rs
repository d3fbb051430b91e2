//! The hooks as the inspector offers them: where each is called, and a signed delivery to try it with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use serde::Serialize;

use crate::clock;
use crate::rossum::Event;
use crate::signature::SHA256_HEADER;
use crate::steps::sample;
use crate::steps::schema::Schema;

use super::door::Door;
use super::hook::Hook;

/// A hook that may be called.
#[derive(Debug, Serialize)]
pub struct Offered {
    pub name: String,
    pub path: String,
    pub domain: Option<String>,
    /// The event of its sample.
    event: String,
    /// Whether its sample has the fields of its own schema.
    has_schema: bool,
    /// Whether a step calls other systems at that event, which a sample does as well.
    reaches_out: bool,
}

/// A delivery that is ready to be sent.
pub struct Sample {
    pub path: String,
    pub domain: Option<String>,
    pub body: Bytes,
    /// A header and its value.
    pub signature: (&'static str, String),
}

/// What a command that is copied needs of a hook.
pub struct Signed {
    pub signature: String,
    /// How its secret is named.
    pub secret: String,
    pub domain: Option<String>,
}

/// Samples that were made.
static SAMPLES: AtomicU64 = AtomicU64::new(0);

impl Hook {
    /// The event that most of its steps act on, without calling others where that can be.
    fn example(&self) -> (Event<'static>, bool) {
        let wanting = |event: &Event<'_>| self.stages.iter().filter(|(stage, _)| stage.wants(event)).count();
        let reaching = |event: &Event<'_>| {
            let needs = self.stages.iter().filter(|(stage, _)| stage.wants(event));
            needs
                .filter(|(stage, _)| stage.needs.neighbours || stage.needs.outbox || stage.service.is_some())
                .count()
        };
        let first = || Event { event: "annotation_content".into(), action: "initialize".into() };
        let rated = Event::pairs().map(|event| (wanting(&event), reaching(&event), event));
        let rated = rated.filter(|(wanting, ..)| *wanting > 0);
        // Of equals the first: `annotation_content.initialize` comes before the others.
        let best = rated.reduce(|best, next| {
            let is_better = (next.1 == 0, next.0) > (best.1 == 0, best.0);
            if is_better { next } else { best }
        });
        best.map_or_else(|| (first(), false), |(_, reaching, event)| (event, reaching > 0))
    }

    fn schema(&self) -> Option<&Schema> {
        let own = self.stages.iter().find_map(|(stage, _)| stage.schema.as_ref());
        self.schemas.example().or(own).map(AsRef::as_ref)
    }
}

impl Door {
    /// All hooks, by name.
    pub fn offered(&self) -> Vec<Offered> {
        let routes = self.routes();
        let offer = |hook: &Arc<Hook>| {
            let (event, reaches_out) = hook.example();
            Offered {
                name: hook.name.clone(),
                path: hook.path.clone(),
                domain: hook.domain.clone(),
                event: format!("{}.{}", event.event, event.action),
                has_schema: hook.schema().is_some(),
                reaches_out,
            }
        };
        let mut all: Vec<_> = routes.hooks.values().flatten().map(offer).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }

    /// A delivery for a hook, signed as Rossum signs; `None` where there is no such hook.
    pub fn sample(&self, name: &str) -> Option<Sample> {
        let routes = self.routes();
        let hook = routes.hooks.values().flatten().find(|hook| hook.name == name)?;
        let (event, _) = hook.example();
        let number = SAMPLES.fetch_add(1, Ordering::Relaxed);
        let id = format!("sample-{}-{number}", clock::unix_seconds(clock::now()));
        let body = sample::delivery(&event, hook.schema(), &id);
        let signature = (SHA256_HEADER, hook.keys.sign(&body)?);
        Some(Sample { path: hook.path.clone(), domain: hook.domain.clone(), body: body.into(), signature })
    }

    /// Signs a body for the hook of an address.
    pub fn signed(&self, path: &str, host: &str, body: &[u8]) -> Option<Signed> {
        let routes = self.routes();
        let hook = routes.find(path, host)?;
        let signature = hook.keys.sign(body)?;
        Some(Signed { signature, secret: hook.secret_source.clone(), domain: hook.domain.clone() })
    }
}
