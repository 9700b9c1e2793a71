//! imgfactory's JSON, read tolerantly: numbers come as text, some as `null`, `detail` changes its shape.

use std::collections::BTreeMap;

use jiff::civil;
use serde::Deserialize;

use super::super::tolerant;
use crate::job::{Outcome, ResultSource, TaskId};
use crate::provider::TaskStatus;

/// The reply to `POST /async/unique`.
#[derive(Debug, Deserialize)]
pub(super) struct Accepted {
    #[serde(deserialize_with = "tolerant::task_id")]
    pub(super) task_id: TaskId,
}

/// The reply to `GET /tasks`.
#[derive(Debug, Deserialize)]
pub(super) struct Tasks {
    #[serde(default, deserialize_with = "tolerant::list")]
    detail: Vec<serde_json::Value>,
}

impl Tasks {
    /// The tasks that can be read: one odd entry does not keep the others from being seen.
    pub(super) fn readable(self) -> Vec<Task> {
        let read = |entry| match serde_json::from_value(entry) {
            Ok(task) => Some(task),
            Err(error) => {
                tracing::warn!(%error, "imgfactory lists a task that cannot be read");
                None
            }
        };
        self.detail.into_iter().filter_map(read).collect()
    }
}

/// A task as `GET /tasks` lists it.
#[derive(Debug, Deserialize)]
pub(super) struct Task {
    #[serde(deserialize_with = "tolerant::task_id")]
    pub(super) id: TaskId,
    #[serde(default)]
    pub(super) status: Option<String>,
    #[serde(default, deserialize_with = "tolerant::number")]
    pub(super) files: Option<i64>,
    #[serde(default, deserialize_with = "tolerant::number")]
    pub(super) copies: Option<i64>,
    #[serde(default, deserialize_with = "tolerant::address")]
    pub(super) result: Option<String>,
    #[serde(default)]
    pub(super) created_at: Option<String>,
}

impl Task {
    /// What has an address is done. PENDING, STARTED and DONE are documented; any other word may yet become a result, so
    /// it counts as work that goes on until the deadline, and is logged.
    pub(super) fn status(&self) -> TaskStatus {
        let word = self.status.as_deref().unwrap_or_default();
        match (word, self.result.as_deref()) {
            (word, Some(url)) if !url.is_empty() && !matches!(word, "PENDING" | "STARTED") => {
                TaskStatus::Finished(Outcome::of(ResultSource::Archive { url: url.to_owned() }))
            }
            ("PENDING" | "STARTED" | "DONE", _) => TaskStatus::Working,
            (word, _) => {
                tracing::warn!(task_id = %self.id, status = word, "imgfactory reports an undocumented status");
                TaskStatus::Working
            }
        }
    }

    /// When the task was made, by a clock whose zone is not documented.
    pub(super) fn created_at(&self) -> Option<civil::DateTime> {
        self.created_at.as_deref()?.replace(' ', "T").parse().ok()
    }
}

/// An error's body: `detail` is a text or an object of lists.
#[derive(Debug, Deserialize)]
pub(super) struct Refusal {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) detail: Detail,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Detail {
    Text(String),
    Fields(BTreeMap<String, serde_json::Value>),
}

impl Detail {
    /// The whole detail in one line.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Fields(fields) => {
                let fields = fields.iter().map(|(name, value)| format!("{name}: {}", joined(value)));
                fields.collect::<Vec<_>>().join("; ")
            }
        }
    }

    /// Whether it speaks of the image itself.
    pub(super) fn is_about_the_image(&self) -> bool {
        matches!(self, Self::Fields(fields) if fields.keys().any(|name| name.starts_with("image")))
    }
}

fn joined(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(items) => items.iter().map(joined).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}
