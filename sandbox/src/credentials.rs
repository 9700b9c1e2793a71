//! The credentials that the sandbox accepts. They open nothing but the sandbox, so they are no secrets.

/// The token for the `Authorization` header of imgfactory, sent bare.
pub const IMGFACTORY_TOKEN: &str = "sandboxImgfactoryTokenNotASecret0123456789abcdefghijklmnopqr";

/// The application's id at watermark: 16 letters and digits.
pub const WATERMARK_APP_ID: &str = "SandboxApp000001";

/// The application's secret at watermark: 32 characters. It goes into the signature and never travels.
pub const WATERMARK_APP_SECRET: &str = "sandbox-secret-not-for-real-use!";

/// The token for the `x-access-api-token` header of watermark: 32 lower-case hexadecimal characters.
pub const WATERMARK_TOKEN: &str = "5a4d80c5a4d80c5a4d80c5a4d80c0000";

/// The third party's code at fangtang; it goes into every form.
pub const FANGTANG_THIRD_CODE: &str = "darkroomsandbox";

/// The third party's key at fangtang. It goes into the token and never travels.
pub const FANGTANG_SECRET_KEY: &str = "sandboxFangtangKeyNotASecret";

/// A service token of vkcloud: it never expires.
pub const VKCLOUD_TOKEN: &str = "sandboxVkcloudServiceTokenNotASecret0123456789abcd";

/// The OAuth client's id at vkcloud.
pub const VKCLOUD_CLIENT_ID: &str = "mcs0000000000.ml.vision.sandbox000001";

/// The OAuth client's secret at vkcloud, for getting tokens.
pub const VKCLOUD_CLIENT_SECRET: &str = "sandboxVkcloudClientSecretNotASecret0123456789";

/// The client's id at imageban, for uploads as a guest: 20 letters and digits.
pub const IMAGEBAN_CLIENT_ID: &str = "SandboxGuest00000001";

/// The account's key at imageban: 35 letters and digits.
pub const IMAGEBAN_SECRET_KEY: &str = "SandboxImagebanKeyNotASecret0000001";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_have_the_documented_lengths() {
        assert_eq!(IMGFACTORY_TOKEN.len(), 60);
        assert_eq!(WATERMARK_APP_ID.len(), 16);
        assert!(WATERMARK_APP_ID.chars().all(|c| c.is_ascii_alphanumeric()));
        assert_eq!(WATERMARK_APP_SECRET.len(), 32);
        assert_eq!(WATERMARK_TOKEN.len(), 32);
        assert_eq!((IMAGEBAN_CLIENT_ID.len(), IMAGEBAN_SECRET_KEY.len()), (20, 35));
    }
}
