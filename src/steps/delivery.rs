//! A delivery: one call of Rossum's, verified and read.

use crate::rossum::{Id, Payload, Unreadable};
use crate::signature::VerifiedBody;

/// A payload that is known to come from Rossum: it is read from a [`VerifiedBody`] and from nothing else.
pub struct Delivery<'body> {
    /// As it was sent.
    pub body: &'body [u8],
    pub payload: Payload<'body>,
}

impl<'body> Delivery<'body> {
    pub fn read(body: &'body VerifiedBody) -> Result<Self, Unreadable> {
        Payload::read(body.bytes()).map(|payload| Self { body: body.bytes(), payload })
    }

    /// Whether the user, or a hook before this one, changed this datapoint.
    pub fn is_updated(&self, id: &Id<'_>) -> bool {
        self.payload.updated_datapoints.as_ref().is_some_and(|ids| ids.contains(id))
    }
}
