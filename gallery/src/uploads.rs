//! Where uploads from the gallery go. Each goes into a folder of its own, so that a file which is called as an earlier one
//! never takes the place of that one's results.

use std::time::Duration;

use darkroom_shared::{
    flow::App,
    job::{Route, UploadKey, safe_file_name},
    store::StoreError,
};
use secrecy::ExposeSecret as _;

use crate::problem::Problem;

/// A browser has this long to begin putting a file.
const LIFE: Duration = Duration::from_secs(900);

/// A key for a new upload of a file with this name: `uploads/<route>/<day>/<time and chance>/<name>`.
pub(crate) fn new_key(app: &App, route: &str, file_name: &str) -> Result<UploadKey, Problem> {
    let route: Route = route.parse().map_err(|_| Problem::NoSuchPreset(route.to_owned()))?;
    if app.presets.plan(&route).is_none() {
        return Err(Problem::NoSuchPreset(route.to_string()));
    }
    let now = app.clock.now();
    let chance = uuid::Uuid::new_v4().simple().to_string();
    let folder = format!("{}/{}-{}", now.strftime("%Y-%m-%d"), now.strftime("%H%M%S"), chance.get(..12).unwrap_or("0"));
    let name = safe_file_name(file_name.rsplit(['/', '\\']).next().unwrap_or(file_name));
    let key = UploadKey::for_file(&route, &format!("{folder}/{name}"));
    UploadKey::parse(key.as_str()).map_err(|problem| Problem::WrongRequest(problem.to_string()))
}

/// An address to which the browser puts the file itself.
pub(crate) async fn address(app: &App, key: &UploadKey) -> Result<String, StoreError> {
    Ok(app.objects.presigned_upload(key.as_str(), LIFE).await?.expose_secret().to_owned())
}
