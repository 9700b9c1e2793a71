//! Readers for what providers send against their own documents: numbers as text, text as numbers, `null` for nothing.

use serde::{Deserialize, Deserializer, de::Error as _};

use crate::job::TaskId;

/// A text that is kept in the job's row, such as an address, is no longer than this: a row holds 400 KB.
const LONGEST_KEPT_BYTES: usize = 4_096;
/// The name of a task is no longer than this.
const LONGEST_TASK_ID_BYTES: usize = 256;

#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(i64),
    Float(f64),
    Text(String),
}

/// A whole number that may come as a number, as text, or not at all. What is no number reads as nothing.
pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(match Option::<NumberOrText>::deserialize(deserializer)? {
        None => None,
        Some(NumberOrText::Number(number)) => Some(number),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a fraction is not documented anywhere; its whole part will do"
        )]
        Some(NumberOrText::Float(number)) => Some(number as i64),
        Some(NumberOrText::Text(text)) => text.trim().parse().ok(),
    })
}

/// A text that may come as text, as a number, or not at all. What is neither, and an empty text, read as nothing.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::String(text) => Some(text).filter(|text| !text.is_empty()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// An address, or a null, or nothing. One that is longer than any honest one reads as nothing.
pub(super) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.filter(is_kept))
}

/// Whether a text is short enough to be kept.
#[expect(clippy::ptr_arg, reason = "it is a filter of an optional text")]
pub(super) fn is_kept(text: &String) -> bool {
    text.len() <= LONGEST_KEPT_BYTES
}

/// The name of a task. An empty or an endless one is none, and refused.
pub(super) fn task_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TaskId, D::Error> {
    let text = String::deserialize(deserializer)?;
    if is_task_id(&text) { Ok(TaskId(text)) } else { Err(D::Error::custom("it is no task's name")) }
}

/// Whether a text can be the name of a task.
pub(super) fn is_task_id(text: &str) -> bool {
    (1..=LONGEST_TASK_ID_BYTES).contains(&text.len())
}

/// A list that may come as a list, as one bare item, or not at all.
pub(super) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany<T> {
        Many(Vec<T>),
        One(T),
    }
    Ok(match Option::<OneOrMany<T>>::deserialize(deserializer)? {
        None => Vec::new(),
        Some(OneOrMany::One(item)) => vec![item],
        Some(OneOrMany::Many(items)) => items,
    })
}

/// The beginning of a body that could not be read, for a message: at most 200 characters, on one line.
pub(super) fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let one_line: String = text.chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect();
    one_line.trim().to_owned()
}
