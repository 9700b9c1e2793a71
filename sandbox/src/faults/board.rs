//! One service's switches: those that every service has, and its own. Knows nothing of what they do.

use std::fmt::Debug;
use std::sync::Mutex;

use axum::body::{Body, Bytes};
use axum::response::Response;
use futures_util::stream;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::faults::{SILENCE, lock};

/// What one service can be made to do wrong, beside what all can.
pub trait Misbehaviour: Clone + Debug + Default + Serialize + DeserializeOwned + Send {
    /// The codes that `error` can answer with.
    const ERRORS: &'static [u16];
}

/// The switches of one service.
#[derive(Debug, Default)]
pub struct Switches<S> {
    state: Mutex<State<S>>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct State<S> {
    #[serde(flatten)]
    general: General,
    #[serde(flatten)]
    own: S,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct General {
    latency_ms: Option<u64>,
    #[serde(deserialize_with = "number_or_text")]
    error: Option<u16>,
    error_times: Option<u32>,
    drop_next_response: u32,
    break_next_response: u32,
    quota: Option<u64>,
    expire_now: bool,
}

/// Why a switch could not be set, in words for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadSwitch(pub(crate) String);

/// One service's switches for somebody who knows them by name only.
pub(crate) trait Board {
    /// All switches as they stand.
    fn overview(&self) -> Value;
    /// Sets the switches that are named: all of them, or none if one is wrong.
    fn patch(&self, wishes: &Map<String, Value>) -> Result<(), BadSwitch>;
    /// Switches everything off.
    fn clear(&self);
}

impl<S: Misbehaviour> Switches<S> {
    /// Overrides how long one image takes; `None` goes back to the settings.
    pub fn latency_ms(&self, latency_ms: Option<u64>) {
        lock(&self.state).general.latency_ms = latency_ms;
    }

    /// Requests are answered with this documented error ([`Misbehaviour::ERRORS`]) wherever the service has it, until
    /// it is switched off. Any other code counts as the service's general failure.
    pub fn error(&self, code: Option<u16>) {
        let general = &mut lock(&self.state).general;
        (general.error, general.error_times) = (code, None);
    }

    /// The next `times` requests that could be are answered with this documented error, then none.
    pub fn error_times(&self, code: u16, times: u32) {
        let general = &mut lock(&self.state).general;
        (general.error, general.error_times) = (Some(code), Some(times));
    }

    /// The next `count` API requests are worked on in full and then never answered: the client cannot know the outcome.
    ///
    /// The connection stays open and silent for ten minutes, so the client needs a time limit of its own. Callbacks
    /// and downloads are not touched.
    pub fn drop_next_response(&self, count: u32) {
        lock(&self.state).general.drop_next_response = count;
    }

    /// The next `count` API requests are worked on in full, and the connection breaks in the middle of the answer.
    pub fn break_next_response(&self, count: u32) {
        lock(&self.state).general.break_next_response = count;
    }

    /// So many more images are taken, then none, as when the account is used up; `None` ends it. For imageban it is
    /// the limit of uploads in a day, for guests and the account alike, and does not go down.
    pub fn quota(&self, images: Option<u64>) {
        lock(&self.state).general.quota = images;
    }

    /// At the next request everything that can run out has run out: results, cached answers, access tokens.
    ///
    /// What imageban hosts does not run out by itself; there it is as if all images had been deleted.
    pub fn expire_now(&self) {
        lock(&self.state).general.expire_now = true;
    }

    pub(crate) fn now(&self) -> S {
        lock(&self.state).own.clone()
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut S) -> T) -> T {
        change(&mut lock(&self.state).own)
    }

    pub(crate) fn wished_latency_ms(&self) -> Option<u64> {
        lock(&self.state).general.latency_ms
    }

    /// The error to answer with, if it is one that fits here.
    pub(crate) fn take_error(&self, fits: impl FnOnce(u16) -> bool) -> Option<u16> {
        let general = &mut lock(&self.state).general;
        let code = general.error.filter(|code| fits(*code))?;
        match &mut general.error_times {
            None => Some(code),
            Some(left) => {
                let take = take_one(left);
                if *left == 0 {
                    (general.error, general.error_times) = (None, None);
                }
                take.then_some(code)
            }
        }
    }

    /// The answer to a request that has been worked on, unless it is to be lost on its way.
    pub(crate) async fn send_or_lose(&self, response: Response) -> Response {
        if self.take_dropped_response() {
            tokio::time::sleep(SILENCE).await;
        }
        if take_one(&mut lock(&self.state).general.break_next_response) {
            let breaks = stream::once(async { Err::<Bytes, _>(std::io::Error::other("the connection breaks")) });
            return Response::from_parts(response.into_parts().0, Body::from_stream(breaks));
        }
        response
    }

    fn take_dropped_response(&self) -> bool {
        take_one(&mut lock(&self.state).general.drop_next_response)
    }

    pub(crate) fn take_expiry(&self) -> bool {
        std::mem::take(&mut lock(&self.state).general.expire_now)
    }

    pub(crate) fn quota_left(&self) -> Option<u64> {
        lock(&self.state).general.quota
    }

    /// Takes `images` off the quota; false when there are not so many left.
    pub(crate) fn use_quota(&self, images: u64) -> bool {
        match &mut lock(&self.state).general.quota {
            None => true,
            Some(left) if *left >= images => {
                *left -= images;
                true
            }
            Some(_) => false,
        }
    }
}

impl<S: Misbehaviour> Board for Switches<S> {
    fn overview(&self) -> Value {
        serde_json::to_value(&*lock(&self.state)).unwrap_or_default()
    }

