//! Unique copies: the same picture to a person, other pixels to a machine.

use image::{Rgb, RgbImage, imageops};

use crate::pixels::random::Random;
use crate::pixels::{as_float, to_byte, to_index};

/// A range to pick from, both ends included.
pub(crate) type Span = (f32, f32);

/// Which sides a crop takes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CropSide {
    One,
    Two,
    All,
    Random,
}

/// What may be done to a copy. `None` leaves that property alone.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Recipe {
    /// Degrees, clockwise.
    pub(crate) rotate: Option<Span>,
    /// Per cent of the width or height.
    pub(crate) crop: Option<(CropSide, Span)>,
    /// Per cent of what it was.
    pub(crate) saturation: Option<Span>,
    /// Per cent of what it was.
    pub(crate) brightness: Option<Span>,
    /// Per cent more than it was.
    pub(crate) contrast: Option<Span>,
    pub(crate) flip_horizontally: bool,
    pub(crate) flip_vertically: bool,
}

/// Makes one copy.
pub(crate) fn copy(image: &RgbImage, recipe: &Recipe, random: &mut Random) -> RgbImage {
    let mut copy = match recipe.rotate {
        Some(span) => rotated(image, pick(span, random)),
        None => image.clone(),
    };
    if let Some((side, span)) = recipe.crop {
        copy = cropped(&copy, side, span, random);
    }
    if recipe.flip_horizontally {
        imageops::flip_horizontal_in_place(&mut copy);
    }
    if recipe.flip_vertically {
        imageops::flip_vertical_in_place(&mut copy);
    }
    recolour(&mut copy, recipe, random);
    shimmer(&mut copy, random);
    copy
}

fn pick((min, max): Span, random: &mut Random) -> f32 {
    random.between(min, max)
}

/// Turns the image and zooms in just so far that no empty corner shows. The size stays.
fn rotated(image: &RgbImage, degrees: f32) -> RgbImage {
    let (width, height) = (as_float(image.width()), as_float(image.height()));
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let across = width * cosine.abs() + height * sine.abs();
    let down = width * sine.abs() + height * cosine.abs();
    let zoom = (width / across).min(height / down);
    let (middle_x, middle_y) = ((width - 1.0) / 2.0, (height - 1.0) / 2.0);
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let right = (as_float(x) - middle_x) * zoom;
        let below = (as_float(y) - middle_y) * zoom;
        let from_x = middle_x + right * cosine + below * sine;
        let from_y = middle_y - right * sine + below * cosine;
        sample(image, from_x, from_y)
    })
}

/// The colour between the four nearest pixels; the edge goes on outside.
fn sample(image: &RgbImage, x: f32, y: f32) -> Rgb<u8> {
    let x = x.clamp(0.0, as_float(image.width() - 1));
    let y = y.clamp(0.0, as_float(image.height() - 1));
    let (left, top) = (to_index(x), to_index(y));
    let right = (left + 1).min(image.width() - 1);
    let bottom = (top + 1).min(image.height() - 1);
    let (share_x, share_y) = (x - as_float(left), y - as_float(top));
    let corners = [(left, top), (right, top), (left, bottom), (right, bottom)]
        .map(|(x, y)| image.get_pixel(x, y).0.map(f32::from));
    let mut colour = [0; 3];
    for (channel, value) in colour.iter_mut().enumerate() {
        let upper = corners[0][channel] + (corners[1][channel] - corners[0][channel]) * share_x;
        let lower = corners[2][channel] + (corners[3][channel] - corners[2][channel]) * share_x;
        *value = to_byte(upper + (lower - upper) * share_y);
    }
    Rgb(colour)
}

/// Cuts strips off the sides. The four sides are left, right, top and bottom.
fn cropped(image: &RgbImage, side: CropSide, span: Span, random: &mut Random) -> RgbImage {
    let side = match side {
        CropSide::Random => [CropSide::One, CropSide::Two, CropSide::All][random.below(3)],
        side => side,
    };
    let mut cut = [false; 4];
    match side {
        CropSide::One => cut[random.below(4)] = true,
        CropSide::Two => {
            let first = random.below(4);
            cut[first] = true;
            cut[(first + 1 + random.below(3)) % 4] = true;
        }
        CropSide::All | CropSide::Random => cut = [true; 4],
    }
    let (width, height) = (image.width(), image.height());
    let mut strip = |index: usize, length: u32| {
        let share = pick(span, random) / 100.0;
        if cut[index] { to_index(as_float(length) * share) } else { 0 }
    };
    let (left, right) = (strip(0, width), strip(1, width));
    let (top, bottom) = (strip(2, height), strip(3, height));
    let rest_width = width.saturating_sub(left + right).max(1);
    let rest_height = height.saturating_sub(top + bottom).max(1);
    imageops::crop_imm(image, left.min(width - rest_width), top.min(height - rest_height), rest_width, rest_height)
        .to_image()
}

