//! Rossum's own nouns: what it sends, what it wants back. Knows no other room of the house.
//!
//! A delivery's body is read once into a [`Payload`], whose [`Annotation`] is a flat list of nodes
//! borrowed from the body. Nothing edits that list: changes go into a [`Journal`] laid over it, which
//! every reader looks through and which, written out, is the answer's list of operations. A [`GrownTree`] is the
//! annotation with the rows that the journal added and without those that it removed.

mod annotation;
mod content;
mod event;
mod id;
mod journal;
mod lenient;
mod message;
mod operations;
mod payload;
mod tree;
mod written;

pub use annotation::{Annotation, Category, Node, NodeRef, Normalized, is_option, parse_decimal};
pub use event::Event;
pub use id::Id;
pub use journal::{Change, Done, EnumOption, Journal, NewCell, SourcesPlace, Value};
pub use message::{AutomationBlocker, MAX_MESSAGE_CHARACTERS, Message, MessageType, escape_html, shorten};
pub use operations::{Operation, Written};
pub use payload::{File, Payload, PayloadError, Unreadable, number_at_end};
pub use tree::GrownTree;
pub use written::{MAX_VALUE_CHARACTERS, is_written_date, is_written_number};
