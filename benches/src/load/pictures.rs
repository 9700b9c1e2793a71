//! Pictures of exactly 100 KB of which no two are alike: a photo with its number, and padding, in JPEG comments.

use axum::body::Bytes;

/// The size of a picture.
pub(crate) const PICTURE_BYTES: usize = 100_000;
/// The photo that they all are.
const PHOTO: &[u8] = include_bytes!("../../../cli/samples/cat.jpg");
/// What stands before the number.
const MARK: &[u8] = b"picture number ";
const DIGITS: usize = 8;
/// A picture's number stands in the first so many bytes of a form that begins with it.
const SEARCHED_BYTES: usize = 2048;
/// The most that fits into one comment.
const MOST_COMMENT_BYTES: usize = 65_533;
/// The marker of a comment and its length.
const COMMENT_HEAD_BYTES: usize = 4;

/// The picture with this number.
pub(crate) fn picture(number: u64) -> Bytes {
    let (head, rest) = PHOTO.split_at(after_first_segment());
    let mut picture = Vec::with_capacity(PICTURE_BYTES);
    picture.extend_from_slice(head);
    comment(&mut picture, &[MARK, format!("{number:0DIGITS$}").as_bytes()].concat());
    loop {
        let missing = PICTURE_BYTES.saturating_sub(picture.len() + rest.len());
        if missing <= COMMENT_HEAD_BYTES {
            break;
        }
        // Never all but a few bytes: they would have no room for a head.
        let most = if missing > MOST_COMMENT_BYTES { MOST_COMMENT_BYTES / 2 } else { MOST_COMMENT_BYTES };
        comment(&mut picture, &vec![b' '; (missing - COMMENT_HEAD_BYTES).min(most)]);
    }
    picture.extend_from_slice(rest);
    picture.into()
}

/// The number of the picture that a form begins with.
pub(super) fn number_of(form: &[u8]) -> Option<u64> {
    let form = form.get(..form.len().min(SEARCHED_BYTES))?;
    let place = form.windows(MARK.len()).position(|window| window == MARK)? + MARK.len();
    std::str::from_utf8(form.get(place..place + DIGITS)?).ok()?.parse().ok()
}

/// Where the photo's first segment, which says what kind of JPEG it is, ends.
fn after_first_segment() -> usize {
    let length = PHOTO.get(4..6).and_then(|bytes| bytes.try_into().ok()).map_or(0, u16::from_be_bytes);
    4 + usize::from(length)
}

fn comment(picture: &mut Vec<u8>, text: &[u8]) {
    let length = u16::try_from(text.len() + 2).unwrap_or(u16::MAX);
    picture.extend_from_slice(&[0xff, 0xfe]);
    picture.extend_from_slice(&length.to_be_bytes());
    picture.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_its_size_and_its_number() {
        let picture = picture(4711);
        assert_eq!((picture.len(), number_of(&picture)), (PICTURE_BYTES, Some(4711)));
    }
}
