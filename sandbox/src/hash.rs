//! The one hash that the services sign and name with. Not for anything that must withstand an attacker.

use md5::{Digest, Md5};

/// The md5 of some content in lower-case hexadecimal.
pub(crate) fn md5_hex(content: &[u8]) -> String {
    Md5::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_is_written_as_everybody_does() {
        assert_eq!(md5_hex(b"abc"), "900150983cd24fb0d6963f7d28e17f72");
    }
}
