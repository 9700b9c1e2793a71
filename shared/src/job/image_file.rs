//! Image formats as their content tells them, and file names that are safe to keep.

use serde::{Deserialize, Serialize};

/// The formats that darkroom tells apart by content. Names of files and headers are never believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageFormat {
    /// JPEG
    Jpeg,
    /// PNG
    Png,
    /// Windows bitmap
    Bmp,
    /// GIF
    Gif,
    /// TIFF
    Tiff,
    /// WebP
    Webp,
}

impl ImageFormat {
    /// The extension that files of this format carry, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Bmp => "bmp",
            Self::Gif => "gif",
            Self::Tiff => "tiff",
            Self::Webp => "webp",
        }
    }

    /// The media type, for `Content-Type`.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Bmp => "image/bmp",
            Self::Gif => "image/gif",
            Self::Tiff => "image/tiff",
            Self::Webp => "image/webp",
        }
    }
}

/// The last part of `name`, with everything that a file system or a shell could trip over replaced by `_`.
///
/// A provider's file name is a stranger's text: it may hold `../`, a drive, control characters or nothing at all.
/// The result has at most 180 bytes, and made safe again it stays as it is; the extension survives, and of a long name the beginning and the end, where numbers
/// stand that tell it from others.
#[must_use]
pub fn safe_file_name(name: &str) -> String {
    const MOST_BYTES: usize = 180;
    const TAIL_BYTES: usize = 40;
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let cleaned: String = last
        .chars()
        .map(|c| if c.is_control() || matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*') { '_' } else { c })
        .collect();
    // Together: behind a dot there may be a space, and behind that a dot.
    let cleaned = cleaned.trim_start_matches(|c: char| c == '.' || c.is_whitespace()).trim_end();
    if cleaned.is_empty() {
        return "image".to_owned();
    }
    if cleaned.len() <= MOST_BYTES {
        return cleaned.to_owned();
    }
    let (stem, extension) = cleaned.rsplit_once('.').unwrap_or((cleaned, ""));
    let extension: String = extension.chars().take(10).filter(char::is_ascii).collect();
    let head_bytes = MOST_BYTES - TAIL_BYTES - extension.len() - 2;
    let head = stem.get(..stem.floor_char_boundary(head_bytes)).unwrap_or(stem);
    let tail = stem.get(stem.ceil_char_boundary(stem.len().saturating_sub(TAIL_BYTES))..).unwrap_or_default();
    let stem = format!("{head}~{tail}");
    let name = if extension.is_empty() { stem } else { format!("{stem}.{extension}") };
    name.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_made_safe_stays_as_it_is_when_made_safe_again() {
        let long = "x".repeat(200);
        for name in [
            ". a.png",
            " . .a.png ",
            ". ",
            "\u{a0}.\u{a0}a",
            &format!("{long}.jpg      xx"),
            &format!("{long} .яяяяяяяяяя"),
        ] {
            let safe = safe_file_name(name);
            assert_eq!(safe_file_name(&safe), safe, "{name:?}");
            assert!(safe.trim() == safe && !safe.starts_with('.'), "{safe:?}");
        }
        assert_eq!(safe_file_name(". a.png"), "a.png");
    }

    #[test]
    fn names_of_strangers_are_made_safe() {
        assert_eq!(safe_file_name("copy 1.jpg"), "copy 1.jpg");
        assert_eq!(safe_file_name("../../etc/passwd"), "passwd");
        assert_eq!(safe_file_name("C:\\x\\фото+照片.jpg"), "фото+照片.jpg");
        assert_eq!(safe_file_name("a\u{0}b?.jpg"), "a_b_.jpg");
        assert_eq!(safe_file_name(".."), "image");
        assert_eq!(safe_file_name(""), "image");
        let long = safe_file_name(&format!("{}.jpeg", "я".repeat(500)));
        assert!(long.ends_with(".jpeg") && long.len() <= 180);
        let numbered = |number: u32| safe_file_name(&format!("{}_{number}.jpg", "я".repeat(100)));
        assert_ne!(numbered(1), numbered(2), "what tells copies apart survives");
        assert_eq!(safe_file_name(&numbered(1)), numbered(1));
    }
}