/// Saturation, brightness and contrast in one pass.
fn recolour(image: &mut RgbImage, recipe: &Recipe, random: &mut Random) {
    let mut share = |span: Option<Span>, base: f32| span.map_or(1.0, |span| (base + pick(span, random)) / 100.0);
    let saturation = share(recipe.saturation, 0.0);
    let brightness = share(recipe.brightness, 0.0);
    let contrast = share(recipe.contrast, 100.0);
    if recipe.saturation.or(recipe.brightness).or(recipe.contrast).is_none() {
        return;
    }
    for pixel in image.pixels_mut() {
        let [red, green, blue] = pixel.0.map(f32::from);
        let grey = 0.299 * red + 0.587 * green + 0.114 * blue;
        pixel.0 = [red, green, blue].map(|value| {
            let vivid = grey + (value - grey) * saturation;
            to_byte((vivid * brightness - 128.0) * contrast + 128.0)
        });
    }
}

/// Moves small cells of the image by one step of brightness, up or down.
///
/// Nobody sees it, it outlives JPEG, and it makes copies differ even where every property was left alone.
fn shimmer(image: &mut RgbImage, random: &mut Random) {
    const CELL: u32 = 8;
    let columns = image.width().div_ceil(CELL) as usize;
    let mut row = Vec::new();
    for y in 0..image.height() {
        if y % CELL == 0 {
            row = (0..columns).map(|_| random.below(3)).collect();
        }
        for x in 0..image.width() {
            let pixel = image.get_pixel_mut(x, y);
            match row[(x / CELL) as usize] {
                0 => pixel.0 = pixel.0.map(|value| value.saturating_sub(1)),
                1 => pixel.0 = pixel.0.map(|value| value.saturating_add(1)),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixels::testing::landscape;
    use crate::pixels::{decode, encode_jpeg};

    #[test]
    fn copies_differ_even_when_everything_is_off() {
        let image = landscape(80, 60, 3);
        let mut random = Random::from_seed(1);
        let recipe = Recipe::default();
        let [first, second] =
            [(), ()].map(|()| decode(&encode_jpeg(&copy(&image, &recipe, &mut random), None).unwrap()).unwrap());
        assert_eq!(first.dimensions(), image.dimensions());
        assert_ne!(first, second);
    }

    #[test]
    fn rotation_leaves_no_empty_corner() {
        let image = RgbImage::from_pixel(120, 80, Rgb([200, 180, 160]));
        for degrees in [-30.0, -2.0, 1.5, 45.0, 90.0] {
            let turned = rotated(&image, degrees);
            assert!(turned.pixels().all(|pixel| *pixel == Rgb([200, 180, 160])), "{degrees}");
        }
    }

    #[test]
    fn flip_mirrors() {
        let mut image = RgbImage::from_pixel(16, 16, Rgb([10, 10, 10]));
        image.put_pixel(0, 0, Rgb([250, 250, 250]));
        let recipe = Recipe { flip_horizontally: true, ..Recipe::default() };
        let flipped = copy(&image, &recipe, &mut Random::from_seed(2));
        assert!(flipped.get_pixel(15, 0)[0] > 200);
    }

    #[test]
    fn crop_takes_the_share_asked_for() {
        let image = landscape(200, 100, 3);
        let mut random = Random::from_seed(5);
        let recipe = Recipe { crop: Some((CropSide::All, (10.0, 10.0))), ..Recipe::default() };
        assert_eq!(copy(&image, &recipe, &mut random).dimensions(), (160, 80));
        let recipe = Recipe { crop: Some((CropSide::One, (10.0, 10.0))), ..Recipe::default() };
        let (width, height) = copy(&image, &recipe, &mut random).dimensions();
        assert!((width, height) == (180, 100) || (width, height) == (200, 90));
    }

    #[test]
    fn brightness_and_saturation_follow_the_percentages() {
        let image = RgbImage::from_pixel(16, 16, Rgb([100, 50, 50]));
        let mut brighter = image.clone();
        let recipe = Recipe { brightness: Some((110.0, 110.0)), ..Recipe::default() };
        recolour(&mut brighter, &recipe, &mut Random::from_seed(1));
        assert_eq!(*brighter.get_pixel(0, 0), Rgb([110, 55, 55]));
        let mut grey = image;
        let recipe = Recipe { saturation: Some((0.0, 0.0)), ..Recipe::default() };
        recolour(&mut grey, &recipe, &mut Random::from_seed(1));
        assert_eq!(*grey.get_pixel(0, 0), Rgb([65, 65, 65]));
    }
}
