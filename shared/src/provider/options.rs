//! How a preset's options are read: typed, strict, with the place of whatever is wrong. What the options are is each
//! provider's own business (`config.rs` in its folder).

use std::ops::Range;

use serde::{Deserialize, Serialize, de::DeserializeOwned, de::IntoDeserializer as _};
use toml::{Spanned, de::DeTable};

/// The options of one provider's presets.
pub trait PresetOptions: DeserializeOwned + Serialize + Default {
    /// Checks what serde cannot: bounds, and options that need or exclude each other.
    ///
    /// # Errors
    /// With a sentence that says what is wrong and what would be right.
    fn check(&self) -> Result<(), String>;

    /// What the service advises against and nobody refuses.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// The same with what darkroom asks for where the preset says nothing.
    #[must_use]
    fn completed(self) -> Self {
        self
    }

    /// Whether the work ends in an image, with which another step could go on.
    fn gives_image(&self) -> bool {
        true
    }
}

/// Options that passed every check.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedOptions {
    /// The options in the provider's own shape.
    pub options: serde_json::Value,
    /// What is allowed and unwise.
    pub warnings: Vec<String>,
    /// Whether the work ends in an image.
    pub gives_image: bool,
}

/// Options that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct OptionsError {
    /// What is wrong and what would be right.
    pub message: String,
    /// Where in the text, bytes; `None`: the table as a whole.
    pub span: Option<Range<usize>>,
}

/// Reads the options of one provider. A value, so that it can stand in a table of providers.
#[derive(Debug, Clone, Copy)]
pub struct OptionsReader {
    /// The keys that there are.
    pub keys: fn() -> &'static [&'static str],
    /// Reads a table of `darkroom.toml`.
    pub read: fn(Spanned<DeTable<'_>>) -> Result<CheckedOptions, OptionsError>,
    /// The options of the preset that exists without a file.
    pub defaults: fn() -> CheckedOptions,
}

impl OptionsReader {
    /// The reader of options of the type `O`.
    #[must_use]
    pub const fn of<O: PresetOptions>() -> Self {
        Self { keys: keys::<O>, read: read::<O>, defaults: || checked(O::default()) }
    }
}

fn read<O: PresetOptions>(table: Spanned<DeTable<'_>>) -> Result<CheckedOptions, OptionsError> {
    let options = O::deserialize(table.into_deserializer())
        .map_err(|e| OptionsError { message: e.message().to_owned(), span: e.span() })?;
    options.check().map_err(|message| OptionsError { message, span: None })?;
    Ok(checked(options))
}

fn checked<O: PresetOptions>(options: O) -> CheckedOptions {
    let (warnings, gives_image) = (options.warnings(), options.gives_image());
    // Options are plain data that came from a text; there is nothing in them that JSON could not say.
    CheckedOptions { options: serde_json::to_value(options.completed()).unwrap_or_default(), warnings, gives_image }
}

/// The names of a struct's fields, as serde knows them.
fn keys<O: Deserialize<'static>>() -> &'static [&'static str] {
    struct Fields<'a>(&'a mut &'static [&'static str]);

    impl<'de> serde::Deserializer<'de> for Fields<'_> {
        type Error = serde::de::value::Error;

        fn deserialize_any<V: serde::de::Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
            Err(serde::de::Error::custom("only the names are asked for"))
        }

        fn deserialize_struct<V: serde::de::Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            visitor: V,
        ) -> Result<V::Value, Self::Error> {
            *self.0 = fields;
            self.deserialize_any(visitor)
        }

        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    let mut fields: &'static [&'static str] = &[];
    // It always ends in an error, by which time the names are known.
    let _ = O::deserialize(Fields(&mut fields));
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::watermark::Options;

    #[test]
    fn the_keys_of_options_are_known_without_an_example() {
        let keys = (OptionsReader::of::<Options>().keys)();
        assert!(keys.contains(&"exclude_keywords") && keys.contains(&"ocr_only"), "{keys:?}");
    }
}
