//! Where the types of fields come from: a schema file, the step's own list, or the schema that Rossum sends along.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::rossum::Annotation;
use crate::txscript::{FieldType, TypesMissing};

pub use crate::txscript::Schema;

use super::{Delivery, StepError};

/// Built by the configuration from `schema` and `types`.
#[derive(Default)]
pub struct Schemas {
    pub file: Option<Arc<Schema>>,
    pub types: Option<HashMap<String, FieldType>>,
    /// Of each queue its own, where they have several.
    queues: HashMap<u64, Arc<Schema>>,
    /// Whether names of fields were checked at load, against a list of schemas that says no queue.
    pub are_listed: bool,
    /// The last one that was sent: it is the same in nearly every delivery.
    last: Mutex<Option<(Box<str>, Arc<Schema>)>>,
}

impl Schemas {
    /// The types of fields alone.
    pub fn of_types(types: HashMap<String, FieldType>) -> Self {
        Self { types: Some(types), ..Self::default() }
    }

    /// That of each queue, or one of a file for all of them; what Rossum sends along where there is none.
    pub fn by_queue(file: Option<Arc<Schema>>, queues: HashMap<u64, Arc<Schema>>) -> Self {
        Self { file, queues, ..Self::default() }
    }

    /// The schema that the configuration gives for a delivery.
    fn declared(&self, delivery: &Delivery<'_>) -> Option<&Arc<Schema>> {
        let of_queue = delivery.payload.queue_id.and_then(|queue| self.queues.get(&queue));
        of_queue.or(self.file.as_ref())
    }

    /// One that the configuration gives, for a sample: that of all queues, or of the one with the lowest id.
    pub fn example(&self) -> Option<&Arc<Schema>> {
        let of_queue = || self.queues.iter().min_by_key(|(queue, _)| **queue).map(|(_, schema)| schema);
        self.file.as_ref().or_else(of_queue)
    }

    /// Whether only what Rossum sends along has the types.
    pub fn is_sent(&self) -> bool {
        self.file.is_none() && self.types.is_none() && self.queues.is_empty()
    }

    /// The schema of a delivery, where it is known. Whoever asks for one gets the same: what the configuration says comes
    /// before what Rossum sends along.
    ///
    /// # Errors
    ///
    /// The schema that was sent along is needed, and cannot be read.
    pub fn known(&self, delivery: &Delivery<'_>) -> Result<Option<Arc<Schema>>, StepError> {
        if let Some(schema) = self.declared(delivery) {
            return Ok(Some(Arc::clone(schema)));
        }
        if let (Some(types), Some(annotation)) = (&self.types, &delivery.payload.annotation) {
            return Ok(Some(Arc::new(Schema::from_annotation(annotation, types))));
        }
        let sent = delivery.payload.schemas.map(serde_json::value::RawValue::get);
        sent.map(|sent| self.sent(sent)).transpose()
    }

    /// The schema of a delivery, or what its annotation shows of it where only the shape counts.
    pub(super) fn of_shape(
        &self,
        delivery: &Delivery<'_>,
        annotation: &Annotation<'_>,
    ) -> Result<Arc<Schema>, StepError> {
        let shown = || Arc::new(Schema::from_annotation(annotation, &HashMap::new()));
        Ok(self.known(delivery)?.unwrap_or_else(shown))
    }

    /// The schema of a delivery, which the step needs.
    pub(super) fn of(&self, delivery: &Delivery<'_>) -> Result<Arc<Schema>, StepError> {
        self.known(delivery)?.ok_or_else(|| StepError::configuration(TypesMissing.to_string()))
    }

    /// The schema that was sent along with a delivery.
    fn sent(&self, sent: &str) -> Result<Arc<Schema>, StepError> {
        let mut known = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((text, schema)) = &*known
            && **text == *sent
        {
            return Ok(Arc::clone(schema));
        }
        let schema = Schema::parse(sent)
            .map_err(|error| StepError::configuration(format!("the schema in the delivery: {error}")))?;
        let schema = Arc::new(schema);
        *known = Some((sent.into(), Arc::clone(&schema)));
        Ok(schema)
    }
}
