//! The layout of the bucket (the contract, section 2): which key means which upload, and where its results lie.

use super::{DEFAULT_PRESET, ProviderName, Route, safe_file_name};

/// Where people put images.
pub const UPLOADS_PREFIX: &str = "uploads/";
/// Where results and `job.json` are put. It shares no beginning with [`UPLOADS_PREFIX`], so nothing loops.
pub const RESULTS_PREFIX: &str = "results/";

/// Where the outputs of all steps of a chain but the last are put: `steps/<job id>/<number of the step>/<file>`. The
/// job's id keeps an upload that takes the place of another from changing what that one's job works on.
pub const STEPS_PREFIX: &str = "steps/";

/// An upload's key may be so long: a result's key is it and a name of [`safe_file_name`], at most S3's 1024 bytes.
const LONGEST_KEY_BYTES: usize = 1024 - 184;

/// The key of an upload, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadKey {
    key: String,
    route: Route,
}

/// A key that names no upload of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UploadKeyError {
    /// The key lies outside `uploads/`.
    #[error("the key does not start with '{UPLOADS_PREFIX}'")]
    NotAnUpload,
    /// A console's folder marker, or a key without a file name.
    #[error("the key names a folder and no file: expected uploads/<provider>/<preset>/<file>")]
    Folder,
    /// The preset could be no preset's name.
    #[error("'{0}' cannot be the name of a preset")]
    InvalidPreset(String),
    /// With its results' names, the key would be longer than S3 allows.
    #[error("the key has {0} bytes; at most {LONGEST_KEY_BYTES} are taken, since its results' keys are longer")]
    TooLong(usize),
    /// A part of the path that leads elsewhere wherever keys become files.
    #[error("a part of the key is '{0}', which leads elsewhere wherever keys become files; upload under another key")]
    LeadsElsewhere(String),
    /// The second part is not a provider's name.
    #[error("there is no provider '{0}'; there are: {known}", known = ProviderName::known())]
    UnknownProvider(String),
}

impl UploadKey {
    /// Reads `uploads/<provider>/<preset>/<path…>`, or `uploads/<provider>/<file>` for the preset `default`.
    ///
    /// `key` is the true key: not percent-encoded as it stands in an S3 event.
    ///
    /// # Errors
    /// When the key lies elsewhere, names a folder, or names no provider of ours.
    pub fn parse(key: &str) -> Result<Self, UploadKeyError> {
        let rest = key.strip_prefix(UPLOADS_PREFIX).ok_or(UploadKeyError::NotAnUpload)?;
        let (provider, path) = rest.split_once('/').ok_or(UploadKeyError::Folder)?;
        let provider: ProviderName =
            provider.parse().map_err(|_| UploadKeyError::UnknownProvider(provider.to_owned()))?;
        if path.is_empty() || path.ends_with('/') {
            return Err(UploadKeyError::Folder);
        }
        if key.len() > LONGEST_KEY_BYTES {
            return Err(UploadKeyError::TooLong(key.len()));
        }
        let preset = path.split_once('/').map_or(DEFAULT_PRESET, |(preset, _)| preset);
        let route = Route::new(provider, preset).map_err(|_| UploadKeyError::InvalidPreset(preset.to_owned()))?;
        if let Some(part) = path.split('/').find(|part| matches!(*part, "." | "..")) {
            return Err(UploadKeyError::LeadsElsewhere(part.to_owned()));
        }
        Ok(Self { key: key.to_owned(), route })
    }

    /// The key for a file put by its name: `uploads/<provider>/<preset>/<file name>`.
    #[must_use]
    pub fn for_file(route: &Route, file_name: &str) -> Self {
        Self { key: format!("{UPLOADS_PREFIX}{route}/{file_name}"), route: route.clone() }
    }

    /// The whole key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.key
    }

    /// Which provider and preset the key asks for.
    #[must_use]
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// The upload's file name without its extension; never empty.
    #[must_use]
    pub fn stem(&self) -> &str {
        stem(&self.key)
    }

    /// The folder of the results, ending in `/`.
    #[must_use]
    pub fn result_folder(&self) -> String {
        let rest = self.key.strip_prefix(UPLOADS_PREFIX).unwrap_or(&self.key);
        format!("{RESULTS_PREFIX}{rest}/")
    }

    /// The key of a result with this name; the name is made safe.
    #[must_use]
    pub fn result(&self, file_name: &str) -> String {
        format!("{}{}", self.result_folder(), safe_file_name(file_name))
    }

    /// The key of the record of how the results came to be.
    #[must_use]
    pub fn job_document(&self) -> String {
        format!("{}job.json", self.result_folder())
    }
}

/// A key's file name without its extension; never empty for a key that names a file.
pub(super) fn stem(key: &str) -> &str {
    let name = key.rsplit('/').next().unwrap_or(key);
    match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_provider_preset_and_where_the_results_lie() {
        let key = UploadKey::parse("uploads/imgfactory/ten/2024/лето + 照片.final.jpg").unwrap();
        assert_eq!(key.route().to_string(), "imgfactory/ten");
        assert_eq!(key.stem(), "лето + 照片.final");
        assert_eq!(key.job_document(), "results/imgfactory/ten/2024/лето + 照片.final.jpg/job.json");
    }

    #[test]
    fn without_a_preset_the_default_is_meant() {
        assert_eq!(UploadKey::parse("uploads/watermark/a.jpg").unwrap().route().to_string(), "watermark/default");
    }

    #[test]
    fn what_is_no_upload_says_why() {
        assert_eq!(UploadKey::parse("results/watermark/a.jpg"), Err(UploadKeyError::NotAnUpload));
        assert_eq!(UploadKey::parse("uploads/watermark/"), Err(UploadKeyError::Folder));
        assert_eq!(UploadKey::parse("uploads/watermark/clean/"), Err(UploadKeyError::Folder));
        assert_eq!(UploadKey::parse("uploads/a.jpg"), Err(UploadKeyError::Folder));
        assert_eq!(UploadKey::parse("uploads/watermark//a.jpg"), Err(UploadKeyError::InvalidPreset(String::new())));
        assert_eq!(UploadKey::parse("uploads/watermark/../a.jpg"), Err(UploadKeyError::InvalidPreset("..".into())));
        for (key, part) in [("default/../a.jpg", ".."), ("clean/./a.jpg", "."), ("clean/..", ".."), ("..", "..")] {
            let refused = UploadKey::parse(&format!("uploads/watermark/{key}"));
            assert_eq!(refused, Err(UploadKeyError::LeadsElsewhere(part.into())));
        }
        UploadKey::parse("uploads/watermark/clean/..a/b...jpg").unwrap();
        let long = format!("uploads/watermark/{}.jpg", "x".repeat(900));
        assert_eq!(UploadKey::parse(&long), Err(UploadKeyError::TooLong(922)));
        assert_eq!(UploadKey::parse("uploads/nobody/a.jpg"), Err(UploadKeyError::UnknownProvider("nobody".into())));
    }

    #[test]
    fn a_hidden_file_keeps_its_name_as_stem() {
        assert_eq!(UploadKey::parse("uploads/watermark/.jpg").unwrap().stem(), ".jpg");
    }
}
