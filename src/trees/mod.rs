//! Foreign JSON as trees in memory: the one way to make one. A text of a megabyte can make a tree of a hundred, so each tree
//! is counted while it grows, and ends where it is too large.
//!
//! ```text
//! read(bytes, most)        a tree of so many bytes at most
//! Room → Tree::read(…)     the same, with a share of the memory that all trees of its kind have together
//! ```

mod grow;

use std::fmt;
use std::ops::Deref;
use std::time::{Duration, Instant};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{sleep, timeout_at};

use crate::slices::{Spent, apart, aside, aside_to_make};

pub use grow::Parts;
use grow::grow;

/// Bytes of the largest tree of a delivery: one that Rossum writes takes some 14 times its length.
pub const LARGEST_DELIVERY: usize = 192 << 20;
/// Bytes of the largest tree of another system's answer, which has a megabyte of text at most.
pub const LARGEST_ANSWER: usize = 24 << 20;

/// Bytes of a tree that is read where it is needed: a token, a word of an error, secrets. It takes some milliseconds.
pub const SMALL: usize = 4 << 20;

/// A text from this length on may make a tree for which memory is shared out. Smaller ones are as many as there are
/// deliveries in work.
pub const LARGE_TEXT: usize = 65_536;
/// Between two looks for room for a very large one.
const PAUSE: Duration = Duration::from_millis(20);

/// Bytes of a value; of a list or an object that has something, beside its elements; of an element's room.
const VALUE: usize = size_of::<Value>();
const ENTRY: usize = size_of::<Value>() + size_of::<String>() + 40;
const LIST: usize = 3 * VALUE;
const OBJECT: usize = 3 * ENTRY;

/// Why there is no tree.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// It quotes nothing.
    #[error(
        "it is too much to be read as a whole: its first {values} values (lists, objects, texts, numbers) take {} MiB of memory, and that is the most", .most >> 20
    )]
    TooLarge { values: usize, most: usize },
    #[error("it is not JSON: {0}")]
    NotJson(serde_json::Error),
}

impl Unread {
    /// Whether it is JSON, and too much of it.
    pub fn is_too_large(&self) -> bool {
        matches!(self, Self::TooLarge { .. })
    }
}

/// The tree of a JSON text, of `most` bytes of memory at most.
///
/// # Errors
/// Where it is larger, or no JSON.
pub fn read(text: &[u8], most: usize) -> Result<Value, Unread> {
    read_parts(text, Parts::All, most)
}

/// The same of those parts that are wanted.
///
/// # Errors
/// As [`read`].
pub fn read_parts(text: &[u8], parts: Parts<'_>, most: usize) -> Result<Value, Unread> {
    grow(text, parts, most).map(|(value, _)| value)
}

/// The memory that all large trees of a kind have together.
pub struct Forest {
    /// Bytes of one tree at most.
    most: usize,
    /// How often what works with a tree has it in memory.
    copies: usize,
    /// In KiB.
    free: Semaphore,
}

/// Trees of deliveries, 384 MiB together: a tree and what a template language makes of it.
pub static DELIVERIES: Forest = Forest::new(LARGEST_DELIVERY, 2, 384 << 20);
/// Trees of answers, 192 MiB together: a tree, what is searched of it, what a query makes of that and what it finds.
pub static ANSWERS: Forest = Forest::new(LARGEST_ANSWER, 4, 192 << 20);

impl Forest {
    const fn new(most: usize, copies: usize, together: usize) -> Self {
        Self { most, copies, free: Semaphore::const_new(together >> 10) }
    }