    fn patch(&self, wishes: &Map<String, Value>) -> Result<(), BadSwitch> {
        let mut state = lock(&self.state);
        let Value::Object(mut whole) = serde_json::to_value(&*state).unwrap_or_default() else {
            return Err(BadSwitch("the switches cannot be written down".to_owned()));
        };
        let mut patched = state.clone();
        for (name, value) in wishes {
            if !whole.contains_key(name) {
                let names: Vec<&str> = whole.keys().map(String::as_str).collect();
                return Err(BadSwitch(format!("there is no switch `{name}`; there are: {}", names.join(", "))));
            }
            whole.insert(name.clone(), value.clone());
            patched = serde_json::from_value(Value::Object(whole.clone()))
                .map_err(|error| BadSwitch(format!("the switch `{name}` cannot be {value}: {error}")))?;
            if let Some(code) = patched.general.error.filter(|code| !S::ERRORS.contains(code)) {
                return Err(BadSwitch(format!("the switch `error` cannot be {code}; it can be: {:?}", S::ERRORS)));
            }
        }
        *state = patched;
        Ok(())
    }

    fn clear(&self) {
        *lock(&self.state) = State::default();
    }
}

/// Takes one off, if there is one.
pub(crate) fn take_one(left: &mut u32) -> bool {
    let take = *left > 0;
    *left = left.saturating_sub(1);
    take
}

/// Some services write their codes as text, so they may be given as text.
fn number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    let code = match Value::deserialize(deserializer)? {
        Value::Null => return Ok(None),
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_u64().and_then(|number| u16::try_from(number).ok()),
        _ => None,
    };
    code.map(Some).ok_or_else(|| D::Error::custom("expected the number of an error, or null"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::faults::ImagebanFaults;

    fn patched(faults: &ImagebanFaults, wishes: &Value) -> Result<(), String> {
        faults.patch(wishes.as_object().unwrap()).map_err(|error| error.0)
    }

    #[test]
    fn what_is_counted_is_used_up() {
        let faults = ImagebanFaults::default();
        faults.drop_next_response(2);
        let taken: Vec<_> = (0..3).map(|_| faults.take_dropped_response()).collect();
        assert_eq!(taken, [true, true, false]);
        faults.error_times(109, 1);
        assert_eq!(faults.take_error(|code| code != 109), None);
        let taken: Vec<_> = (0..2).map(|_| faults.take_error(|_| true)).collect();
        assert_eq!(taken, [Some(109), None]);
        faults.quota(Some(3));
        let taken: Vec<_> = [2, 2, 1, 1].into_iter().map(|images| faults.use_quota(images)).collect();
        assert_eq!(taken, [true, false, true, false]);
    }

    #[test]
    fn switches_are_set_by_name_all_or_none() {
        let faults = ImagebanFaults::default();
        patched(&faults, &json!({"error": "109", "quota": 5})).unwrap();
        assert_eq!((faults.take_error(|_| true), faults.quota_left()), (Some(109), Some(5)));
        let error = patched(&faults, &json!({"quota": 6, "quotum": 5})).unwrap_err();
        assert!(error.contains("`quotum`") && error.contains("drop_next_response"), "{error}");
        let error = patched(&faults, &json!({"latency_ms": "soon"})).unwrap_err();
        assert!(error.contains("`latency_ms`"), "{error}");
        let error = patched(&faults, &json!({"error": 9101})).unwrap_err();
        assert!(error.contains("108"), "{error}");
        patched(&faults, &json!({"error": null})).unwrap();
        assert_eq!((faults.take_error(|_| true), faults.quota_left()), (None, Some(5)));
    }
}
