//! imageban's JSON: `data`, a list or one object, or `error`. Numbers come as text. Read tolerantly.

use serde::{Deserialize, de::DeserializeOwned};

use super::super::{tolerant, tolerant::text};
use crate::job::Link;

/// Any reply.
#[derive(Debug, Deserialize)]
pub(super) struct Message {
    #[serde(default, deserialize_with = "tolerant::list")]
    data: Vec<serde_json::Value>,
    #[serde(default, deserialize_with = "tolerant::list")]
    error: Vec<serde_json::Value>,
}

impl Message {
    /// What is wrong, if anything is.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        let error = self.error.iter().find(|error| error.is_object() || error.is_string())?;
        let plain = || Refusal { code: None, message: error.as_str().map(str::to_owned) };
        Some(Refusal::deserialize(error).unwrap_or_else(|_| plain()))
    }

    /// Every entry of `data` that can be read as a `T`.
    pub(super) fn entries<T: DeserializeOwned>(self) -> impl Iterator<Item = T> {
        self.data.into_iter().filter_map(|entry| serde_json::from_value(entry).ok())
    }
}

/// An error.
#[derive(Debug, Deserialize)]
pub(super) struct Refusal {
    #[serde(default, deserialize_with = "tolerant::number")]
    pub(super) code: Option<i64>,
    #[serde(default, deserialize_with = "text")]
    pub(super) message: Option<String>,
}

/// An image that is hosted now.
#[derive(Debug, Deserialize)]
pub(super) struct Hosted {
    #[serde(default, deserialize_with = "text")]
    id: Option<String>,
    #[serde(deserialize_with = "text")]
    link: Option<String>,
    #[serde(default, deserialize_with = "text")]
    short_link: Option<String>,
    #[serde(default, deserialize_with = "text")]
    delete_hash: Option<String>,
}

impl Hosted {
    /// Where it is; `None` without an address. What is longer than any honest text is left out.
    pub(super) fn link(self) -> Option<Link> {
        let [id, link, short_link, delete_hash] =
            [self.id, self.link, self.short_link, self.delete_hash].map(|text| text.filter(tolerant::is_kept));
        Some(Link { link: link?, short_link, delete_hash, id: id.unwrap_or_default() })
    }
}

/// An album. The page names the field of a new one `album_name`; a client reads `name`.
#[derive(Debug, Deserialize)]
pub(super) struct Album {
    #[serde(default, deserialize_with = "text")]
    pub(super) id: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) album_name: Option<String>,
}

/// An entry of the list of albums: an id, or an album.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum AlbumId {
    Text(String),
    Number(i64),
    Album(Album),
}

impl AlbumId {
    /// The id.
    pub(super) fn id(self) -> Option<String> {
        match self {
            Self::Text(id) => Some(id),
            Self::Number(id) => Some(id.to_string()),
            Self::Album(album) => album.id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_without_end_is_none_and_an_endless_text_beside_it_is_left_out() {
        let endless = "x".repeat(9_000);
        let hosted = |link: &str| serde_json::json!({"id": 7, "link": link, "delete_hash": endless});
        let read = |link| serde_json::from_value::<Hosted>(hosted(link)).unwrap().link();
        assert_eq!(read(&endless), None);
        let link = Link { link: "https://i.imageban.ru/a".into(), short_link: None, delete_hash: None, id: "7".into() };
        assert_eq!(read("https://i.imageban.ru/a"), Some(link));
    }
}
