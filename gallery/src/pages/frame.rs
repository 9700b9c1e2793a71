//! The frame of every page: head, navigation, foot; and what a page is made for: a visitor, a language, a time.

use std::convert::Infallible;

use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, html};

use crate::{
    Gallery,
    access::{Access, Visitor},
    assets,
    fields::FORM_TOKEN,
    language::Language,
    texts::Texts,
};

/// Whom a page is made for, and when.
#[derive(Debug)]
pub(crate) struct View {
    pub(super) language: Language,
    pub(super) texts: &'static Texts,
    pub(super) now: Timestamp,
    form_token: String,
    can_sign_out: bool,
    said: String,
}

impl<S> FromRequestParts<S> for View
where
    S: Send + Sync,
    Gallery: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let gallery = Gallery::from_ref(state);
        let language = Language::from_request_parts(parts, state).await?;
        let session = parts.extensions.get::<Visitor>().and_then(Visitor::session);
        Ok(Self {
            language,
            texts: language.texts(),
            now: gallery.now(),
            said: said(parts.uri.query()),
            form_token: session.map(|session| gallery.0.keys.form_token(session)).unwrap_or_default(),
            can_sign_out: session.is_some() && matches!(gallery.settings().access, Access::Token(_)),
        })
    }
}

/// Words for [`View::said`], as they stand in addresses.
pub(super) const RETRIED: &str = "retried";
pub(super) const NOTHING_CHOSEN: &str = "nothing-chosen";
pub(super) const GOES_ON: &str = "goes-on";
pub(super) const RELEASED: &str = "released";

fn said(query: Option<&str>) -> String {
    let mut fields = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    fields.find(|(name, _)| name == "said").map(|(_, said)| said.into_owned()).unwrap_or_default()
}

/// A place in the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Jobs,
    Upload,
    Providers,
}

impl View {
    /// The hidden field that proves a form to be ours.
    pub(super) fn proof(&self) -> Markup {
        html! { input type="hidden" name=(FORM_TOKEN) value=(self.form_token); }
    }

    /// What became of the form that led here.
    fn said(&self) -> Option<&'static str> {
        match self.said.as_str() {
            RETRIED => Some(self.texts.said_retried),
            NOTHING_CHOSEN => Some(self.texts.said_nothing_chosen),
            GOES_ON => Some(self.texts.said_goes_on),
            RELEASED => Some(self.texts.said_released),
            _ => None,
        }
    }

    /// A whole page. `goes_on`: something on it will change by itself, so it is looked at again.
    pub(super) fn page(&self, place: Place, title: &str, goes_on: bool, content: &Markup) -> Markup {
        let texts = self.texts;
        let look_again_ms = match (place, goes_on) {
            (Place::Upload, _) => None,
            (_, true) => Some(2_000),
            // Something may come that is not on the page yet.
            (_, false) => Some(10_000),
        };
        let link = |to: Place, address: &str, name: &str| {
            html! { a href=(address) aria-current=[(to == place).then_some("page")] { (name) } }
        };
        html! {
            (DOCTYPE)
            html lang=(self.language.tag()) {
                (head(title, goes_on))
                body data-csrf=(self.form_token) data-live=[look_again_ms] {
                    a.skip href="#content" { (texts.skip) }
                    header {
                        a.name href="/jobs" { img src=(assets::address("icon.svg")) alt="" width="24" height="24"; "darkroom" }
                        nav aria-label=(texts.pages) {
                            (link(Place::Jobs, "/jobs", texts.jobs))
                            (link(Place::Upload, "/upload", texts.upload))
                            (link(Place::Providers, "/providers", texts.providers))
                        }
                        @if self.can_sign_out {
                            form method="post" action="/logout" {
                                (self.proof())
                                button.quiet type="submit" { (texts.sign_out) }
                            }
                        }
                    }
                    main #content tabindex="-1" {
                        @if let Some(said) = self.said() { p.said role="status" { (said) } }
                        (content)
                    }
                    footer { p { (texts.about) } }
                }
            }
        }
    }
}

/// A page without navigation, for those who are not in.
pub(super) fn bare(language: Language, title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(language.tag()) {
            (head(title, false))
            body { main #content .bare { (content) } }
        }
    }
}

fn head(title: &str, goes_on: bool) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (title) " · darkroom" }
            link rel="icon" type="image/svg+xml" href=(assets::address("icon.svg"));
            link rel="stylesheet" href=(assets::address("gallery.css"));
            script src=(assets::address("gallery.js")) defer {}
            @if goes_on { noscript { meta http-equiv="refresh" content="5"; } }
        }
    }
}
