//! What each service can be made to do wrong in its own way.

use serde::{Deserialize, Serialize};

use crate::faults::board::{Misbehaviour, Switches, take_one};

/// The switches of imgfactory.
pub type ImgfactoryFaults = Switches<ImgfactorySwitches>;
/// The switches of watermark.
pub type WatermarkFaults = Switches<WatermarkSwitches>;
/// The switches of fangtang.
pub type FangtangFaults = Switches<FangtangSwitches>;
/// The switches of vkcloud.
pub type VkcloudFaults = Switches<VkcloudSwitches>;
/// The switches of imageban.
pub type ImagebanFaults = Switches<ImagebanSwitches>;

/// How imgfactory's own switches stand.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ImgfactorySwitches {
    pub(crate) break_zip_entry: Option<usize>,
    pub(crate) refuse_payment: bool,
    pub(crate) hold_tasks: bool,
}

impl Misbehaviour for ImgfactorySwitches {
    const ERRORS: &'static [u16] = &[401, 402, 500];
}

impl ImgfactoryFaults {
    /// The entry with this number, counted from 0, has corrupted data in each zip made from now on: its checksum fails.
    pub fn break_zip_entry(&self, entry: Option<usize>) {
        self.change(|own| own.break_zip_entry = entry);
    }

    /// Every request is answered 402.
    pub fn refuse_payment(&self, on: bool) {
        self.change(|own| own.refuse_payment = on);
    }

    /// Tasks that have not begun stay PENDING.
    pub fn hold_tasks(&self, on: bool) {
        self.change(|own| own.hold_tasks = on);
    }
}

/// How watermark's own switches stand.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WatermarkSwitches {
    pub(crate) lose_callbacks: bool,
    pub(crate) double_callbacks: bool,
    pub(crate) server_error: bool,
    pub(crate) exhausted: bool,
}

impl Misbehaviour for WatermarkSwitches {
    /// The `httpCode`s, where 415 is the wrong type, and the `processStatus`es of failures.
    const ERRORS: &'static [u16] = &[400, 401, 403, 405, 413, 415, 429, 500, 503, 52001, 52002, 52003, 52004];
}

impl WatermarkFaults {
    /// Work is done and charged, but no callback is sent.
    pub fn lose_callbacks(&self, on: bool) {
        self.change(|own| own.lose_callbacks = on);
    }

    /// Every callback that is delivered is delivered a second time.
    pub fn double_callbacks(&self, on: bool) {
        self.change(|own| own.double_callbacks = on);
    }

    /// Every request is answered HTTP 500 with `httpCode` 500.
    pub fn server_error(&self, on: bool) {
        self.change(|own| own.server_error = on);
    }

    /// Every request that is signed well is answered `httpCode` 403, as when no usage is left.
    pub fn exhausted(&self, on: bool) {
        self.change(|own| own.exhausted = on);
    }
}

/// How fangtang's own switches stand.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FangtangSwitches {
    pub(crate) hold_tasks: bool,
}

impl Misbehaviour for FangtangSwitches {
    const ERRORS: &'static [u16] = &[500, 9001, 9002, 9005, 9006, 9009, 9101, 9999];
}

impl FangtangFaults {
    /// Work that has not begun stays at status 100.
    pub fn hold_tasks(&self, on: bool) {
        self.change(|own| own.hold_tasks = on);
    }
}

/// How vkcloud's own switches stand.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct VkcloudSwitches {
    pub(crate) already_good: bool,
    pub(crate) fail_next_images: u32,
    pub(crate) refuse_next_images: u32,
    pub(crate) refuse_tokens: bool,
}

impl Misbehaviour for VkcloudSwitches {
    const ERRORS: &'static [u16] = &[400, 401, 403, 500];
}

impl VkcloudFaults {
    /// Every picture counts as already good, so that none is improved.
    pub fn already_good(&self, on: bool) {
        self.change(|own| own.already_good = on);
    }

    /// The next `count` images come back with status 2, a temporary error.
    pub fn fail_next_images(&self, count: u32) {
        self.change(|own| own.fail_next_images = count);
    }

    /// The next `count` images come back with status 1, a permanent error.
    pub fn refuse_next_images(&self, count: u32) {
        self.change(|own| own.refuse_next_images = count);
    }

    /// Nobody gets a token.
    pub fn refuse_tokens(&self, on: bool) {
        self.change(|own| own.refuse_tokens = on);
    }

    pub(crate) fn take_failed_image(&self) -> bool {
        self.change(|own| take_one(&mut own.fail_next_images))
    }

    pub(crate) fn take_refused_image(&self) -> bool {
        self.change(|own| take_one(&mut own.refuse_next_images))
    }
}

/// How imageban's own switches stand: it has none but the general ones.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ImagebanSwitches {}

impl Misbehaviour for ImagebanSwitches {
    const ERRORS: &'static [u16] = &[100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110];
}
