//! Albums by name: found in what the clients remember together, made, or looked for in the account. Nothing here costs.
//!
//! Source: imageban's page on albums (`api/help/album`), and for `account/me/albums/ids` other clients of the service.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use reqwest::multipart::Form;
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};

use super::super::{Advice, ErrorKind, NotesError, ProviderError, Repeat};
use super::{Imageban, config::Auth, config::Options, error, error::is_name_taken, read, wire};

/// More albums than this are not looked through.
const MOST_LOOKED_AT: usize = 200;
/// Albums are looked at so many at a time: each is a request.
const LOOKED_AT_ONCE: usize = 4;

impl Imageban {
    /// The id of the album that `options` ask for, if any. An album by name is made where there is none yet.
    ///
    /// # Errors
    /// When the album can be neither made nor found.
    pub(super) async fn album(&self, options: &Options) -> Result<Option<String>, ProviderError> {
        let Some(name) = &options.album_name else { return Ok(options.album.clone()) };
        if let Some(id) = self.noted(name).await? {
            return Ok(Some(id));
        }
        if let Some(id) = self.make_album(name, options).await? {
            return self.note(name, id).await.map(Some);
        }
        // There is one of that name: another function may just have made it, or a person did.
        if let Some(id) = self.noted(name).await? {
            return Ok(Some(id));
        }
        let found = self.find_album(name).await?;
        self.note(name, found).await.map(Some)
    }

    /// `POST /album`. `None`: the name is taken.
    async fn make_album(&self, name: &str, options: &Options) -> Result<Option<String>, ProviderError> {
        let album_type = options.album_type.map(|album_type| album_type.as_str().to_owned());
        let fields = [
            ("album_desc", options.album_desc.clone()),
            ("album_type", album_type),
            ("album_pass", options.album_pass.clone()),
        ];
        let mut form = Form::new().text("album_name", name.to_owned());
        for (field, value) in fields {
            if let Some(value) = value {
                form = form.text(field, value);
            }
        }
        let post = self.http.post(self.endpoint(&["album"])).multipart(form);
        let post = post.header(http::header::AUTHORIZATION, self.authorization(Auth::Account)?);
        // To make it twice is refused, so a repeat does no harm.
        let reply = self.http.send(post, Repeat::Harmless).await?;
        let made = read(&reply).and_then(|message| message.entries::<wire::Album>().find_map(|album| album.id));
        match made {
            Some(id) => Ok(Some(id)),
            None if is_name_taken(reply.status, &reply.body) => Ok(None),
            None => Err(error::parse_error(reply.status, &reply.body)),
        }
    }

    /// Looks through the account's albums for one of this name.
    async fn find_album(&self, name: &str) -> Result<String, ProviderError> {
        let ids = self.album_ids().await?;
        let look = |id: String| async move {
            let album = self.album_named(&id).await;
            (id, album)
        };
        let mut albums = stream::iter(ids).map(look).buffer_unordered(LOOKED_AT_ONCE);
        let mut passing = None;
        while let Some((id, album)) = albums.next().await {
            match album {
                Ok(found) if found.as_deref() == Some(name) => return Ok(id),
                Ok(_) => {}
                Err(error) if error.advice == Advice::Hold => return Err(error),
                Err(error) if error.advice == Advice::Reject => {
                    tracing::warn!(album = id, %error, "an album of the account cannot be looked at");
                }
                Err(error) => passing = Some(error),
            }
        }
        // It may be the one that could not be looked at.
        Err(passing.unwrap_or_else(|| {
            let message = format!(
                "imageban says that there is an album '{name}' already, and it is not among those of the account; put \
                 its id into the preset as album, in the place of album_name"
            );
            ProviderError::new(ErrorKind::InvalidRequest, Advice::Reject, message)
        }))
    }

    /// `GET /account/me/albums/ids`: not documented, but seen in clients.
    async fn album_ids(&self) -> Result<Vec<String>, ProviderError> {
        let message = self.get(&["account", "me", "albums", "ids"]).await?;
        Ok(message.entries::<wire::AlbumId>().filter_map(wire::AlbumId::id).take(MOST_LOOKED_AT).collect())
    }

    /// `GET /album/{id}`: the album's name.
    async fn album_named(&self, id: &str) -> Result<Option<String>, ProviderError> {
        let message = self.get(&["album", id]).await?;
        Ok(message.entries::<wire::Album>().find_map(|album| album.name.or(album.album_name)))
    }

    async fn get(&self, path: &[&str]) -> Result<wire::Message, ProviderError> {
        let get = self.http.get(self.endpoint(path));
        let get = get.header(http::header::AUTHORIZATION, self.authorization(Auth::Account)?);
        let reply = self.http.send(get, Repeat::Harmless).await?;
        read(&reply).ok_or_else(|| error::parse_error(reply.status, &reply.body))
    }

    async fn noted(&self, name: &str) -> Result<Option<String>, ProviderError> {
        self.notes.get(&self.note_name(name)).await.map_err(|e| forgetful(&e))
    }

    /// Notes the album's id for all, and returns the one that all go by: somebody may have been quicker.
    async fn note(&self, name: &str, id: String) -> Result<String, ProviderError> {
        let first = self.notes.replace(&self.note_name(name), None, &id).await.map_err(|e| forgetful(&e))?;
        if first { Ok(id) } else { Ok(self.noted(name).await?.unwrap_or(id)) }
    }

    /// Another account has other albums, whatever they are called: its notes are others too.
    pub(super) fn note_name(&self, album_name: &str) -> String {
        let key = self.settings.secret_key.as_ref().map_or("", |key| key.expose_secret());
        let mut hash = Sha256::new();
        for part in [self.settings.url.as_str(), key, album_name] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        format!("album:{}", hex::encode(hash.finalize()))
    }
}

fn forgetful(error: &NotesError) -> ProviderError {
    let advice = Advice::Retry { after: Duration::from_secs(1) };
    ProviderError::new(ErrorKind::Unavailable, advice, error.to_string())
}
