//! A minimal, plausible EXIF block for a copy. Says nothing true about any camera or photo.

use crate::pixels::random::Random;

const CAMERAS: [(&str, &str); 6] = [
    ("Canon", "Canon EOS 80D"),
    ("NIKON CORPORATION", "NIKON D7500"),
    ("SONY", "ILCE-6400"),
    ("samsung", "SM-G991B"),
    ("Apple", "iPhone 12"),
    ("Xiaomi", "Mi 10T"),
];

const TAG_MAKE: u16 = 0x010F;
const TAG_MODEL: u16 = 0x0110;
const TAG_DATE_TIME: u16 = 0x0132;

/// Which camera a block names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Camera {
    /// Any.
    Random,
    /// The one of this number, for all copies alike.
    Number(u64),
}

/// The block as it goes into a JPEG's APP1 segment, from the TIFF header on.
pub(crate) fn block(camera: Camera, random: &mut Random) -> Vec<u8> {
    let index = match camera {
        Camera::Random => random.below(CAMERAS.len()),
        Camera::Number(number) => usize::try_from(number).unwrap_or(0) % CAMERAS.len(),
    };
    let (make, model) = CAMERAS[index];
    let taken = format!(
        "20{:02}:{:02}:{:02} {:02}:{:02}:{:02}",
        18 + random.below(6),
        1 + random.below(12),
        1 + random.below(28),
        8 + random.below(12),
        random.below(60),
        random.below(60),
    );
    tiff(&[(TAG_MAKE, make), (TAG_MODEL, model), (TAG_DATE_TIME, &taken)])
}

/// A little-endian TIFF directory of texts. A short text sits in its entry, a longer one behind the directory.
fn tiff(texts: &[(u16, &str)]) -> Vec<u8> {
    const ASCII: u16 = 2;
    const HEADER_BYTES: usize = 8;
    const ENTRY_BYTES: usize = 12;
    let mut content = b"II\x2A\x00\x08\x00\x00\x00".to_vec();
    content.extend(short(texts.len()).to_le_bytes());
    let mut tail = Vec::new();
    let tail_start = HEADER_BYTES + 2 + texts.len() * ENTRY_BYTES + 4;
    for (tag, text) in texts {
        let mut value = text.as_bytes().to_vec();
        value.push(0);
        content.extend(tag.to_le_bytes());
        content.extend(ASCII.to_le_bytes());
        content.extend(long(value.len()).to_le_bytes());
        if value.len() <= 4 {
            value.resize(4, 0);
            content.extend(value);
        } else {
            content.extend(long(tail_start + tail.len()).to_le_bytes());
            tail.extend(value);
        }
    }
    content.extend(0_u32.to_le_bytes());
    content.extend(tail);
    content
}

fn short(value: usize) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

fn long(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_names_the_camera_and_points_inside_itself() {
        let block = block(Camera::Number(1), &mut Random::from_seed(3));
        let text = String::from_utf8_lossy(&block);
        assert!(text.contains("NIKON D7500\0"), "{text}");
        let offset = u32::from_le_bytes(block[18..22].try_into().unwrap()) as usize;
        assert_eq!(&block[offset..offset + 5], b"NIKON");
    }
}
