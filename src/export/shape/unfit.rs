//! A document that a shape cannot be made of.

/// Why a document is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Unfit {
    /// What it was to be: `UBL`, `CSV`.
    shape: &'static str,
    /// For the person at the screen: each field by its label and schema id; it may quote what stands in a field.
    text: String,
    /// The schema ids of these fields, which are no data.
    ids: Vec<String>,
}

impl Unfit {
    pub(super) fn new(shape: &'static str, text: String, ids: Vec<String>) -> Self {
        Self { shape, text, ids }
    }

    /// For the log: it quotes nothing.
    pub fn cause(&self) -> String {
        format!("the document does not have the data that {} needs: {}", self.shape, self.ids.join(", "))
    }
}
