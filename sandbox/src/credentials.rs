//! The credentials that the sandbox accepts. They open nothing but the sandbox, so they are no secrets.

/// The token for the `Authorization` header of imgfactory, sent bare.
pub const IMGFACTORY_TOKEN: &str = "sandboxImgfactoryTokenNotASecret0123456789abcdefghijklmnopqr";

/// The application's id at watermark: 16 letters and digits.
pub const WATERMARK_APP_ID: &str = "SandboxApp000001";

/// The application's secret at watermark: 32 characters. It goes into the signature and never travels.
pub const WATERMARK_APP_SECRET: &str = "sandbox-secret-not-for-real-use!";

/// The token for the `x-access-api-token` header of watermark: 32 lower-case hexadecimal characters.
pub const WATERMARK_TOKEN: &str = "5a4d80c5a4d80c5a4d80c5a4d80c0000";

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
    }
}
