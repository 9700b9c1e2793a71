//! What a file is, by its content: format, pixels, size, hash. Nothing is decoded and no name is believed.

use std::{io::Read as _, path::Path};

use imagesize::ImageType;
use sha2::{Digest as _, Sha256};

use crate::job::ImageFormat;

/// A file that is an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// Its format.
    pub format: ImageFormat,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Its size.
    pub bytes: u64,
    /// Lower-case hexadecimal.
    pub sha256: String,
}

/// A file that is no image, or none that darkroom knows.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The first bytes are those of no image.
    #[error("its first bytes are those of no image")]
    NoImage,
    /// Something else that can be named, such as a web page.
    #[error("it is {0} and no image")]
    SomethingElse(&'static str),
    /// An image of another kind.
    #[error("it is an image of a kind that no provider takes")]
    UnknownFormat,
    /// The head breaks off.
    #[error("its head is damaged")]
    Damaged,
    /// The file could not be read.
    #[error("it could not be read: {0}")]
    Unreadable(#[from] std::io::Error),
}

/// Inspects an image in memory.
///
/// # Errors
/// When it is no image that darkroom knows.
pub fn inspect_bytes(bytes: &[u8]) -> Result<Inspected, InspectError> {
    let format = format(bytes)?;
    let (width, height) = pixels(imagesize::blob_size(bytes))?;
    Ok(Inspected { format, width, height, bytes: bytes.len() as u64, sha256: hex::encode(Sha256::digest(bytes)) })
}

/// Inspects an image on disk, without holding it in memory.
///
/// # Errors
/// When it cannot be read or is no image that darkroom knows.
pub fn inspect_file(path: &Path) -> Result<Inspected, InspectError> {
    let mut file = std::fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut format_found = None;
    let mut bytes = 0_u64;
    loop {
        let read = file.read(&mut buffer)?;
        let chunk = buffer.get(..read).unwrap_or_default();
        if chunk.is_empty() {
            break;
        }
        if format_found.is_none() {
            format_found = Some(format(chunk)?);
        }
        hash.update(chunk);
        bytes += read as u64;
    }
    let format = format_found.ok_or(InspectError::NoImage)?;
    let (width, height) = pixels(imagesize::size(path))?;
    Ok(Inspected { format, width, height, bytes, sha256: hex::encode(hash.finalize()) })
}

fn format(head: &[u8]) -> Result<ImageFormat, InspectError> {
    let no_image = |_| something_else(head).map_or(InspectError::NoImage, InspectError::SomethingElse);
    match imagesize::image_type(head).map_err(no_image)? {
        ImageType::Jpeg => Ok(ImageFormat::Jpeg),
        ImageType::Png => Ok(ImageFormat::Png),
        ImageType::Bmp => Ok(ImageFormat::Bmp),
        ImageType::Gif => Ok(ImageFormat::Gif),
        ImageType::Tiff => Ok(ImageFormat::Tiff),
        ImageType::Webp => Ok(ImageFormat::Webp),
        _ => Err(InspectError::UnknownFormat),
    }
}

/// What servers send in place of a file, told by its first bytes.
pub(super) fn something_else(head: &[u8]) -> Option<&'static str> {
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
    match head {
        [b'<', b'!' | b'?' | b'a'..=b'z' | b'A'..=b'Z', ..] => Some("a web page or other markup"),
        [b'{', b'"' | b' ' | b'\n' | b'\r' | b'\t' | b'}', ..] => Some("JSON text"),
        [b'P', b'K', 3, 4, ..] => Some("a zip"),
        [0x1F, 0x8B, ..] => Some("packed with gzip"),
        _ => None,
    }
}

fn pixels(size: imagesize::ImageResult<imagesize::ImageSize>) -> Result<(u32, u32), InspectError> {
    let size = size.map_err(|_| InspectError::Damaged)?;
    match (u32::try_from(size.width), u32::try_from(size.height)) {
        (Ok(width), Ok(height)) if width > 0 && height > 0 => Ok((width, height)),
        _ => Err(InspectError::Damaged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x05\0\0\0\x03\x08\x02\0\0\0";

    #[test]
    fn content_tells_format_and_pixels_in_memory_and_on_disk() {
        let in_memory = inspect_bytes(PNG).unwrap();
        assert_eq!((in_memory.format, in_memory.width, in_memory.height), (ImageFormat::Png, 5, 3));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), PNG).unwrap();
        assert_eq!(inspect_file(file.path()).unwrap(), in_memory);
    }

    #[test]
    fn a_text_by_the_name_of_an_image_is_none() {
        assert!(matches!(inspect_bytes(b"Hello, I am a photo."), Err(InspectError::NoImage)));
        assert!(matches!(inspect_bytes(b""), Err(InspectError::NoImage)));
        assert!(inspect_bytes(&PNG[..12]).is_err());
    }

    #[test]
    fn what_servers_send_in_place_of_an_image_is_named() {
        for (head, expected) in [
            ("\u{FEFF}\n <!DOCTYPE html><html>", "it is a web page or other markup and no image"),
            ("<html><body>404", "it is a web page or other markup and no image"),
            ("{\"error\": 1}", "it is JSON text and no image"),
            ("PK\u{3}\u{4}..", "it is a zip and no image"),
            ("{}", "it is JSON text and no image"),
            ("< 5", "its first bytes are those of no image"),
        ] {
            assert_eq!(inspect_bytes(head.as_bytes()).unwrap_err().to_string(), expected, "{head}");
        }
    }
}
