//! Which jobs a visitor wants to see: the filter of the list, as it stands in addresses of pages and of the API.

use darkroom_shared::{
    job::{JobId, ProviderName, Route, StateName},
    store::{PageFilter, PageKey},
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::problem::Problem;

/// The filter as it is asked for. Empty means everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct Asked {
    /// queued, submitting, waiting, ready, done or failed.
    pub(crate) state: String,
    /// imgfactory, watermark, fangtang, vkcloud or imageban.
    pub(crate) provider: String,
    /// As in watermark/clean.
    pub(crate) route: String,
    /// A part of the upload's key, in whatever letters, or a job's id.
    pub(crate) text: String,
    /// Where the page begins: `older` of the page before.
    pub(crate) before: String,
}

/// The filter as it is meant.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listing {
    /// Which jobs.
    pub(crate) filter: PageFilter,
    /// Behind which the page begins.
    pub(crate) before: Option<PageKey>,
    /// The job whose id was given as text.
    pub(crate) id: Option<JobId>,
}

impl Asked {
    /// Reads it.
    pub(crate) fn read(&self) -> Result<Listing, Problem> {
        let wrong = |problem: String| Problem::WrongRequest(problem);
        let text = self.text.trim();
        let filter = PageFilter {
            state: some(&self.state).map(str::parse::<StateName>).transpose().map_err(wrong)?,
            provider: some(&self.provider)
                .map(str::parse::<ProviderName>)
                .transpose()
                .map_err(|problem| wrong(problem.to_string()))?,
            route: some(&self.route)
                .map(str::parse::<Route>)
                .transpose()
                .map_err(|problem| wrong(problem.to_string()))?,
            text: some(text).map(str::to_owned),
        };
        let before = some(&self.before).map(str::parse).transpose().map_err(|problem| {
            let problem: darkroom_shared::store::InvalidPageKey = problem;
            wrong(problem.to_string())
        })?;
        Ok(Listing { filter, before, id: text.parse().ok() })
    }

    /// The address of the page that begins behind `before`, with the same filter.
    pub(crate) fn address(&self, before: Option<&PageKey>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in
            [("state", &self.state), ("provider", &self.provider), ("route", &self.route), ("text", &self.text)]
        {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        if let Some(before) = before {
            query.append_pair("before", before.as_str());
        }
        let query = query.finish();
        if query.is_empty() { "/jobs".to_owned() } else { format!("/jobs?{query}") }
    }
}

fn some(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_read_and_kept_over_pages() {
        let asked = Asked { state: "failed".into(), text: " Котик & Co ".into(), ..Asked::default() };
        let listing = asked.read().unwrap();
        assert_eq!(listing.filter.state, Some(StateName::Failed));
        assert_eq!(listing.filter.text.as_deref(), Some("Котик & Co"));
        let key: PageKey = "1700000000123#0123456789abcdef0123456789abcdef".parse().unwrap();
        let address = asked.address(Some(&key));
        assert!(address.starts_with("/jobs?state=failed&text=+%D0%9A"), "{address}");
        assert!(address.ends_with("before=1700000000123%230123456789abcdef0123456789abcdef"), "{address}");
        assert_eq!(Asked::default().address(None), "/jobs");
    }

    #[test]
    fn a_wrong_filter_is_told() {
        for asked in [
            Asked { state: "finished".into(), ..Asked::default() },
            Asked { provider: "photoshop".into(), ..Asked::default() },
            Asked { before: "yesterday".into(), ..Asked::default() },
        ] {
            assert!(matches!(asked.read(), Err(Problem::WrongRequest(_))), "{asked:?}");
        }
    }
}
