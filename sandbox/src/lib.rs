//! Faithful fakes of the outside image services, doing real image work.
//!
//! They are for the demo, for development and for tests: whoever talks to them must not be able to tell from the wire
//! that they are not the real thing, faults included. Each service has a folder of its own with the same file names.
//! This crate must not use anything of ours: a fake that shares code with the client shares its mistakes.

mod clock;
mod control;
pub mod credentials;
mod error;
mod fangtang;
mod faults;
mod files;
mod form;
mod hash;
mod imageban;
mod imgfactory;
mod ledger;
mod pixels;
mod settings;
mod vkcloud;
mod watermark;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use url::Url;

use crate::clock::Clock;
pub use crate::error::SandboxError;
pub use crate::faults::{
    FangtangFaults, FangtangSwitches, Faults, ImagebanFaults, ImagebanSwitches, ImgfactoryFaults, ImgfactorySwitches,
    Misbehaviour, Switches, VkcloudFaults, VkcloudSwitches, WatermarkFaults, WatermarkSwitches,
};
pub use crate::ledger::{Charge, Ledger};
pub use crate::settings::{Latency, Settings};

/// The fake services, with all that they keep. Clones share everything.
#[derive(Clone)]
pub struct Sandbox {
    shared: Arc<Shared>,
    imgfactory: Arc<imgfactory::Service>,
    watermark: Arc<watermark::Service>,
    fangtang: Arc<fangtang::Service>,
    vkcloud: Arc<vkcloud::Service>,
    imageban: Arc<imageban::Service>,
}

/// What every service needs of the sandbox.
struct Shared {
    public_url: Url,
    latency: Latency,
    clock: Clock,
    faults: Faults,
}

impl Shared {
    /// A URL below the public one.
    fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.public_url.clone();
        // `Sandbox::open` has refused URLs that cannot have a path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// How long work takes at the moment.
    fn latency(&self) -> Latency {
        self.faults.current_latency(self.latency)
    }
}

impl Sandbox {
    /// The services, by the names that they go by in paths, in the ledger and in [`Self::environment`].
    pub const PROVIDERS: [&str; 5] = ["imgfactory", "watermark", "fangtang", "vkcloud", "imageban"];

    /// Opens the sandbox over its folder and takes up what was left there.
    ///
    /// Unfinished imgfactory tasks and fangtang photos are begun anew if this is called inside a tokio runtime; otherwise they stay as they
    /// are until the next time.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read or written, or the public URL is not one that can have a path.
    pub fn open(settings: Settings) -> Result<Self, SandboxError> {
        let Settings { public_url, data_dir, latency } = settings;
        if public_url.cannot_be_a_base() {
            return Err(SandboxError::PublicUrl(public_url));
        }
        let shared = Arc::new(Shared { public_url, latency, clock: Clock::default(), faults: Faults::default() });
        let imgfactory = imgfactory::Service::open(Arc::clone(&shared), &data_dir.join("imgfactory"))?;
        let watermark = watermark::Service::open(Arc::clone(&shared), &data_dir.join("watermark"))?;
        let fangtang = fangtang::Service::open(Arc::clone(&shared), &data_dir.join("fangtang"))?;
        let vkcloud = vkcloud::Service::open(Arc::clone(&shared), &data_dir.join("vkcloud"))?;
        let imageban = imageban::Service::open(Arc::clone(&shared), &data_dir.join("imageban"))?;
        if tokio::runtime::Handle::try_current().is_ok() {
            imgfactory.resume();
            fangtang.resume();
        }
        Ok(Self { shared, imgfactory, watermark, fangtang, vkcloud, imageban })
    }

    /// All services, with paths relative to the public URL: `/imgfactory/…`, `/watermark/…` and so on.
    pub fn router(&self) -> Router {
        Router::new()
            .nest("/imgfactory", imgfactory::router(&self.imgfactory))
            .nest("/watermark", watermark::router(&self.watermark))
            .nest("/fangtang", fangtang::router(&self.fangtang))
            .nest("/vkcloud", vkcloud::router(&self.vkcloud))
            .nest("/imageban", imageban::router(&self.imageban))
    }

    /// The switches, the books and the clock over HTTP, to be mounted at `/control` by whoever wants that. It is open to
    /// everybody who reaches it.
    pub fn control_router(&self) -> Router {
        control::router(self.clone())
    }

    /// The environment variables that point a client at a fake service; none for a service that there is not.
    #[must_use]
    pub fn environment(&self, provider: &str) -> Vec<(&'static str, String)> {
        use crate::credentials as with;
        let url = |segments: &[&str]| self.shared.url(segments).to_string();
        match provider {
            "imgfactory" => vec![
                ("IMGFACTORY_URL", self.imgfactory_url().to_string()),
                ("IMGFACTORY_TOKEN", with::IMGFACTORY_TOKEN.to_owned()),
            ],
            "watermark" => vec![
                ("WATERMARK_URL", self.watermark_url().to_string()),
                ("WATERMARK_APP_ID", with::WATERMARK_APP_ID.to_owned()),
                ("WATERMARK_APP_SECRET", with::WATERMARK_APP_SECRET.to_owned()),
            ],
            "fangtang" => vec![
                ("FANGTANG_URL", url(&["fangtang"])),
                ("FANGTANG_THIRD_CODE", with::FANGTANG_THIRD_CODE.to_owned()),
                ("FANGTANG_SECRET_KEY", with::FANGTANG_SECRET_KEY.to_owned()),
            ],
            "vkcloud" => vec![
                ("VKCLOUD_URL", url(&["vkcloud", "api", "v1", "photo", "improve"])),
                ("VKCLOUD_AUTH_URL", url(&["vkcloud", "auth", "oauth", "v1", "token"])),
                ("VKCLOUD_CLIENT_ID", with::VKCLOUD_CLIENT_ID.to_owned()),
                ("VKCLOUD_CLIENT_SECRET", with::VKCLOUD_CLIENT_SECRET.to_owned()),
            ],
            "imageban" => vec![
                ("IMAGEBAN_URL", url(&["imageban", "v1"])),
                ("IMAGEBAN_CLIENT_ID", with::IMAGEBAN_CLIENT_ID.to_owned()),
                ("IMAGEBAN_SECRET_KEY", with::IMAGEBAN_SECRET_KEY.to_owned()),
            ],
            _ => Vec::new(),
        }
    }

    /// The base URL of imgfactory, as `IMGFACTORY_URL` takes it.
    #[must_use]
    pub fn imgfactory_url(&self) -> Url {
        self.shared.url(&["imgfactory", "api", "v1"])
    }

    /// The URL of watermark, as `WATERMARK_URL` takes it.
    #[must_use]
    pub fn watermark_url(&self) -> Url {
        self.shared.url(&["watermark", "access"])
    }

    /// The switches for faults. They work from the next request on.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// What has been asked and charged until now.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        let mut ledger = self.imgfactory.ledger();
        for service in [self.watermark.ledger(), self.fangtang.ledger(), self.vkcloud.ledger(), self.imageban.ledger()]
        {
            ledger.merge(service);
        }
        ledger
    }

    /// Makes the sandbox believe that so much more time has passed, so that links and caches run out.
    ///
    /// Waits already begun and the limit of requests per second keep to real time.
    pub fn advance_clock(&self, by: Duration) {
        self.shared.clock.advance(by);
    }
}
