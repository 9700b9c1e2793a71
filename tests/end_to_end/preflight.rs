//! What cannot be is refused in words before any service is asked, or made to fit where the preset says so.

use image::{DynamicImage, Frame, ImageFormat, Rgba, RgbaImage, codecs::gif::GifEncoder};

use crate::providers::QUICK;
use crate::world::{CAT, Outside, World, darkroom, dimensions, text};

fn encoded(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let shade = |place: u32| u8::try_from(place % 256).unwrap();
    let picture = image::RgbImage::from_fn(width, height, |x, y| image::Rgb([shade(x), shade(y), 128]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(picture).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn animated_gif() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    for shade in [0, 200] {
        encoder.encode_frame(Frame::new(RgbaImage::from_pixel(32, 32, Rgba([shade, 0, 0, 255])))).unwrap();
    }
    drop(encoder);
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_beyond_the_limits_is_refused_before_any_service_is_asked() {
    let outside = Outside::open(QUICK).await;
    let serve = World::new().with_providers(&outside).serve();
    let cases = [
        ("uploads/vkcloud/wide.png", encoded(4001, 10, ImageFormat::Png), ["4001×10", "3840×2160"]),
        ("uploads/vkcloud/tiny.png", encoded(4, 4, ImageFormat::Png), ["4×4", "5×5"]),
        ("uploads/imageban/scan.tiff", encoded(64, 64, ImageFormat::Tiff), ["image/tiff", "jpg, png, gif"]),
        ("uploads/vkcloud/moving.gif", animated_gif(), ["animated image/gif", "still"]),
        ("uploads/imgfactory/moving.gif", animated_gif(), ["animated image/gif", "still"]),
        ("uploads/fangtang/moving.gif", animated_gif(), ["animated image/gif", "still"]),
        ("uploads/watermark/moving.gif", animated_gif(), ["animated image/gif", "still"]),
        ("uploads/watermark/photo.webp", encoded(64, 64, ImageFormat::WebP), ["image/webp", "jpg, png, bmp"]),
        ("uploads/imageban/large.png", [CAT, &vec![0; 11_000_000]].concat(), ["10485760", "smaller"]),
    ];
    for (upload, body, _) in &cases {
        serve.put(upload, body).await;
    }
    for (upload, _, words) in cases {
        let document = serve.ended(upload).await;
        assert_eq!(document["reason"]["kind"], "unsuitable_image", "{document:#}");
        let message = document["reason"]["message"].as_str().unwrap();
        for word in [upload, "fit = true"].iter().chain(&words) {
            assert!(message.contains(word), "'{word}' is not in: {message}");
        }
    }
    assert!(outside.sandbox.ledger().requests.is_empty(), "{:?}", outside.sandbox.ledger().requests);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_fit_the_same_images_are_made_to_fit_and_the_record_says_so() {
    let config = "[vkcloud.fit]\nfit = true\n[imageban.fit]\nfit = true\n[watermark.fit]\nfit = true\n\
                  [imgfactory.fit]\nfit = true\ncopies = 1\n";
    let outside = Outside::open(QUICK).await;
    let serve = World::new().with_providers(&outside).with_config(config).serve();
    let cases = [
        ("uploads/vkcloud/fit/wide.png", encoded(4001, 100, ImageFormat::Png), "image/png 4001×100"),
        ("uploads/imageban/fit/scan.tiff", encoded(64, 64, ImageFormat::Tiff), "became image/png 64×64"),
        ("uploads/watermark/fit/moving.gif", animated_gif(), "animated image/gif"),
        ("uploads/imgfactory/fit/moving.gif", animated_gif(), "animated image/gif"),
    ];
    for (upload, body, _) in &cases {
        serve.put(upload, body).await;
    }
    for (upload, body, words) in cases {
        let (document, outputs) = serve.done(upload).await;
        let warnings = document["steps"][0]["warnings"].to_string();
        assert!(warnings.contains(words), "'{words}' is not in {warnings}");
        assert_eq!(document["upload"]["bytes"], body.len(), "what was uploaded is told as it was");
        if upload.starts_with("uploads/imageban") {
            let link = document["steps"][0]["links"][0]["link"].as_str().unwrap();
            let hosted = reqwest::get(link).await.unwrap().bytes().await.unwrap();
            assert_eq!(dimensions(&hosted), (64, 64));
            assert_eq!(outputs[0].1, body, "hosting passes its input on as it is");
        }
    }
}

/// Each of the wrong presets: refused at start by `serve` and by `check`, with the line and what would be right.
#[test]
fn wrong_presets_stop_the_start_with_words() {
    let cases = [
        ("[vkcloud.x]\ncopies = 3\n", vec!["line 2", "'copies' is no option of vkcloud", "one of imgfactory"]),
        ("[vkcloud.x]\nmode = \"resolution\"\nrfactor = 3\nrtype = \"photo\"\n", vec!["line 3", "2 or 4"]),
        ("[fangtang.x]\nrepair_type = \"bg\"\n", vec!["line 1", "rgb"]),
        ("[imgfactory.x]\nexif = \"own\"\n", vec!["line 1", "self_exif_id"]),
        (
            "[watermark.x]\nwatermark_names = [{ value = \"a\" }]\nexclude_keywords = [{ value = \"b\" }]\n",
            vec!["line 1", "exclude each other"],
        ),
        ("[watermark.x]\nthen = [\"vkcloud.y\"]\n[vkcloud.y]\nthen = [\"watermark.x\"]\n", vec!["line 2", "loops"]),
        ("[imageban.x]\nauth = \"guest\"\nalbum = \"srXiv43\"\n", vec!["line 1", "album", "account"]),
    ];
    for (config, words) in cases {
        let world = World::new().with_config(config);
        for command in ["serve", "check"] {
            let mut refused = darkroom();
            refused.arg(command).arg("--config").arg(world.folder.path().join("darkroom.toml"));
            if command == "serve" {
                refused.args(["--s3", "127.0.0.1:0", "--http", "127.0.0.1:0", "--dynamodb", "127.0.0.1:0"]);
                refused.arg("--data").arg(world.data());
            }
            let output = refused.output().unwrap();
            assert_eq!(output.status.code(), Some(2), "{config}");
            let told = text(&output.stderr);
            for word in &words {
                assert!(told.contains(word), "{command}: '{word}' is not in: {told}");
            }
        }
    }
}

#[test]
fn an_album_for_a_guest_account_is_refused_at_start() {
    let world = World::new().with_config("[imageban.shop]\nalbum = \"srXiv43\"\n");
    let mut serve = darkroom();
    serve.args(["serve", "--s3", "127.0.0.1:0", "--http", "127.0.0.1:0", "--dynamodb", "127.0.0.1:0"]);
    serve.arg("--data").arg(world.data()).arg("--config").arg(world.folder.path().join("darkroom.toml"));
    let output = serve.env("IMAGEBAN_CLIENT_ID", "guest").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(told.contains("[imageban.shop]") && told.contains("IMAGEBAN_SECRET_KEY"), "{told}");
}
