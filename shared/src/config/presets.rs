//! The presets of `darkroom.toml`: `[provider.preset]` tables of typed options, refused at start when anything in
//! them is wrong.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::{
    job::{DEFAULT_PRESET, ProviderName, Route},
    provider::{Delivery, Provider, imgfactory, watermark},
};

/// Every preset, with its options as JSON in the provider's own shape.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Presets(BTreeMap<(ProviderName, String), serde_json::Value>);

/// A `darkroom.toml` that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct PresetError {
    file: String,
    problem: String,
}

/// The file's shape. A provider's table holds its presets.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    imgfactory: BTreeMap<String, Spanned<imgfactory::Options>>,
    #[serde(default)]
    watermark: BTreeMap<String, Spanned<watermark::Options>>,
}

impl Presets {
    /// The presets that exist without a file: `default` of every provider.
    #[must_use]
    pub fn built_in() -> Self {
        let options = |provider| match provider {
            ProviderName::Imgfactory => serde_json::to_value(imgfactory::Options::default().as_sent()),
            ProviderName::Watermark => serde_json::to_value(watermark::Options::default()),
        };
        let all = ProviderName::ALL
            .map(|provider| ((provider, DEFAULT_PRESET.to_owned()), options(provider).unwrap_or_default()));
        Self(all.into_iter().collect())
    }

    /// Reads a file's `text`; `file` is its name in messages.
    ///
    /// # Errors
    /// With the file, the line and the offending text.
    pub fn parse(file: &str, text: &str) -> Result<Self, PresetError> {
        let wrong = |problem: String| PresetError { file: file.to_owned(), problem };
        let read: File = toml::from_str(text).map_err(|e| wrong(e.to_string().trim_end().to_owned()))?;
        let mut presets = Self::built_in();
        let named = read.imgfactory.into_iter().map(|(name, table)| {
            let span = table.span();
            (name, Spanned::new(span, table.into_inner().as_sent()))
        });
        presets.add(ProviderName::Imgfactory, named.collect(), imgfactory::Options::check, text).map_err(wrong)?;
        presets.add(ProviderName::Watermark, read.watermark, watermark::Options::check, text).map_err(wrong)?;
        Ok(presets)
    }

    fn add<T: Serialize>(
        &mut self,
        provider: ProviderName,
        tables: BTreeMap<String, Spanned<T>>,
        check: impl Fn(&T) -> Result<(), String>,
        text: &str,
    ) -> Result<(), String> {
        for (name, table) in tables {
            let line = text.get(..table.span().start).map_or(1, |before| before.matches('\n').count() + 1);
            let at = |problem: String| format!("line {line}: [{provider}.{name}] {problem}");
            check(table.get_ref()).map_err(at)?;
            let route: Route = format!("{provider}/{name}").parse().map_err(|e| at(format!("{e}")))?;
            let options = serde_json::to_value(table.get_ref()).map_err(|e| at(e.to_string()))?;
            self.0.insert((provider, route.preset), options);
        }
        Ok(())
    }

    /// The options of a preset.
    #[must_use]
    pub fn get(&self, route: &Route) -> Option<&serde_json::Value> {
        self.0.get(&(route.provider, route.preset.clone()))
    }

    /// Whether a preset of `provider` has its end told by callback.
    #[must_use]
    pub fn calls_back(&self, provider: &dyn Provider) -> bool {
        let own = self.0.iter().filter(|((of, _), _)| *of == provider.name());
        own.map(|(_, options)| provider.delivery(options)).any(|delivery| matches!(delivery, Ok(Delivery::Callback)))
    }

    /// The names of a provider's presets.
    pub fn names(&self, provider: ProviderName) -> impl Iterator<Item = &str> {
        self.0.keys().filter(move |(of, _)| *of == provider).map(|(_, name)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(text: &str) -> Route {
        text.parse().unwrap()
    }

    #[test]
    fn a_table_is_a_preset_and_its_header_the_upload_path() {
        let presets = Presets::parse(
            "darkroom.toml",
            "[imgfactory.ten]\ncopies = 10\nrotate = { min = 0, max = 2 }\nexif = \"random\"\n\
             [watermark.clean]\nexclude_keywords = [{ value = \"our brand\", rule = \"similar\" }]\n",
        )
        .unwrap();
        let ten = presets.get(&route("imgfactory/ten")).unwrap();
        assert_eq!(ten["exif"], 1);
        assert_eq!(ten["rotate"]["enable"], true);
        assert!(presets.get(&route("watermark/clean")).is_some());
        assert!(presets.get(&route("watermark/default")).is_some(), "there without a file");
        assert!(presets.get(&route("watermark/ten")).is_none());
        assert_eq!(presets.names(ProviderName::Imgfactory).collect::<Vec<_>>(), ["default", "ten"]);
    }

    #[test]
    fn mistakes_are_named_with_file_line_and_text() {
        for (text, words) in [
            ("\n[imgfactory.ten]\ncopeis = 10\n", ["line 3", "copeis"]),
            ("[imgfactory.ten]\nexif = \"radnom\"\n", ["line 2", "radnom"]),
            ("\n\n[imgfactory.own]\nexif = \"own\"\n", ["line 3", "self_exif_id"]),
            ("[photoshop.x]\n", ["line 1", "photoshop"]),
            ("[watermark.x]\nrectangles = 3\n", ["line 2", "rectangles"]),
        ] {
            let error = Presets::parse("my/darkroom.toml", text).unwrap_err().to_string();
            assert!(error.starts_with("my/darkroom.toml: "), "{error}");
            for word in words {
                assert!(error.contains(word), "{word} is not in: {error}");
            }
        }
    }
}