    /// Room for the tree of a text. None is waited for where it is small; any other wait ends at the deadline.
    ///
    /// # Errors
    /// Where others have all of it until then.
    pub async fn room(&'static self, text: &[u8], deadline: Instant) -> Result<Room, Spent> {
        if text.len() < LARGE_TEXT {
            return Ok(Room { forest: self, held: None });
        }
        let bytes = expected(text);
        let size = u32::try_from((bytes.min(self.most) * self.copies) >> 10).unwrap_or(u32::MAX);
        let held = async {
            if bytes <= self.most {
                return self.free.acquire_many(size).await.ok();
            }
            // It may be too large, so that nobody waits in a queue behind it.
            loop {
                match self.free.try_acquire_many(size) {
                    Ok(held) => return Some(held),
                    Err(_) => sleep(PAUSE).await,
                }
            }
        };
        let held = timeout_at(deadline.into(), held).await.map_err(|_| Spent::Time)?;
        Ok(Room { forest: self, held })
    }
}

/// Bytes that a tree takes at most: about twice what it takes where texts hold few commas and brackets.
fn expected(text: &[u8]) -> usize {
    let (mut lists, mut objects, mut commas, mut colons) = (0_usize, 0_usize, 0_usize, 0_usize);
    for part in text.chunks(200) {
        // Numbers of a byte are counted several at a time.
        let count = |sign: u8| usize::from(part.iter().map(|byte| u8::from(*byte == sign)).sum::<u8>());
        lists += count(b'[');
        objects += count(b'{');
        commas += count(b',');
        colons += count(b':');
    }
    let values = 1 + lists + objects + commas;
    text.len() + values * VALUE + lists * LIST + objects * OBJECT + colons * (ENTRY - VALUE)
}

/// Works with the tree of a text: aside where the text is large.
///
/// # Errors
/// Where the wait for a turn ends at the deadline.
pub fn work_with<T>(text: &[u8], deadline: Instant, work: impl FnOnce() -> T) -> Result<T, Spent> {
    if text.len() < LARGE_TEXT { Ok(work()) } else { aside(deadline, work) }
}

/// Makes the tree of a text: aside where the text is large, and fewer at a time than other works.
///
/// # Errors
/// Where the wait for a turn ends at the deadline.
pub fn make_of<T>(text: &[u8], deadline: Instant, make: impl FnOnce() -> T) -> Result<T, Spent> {
    if text.len() < LARGE_TEXT { Ok(make()) } else { aside_to_make(deadline, make) }
}

/// Memory that a tree may take.
pub struct Room {
    forest: &'static Forest,
    held: Option<SemaphorePermit<'static>>,
}

impl Room {
    /// Gives back what is not needed.
    fn shrink(&mut self, bytes: usize) {
        let needed = (bytes * self.forest.copies).div_ceil(1 << 10);
        if let Some(held) = &mut self.held {
            drop(held.split(held.num_permits().saturating_sub(needed)));
        }
    }
}

/// A tree with the room that it takes. A large one is taken apart off the serving threads, wherever it is dropped.
#[derive(Default)]
pub struct Tree {
    value: Value,
    room: Option<Room>,
}

impl Tree {
    /// The tree of a JSON text.
    ///
    /// # Errors
    /// Where it is larger than one may be, or no JSON.
    pub fn read(text: &[u8], parts: Parts<'_>, mut room: Room) -> Result<Self, Unread> {
        let (value, bytes) = grow(text, parts, room.forest.most)?;
        room.shrink(bytes);
        Ok(Self { value, room: Some(room) })
    }

    /// A tree that is worked on, in the same room.
    #[must_use]
    pub fn map(mut self, work: impl FnOnce(Value) -> Value) -> Self {
        let value = std::mem::take(&mut self.value);
        Self { value: work(value), room: self.room.take() }
    }
}

impl From<Value> for Tree {
    /// A small one, of our own.
    fn from(value: Value) -> Self {
        Self { value, room: None }
    }
}

