//! Where the types of fields come from: a schema file, the step's own list, or the schema that Rossum sends along.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::rossum::Annotation;
use crate::txscript::{FieldType, Schema, TypesMissing};

use super::{Delivery, StepError};

/// Built by the configuration from `schema` and `types`.
#[derive(Default)]
pub struct Schemas {
    pub file: Option<Arc<Schema>>,
    pub types: Option<HashMap<String, FieldType>>,
    /// The last one that was sent: it is the same in nearly every delivery.
    last: Mutex<Option<(Box<str>, Arc<Schema>)>>,
}

impl Schemas {
    pub fn new(file: Option<Arc<Schema>>, types: Option<HashMap<String, FieldType>>) -> Self {
        Self { file, types, last: Mutex::default() }
    }

    /// Those of a file, or what Rossum sends along where there is none.
    pub fn from(file: Option<Arc<Schema>>) -> Self {
        Self { file, ..Self::default() }
    }

    /// Whether only what Rossum sends along has the types.
    pub(super) fn is_sent(&self) -> bool {
        self.file.is_none() && self.types.is_none()
    }

    /// The schema of a delivery, or what its annotation shows of it where only the shape counts.
    pub(super) fn of_shape(
        &self,
        delivery: &Delivery<'_>,
        annotation: &Annotation<'_>,
    ) -> Result<Arc<Schema>, StepError> {
        if self.file.is_some() || self.types.is_some() || delivery.payload.schemas.is_some() {
            return self.of(delivery);
        }
        Ok(Arc::new(Schema::from_annotation(annotation, &HashMap::new())))
    }

    /// The schema of a delivery.
    pub(super) fn of(&self, delivery: &Delivery<'_>) -> Result<Arc<Schema>, StepError> {
        if let Some(schema) = &self.file {
            return Ok(Arc::clone(schema));
        }
        if let (Some(types), Some(annotation)) = (&self.types, &delivery.payload.annotation) {
            return Ok(Arc::new(Schema::from_annotation(annotation, types)));
        }
        self.sent(delivery)
    }

    /// The schema that was sent along with a delivery.
    pub(super) fn sent(&self, delivery: &Delivery<'_>) -> Result<Arc<Schema>, StepError> {
        let Some(sent) = delivery.payload.schemas.map(serde_json::value::RawValue::get) else {
            return Err(StepError::configuration(TypesMissing.to_string()));
        };
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