impl Deref for Tree {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.value
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        if self.room.as_ref().is_some_and(|room| room.held.is_some()) {
            let value = std::mem::take(&mut self.value);
            apart(|| drop(value));
        }
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl PartialEq for Tree {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Tree {
    /// From what was kept: it was counted before it was.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tree_is_what_serde_makes_of_the_text() {
        for text in [
            r#"{"b": [1, -2, 1.5, 1e3, 18446744073709551615, true, false, null], "a": {"é\n\u0041": "x\"y"}, "b": []}"#,
            "[[], {}, [[]], \"\"]",
            "17",
            "null",
        ] {
            let expected: Value = serde_json::from_str(text).unwrap();
            let read = read(text.as_bytes(), 1 << 20).unwrap();
            assert_eq!(read, expected);
            assert_eq!(read.to_string(), expected.to_string(), "the order of keys");
        }
        for text in ["", "{", "[1,]", "{} {}", "\"\u{1}\"", "nul"] {
            assert!(matches!(read(text.as_bytes(), 1 << 20), Err(Unread::NotJson(_))), "{text}");
        }
        let deep = "[".repeat(100_000);
        assert!(matches!(read(deep.as_bytes(), 1 << 30), Err(Unread::NotJson(_))), "no stack overflow");
    }

    #[test]
    fn only_parts_that_are_wanted_are_made_and_counted() {
        let but = Parts::But(&[
            ("secrets", Parts::None),
            ("annotation", Parts::But(&[("content", Parts::NoList)])),
        ]);
        let text = r#"{"secrets": {"a": 1}, "annotation": {"id": 7, "content": [1]}, "content": [2]}"#;
        let value = read_parts(text.as_bytes(), but, 1 << 20).unwrap();
        assert_eq!(value, json!({"annotation": {"id": 7}, "content": [2]}));
        let url = r#"{"annotation": {"content": "https://x"}}"#;
        assert_eq!(
            read_parts(url.as_bytes(), but, 1 << 20).unwrap(),
            serde_json::from_str::<Value>(url).unwrap()
        );
        let text = format!(r#"{{"secrets": [{}1]}}"#, "1,".repeat(100_000));
        assert!(read_parts(text.as_bytes(), but, 10_000).is_ok());
        assert!(read(text.as_bytes(), 10_000).unwrap_err().is_too_large());
    }

    #[test]
    fn a_tree_ends_where_it_is_too_large_whatever_it_is_made_of() {
        for part in ["[]", "{}", "[[]]", "1", "\"\"", "{\"a\":1}", "[[[[[1]]]]]", "{\"a\":{\"b\":{}}}"] {
            let text = format!("[{}]", vec![part; 300_000].join(","));
            let (_, bytes) = grow(text.as_bytes(), Parts::All, usize::MAX).unwrap();
            assert!(bytes <= expected(text.as_bytes()), "{part}: {bytes}");
            match read(text.as_bytes(), 1 << 20) {
                Err(Unread::TooLarge { values, most }) => {
                    assert!(values < 16_000 && most == 1 << 20, "{part}");
                }
                other => panic!("{part}: {other:?}"),
            }
        }
        let error = read("[1,1,1]".as_bytes(), 100).unwrap_err().to_string();
        assert!(error.contains("too much to be read"), "{error}");
    }

    #[tokio::test]
    async fn trees_that_are_there_leave_no_room_for_more_than_their_memory() {
        static FOREST: Forest = Forest::new(5 << 20, 2, 40 << 20);
        let soon = || Instant::now() + Duration::from_millis(50);
        let text = format!("[{}1]", "1,".repeat(50_000));
        let mut trees = Vec::new();
        while let Ok(room) = FOREST.room(text.as_bytes(), soon()).await {
            trees.push(Tree::read(text.as_bytes(), Parts::All, room).unwrap());
        }
        assert!((3..6).contains(&trees.len()), "{}", trees.len());
        assert!(FOREST.room(b"[]", soon()).await.is_ok(), "small ones need none");
        trees.clear();
        assert_eq!(FOREST.free.available_permits(), 40 << 10, "all is given back");
        let hostile = format!("[{}1]", "[1],".repeat(50_000));
        let room = FOREST.room(hostile.as_bytes(), soon()).await.unwrap();
        assert!(Tree::read(hostile.as_bytes(), Parts::All, room).unwrap_err().is_too_large());
        assert_eq!(FOREST.free.available_permits(), 40 << 10, "also where there is no tree");
    }
}
