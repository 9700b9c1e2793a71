//! What each service does, as a person sees it: the pictures, the notes, the waits.

use std::{collections::BTreeSet, time::Duration};

use darkroom_sandbox::{Latency, credentials};
use serde_json::Value;

use crate::world::{CAT, COFFEE, Outside, PORTRAIT, ROCKET, Serve, World, dimensions, picture, text};

pub(crate) const QUICK: Latency =
    Latency { imgfactory_ms_per_copy: 10, watermark_ms: 50, fangtang_ms: 50, vkcloud_ms: 20, imageban_ms: 10 };

fn colours(bytes: &[u8]) -> usize {
    let picture = image::load_from_memory(bytes).unwrap().to_rgb8();
    picture.pixels().filter(|pixel| pixel.0.iter().max().unwrap() - pixel.0.iter().min().unwrap() > 24).count()
}

fn warnings(document: &Value) -> String {
    document["steps"][0]["warnings"].to_string()
}

async fn job_of(serve: &Serve, upload: &str) -> Option<Value> {
    let jobs: Value = serde_json::from_slice(&serve.run(&["jobs", "--json"]).stdout).unwrap();
    jobs.as_array().unwrap().iter().find(|job| job["upload"]["key"] == upload).cloned()
}

#[tokio::test(flavor = "multi_thread")]
async fn fangtang_enlarges_repairs_colours_and_changes_backgrounds() {
    let config = "[fangtang.repair]\nrepair_type = \"sr,repair\"\n[fangtang.revive]\nrepair_type = \"sr,repair,colour\"\n\
                  [fangtang.id]\nrepair_type = \"bg\"\nrgb = \"10,20,250\"\n";
    let outside = Outside::open(QUICK).await;
    let serve = World::new().with_providers(&outside).with_config(config).serve();
    for preset in ["default", "repair", "revive", "id"] {
        serve.put(&format!("uploads/fangtang/{preset}/old.jpg"), PORTRAIT).await;
        // One image at a time: the service tells images apart by their content alone.
        let (document, outputs) = serve.done(&format!("uploads/fangtang/{preset}/old.jpg")).await;
        let (width, height) = dimensions(&outputs[0].1);
        assert_eq!(outputs[0].0, format!("results/fangtang/{preset}/old.jpg/old.jpg"));
        match preset {
            "id" => {
                let [red, green, blue] = image::load_from_memory(&outputs[0].1).unwrap().to_rgb8().get_pixel(2, 2).0;
                assert!(red < 60 && green < 70 && blue > 200, "the background: {red} {green} {blue}");
            }
            _ => assert_eq!((width, height), (dimensions(PORTRAIT).0 * 2, dimensions(PORTRAIT).1 * 2)),
        }
        if preset == "revive" {
            assert!(colours(&outputs[0].1) > 10 * colours(PORTRAIT).max(100), "it is coloured now");
        }
        assert_eq!(document["steps"][0]["charges"], 1);
    }
    assert_eq!(outside.charges("fangtang"), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn vkcloud_improves_colours_enlarges_and_leaves_alone_what_is_good() {
    let config = "[vkcloud.coloured]\noutput = \"colorized_improved\"\n\
                  [vkcloud.double]\nmode = \"resolution\"\nrfactor = 2\nrtype = \"photo\"\n\
                  [vkcloud.art]\nmode = \"resolution\"\nrfactor = 4\nrtype = \"art\"\n";
    let outside = Outside::open(QUICK).await;
    let serve = World::new().with_providers(&outside).with_config(config).serve();
    for preset in ["default", "coloured", "double", "art"] {
        serve.put(&format!("uploads/vkcloud/{preset}/a.jpg"), PORTRAIT).await;
    }
    serve.put("uploads/vkcloud/rocket.jpg", ROCKET).await;
    let (_, improved) = serve.done("uploads/vkcloud/default/a.jpg").await;
    assert_ne!(improved[0].1, PORTRAIT);
    let (_, coloured) = serve.done("uploads/vkcloud/coloured/a.jpg").await;
    assert!(colours(&coloured[0].1) > colours(&improved[0].1));
    for (preset, times) in [("double", 2), ("art", 4)] {
        let (_, larger) = serve.done(&format!("uploads/vkcloud/{preset}/a.jpg")).await;
        let (width, height) = dimensions(PORTRAIT);
        assert_eq!(dimensions(&larger[0].1), (width * times, height * times));
    }
    let (document, good) = serve.done("uploads/vkcloud/rocket.jpg").await;
    assert_eq!(good[0].1, ROCKET, "it is good already: the original is the result");
    assert!(warnings(&document).contains("nothing to do"), "{document:#}");
    // One token for all of them, kept in the provider's row.
    assert_eq!(outside.requests("vkcloud token"), 1, "{:?}", outside.sandbox.ledger().requests);
}

#[tokio::test(flavor = "multi_thread")]
async fn vkcloud_gets_a_new_token_for_an_expired_one_and_tries_a_passing_failure_again() {
    let outside = Outside::open(QUICK).await;
    let serve = World::new().with_providers(&outside).serve();
    serve.put("uploads/vkcloud/a.png", &picture(1)).await;
    serve.done("uploads/vkcloud/a.png").await;
    outside.sandbox.faults().vkcloud.expire_now();
    serve.put("uploads/vkcloud/b.png", &picture(2)).await;
    let (document, _) = serve.done("uploads/vkcloud/b.png").await;
    assert_eq!(document["steps"][0]["attempts"], 1, "a token that ran out is no failed try");
    outside.sandbox.faults().vkcloud.fail_next_images(1);
    serve.put("uploads/vkcloud/c.png", &picture(3)).await;
    let (document, _) = serve.done("uploads/vkcloud/c.png").await;
    assert_eq!(document["steps"][0]["attempts"], 2);
    outside.sandbox.faults().vkcloud.refuse_next_images(1);
    serve.put("uploads/vkcloud/d.png", &picture(4)).await;
    assert_eq!(serve.ended("uploads/vkcloud/d.png").await["reason"]["kind"], "unsuitable_image");
}

#[tokio::test(flavor = "multi_thread")]
async fn imageban_hosts_for_an_account_with_albums_or_for_a_guest() {
    let config = "[imageban.shop]\nalbum_name = \"Shop\"\nalbum_type = \"hidden\"\nalbum_pass = \"album-secret\"\n\
                  [imageban.guest]\nauth = \"guest\"\n[imageban.fetched]\nsend = \"url\"\n";
    let outside = Outside::open(QUICK).await;
    let serve = World::new().with_providers(&outside).with_config(config).serve();
    let keys: Vec<String> = (0..4).map(|number| format!("uploads/imageban/shop/{number}.png")).collect();
    for (number, key) in keys.iter().enumerate() {
        serve.put(key, &picture(u8::try_from(number).unwrap())).await;
    }
    let mut links = BTreeSet::new();
    for key in &keys {
        let (document, outputs) = serve.done(key).await;
        let link = &document["steps"][0]["links"][0];
        let hosted = reqwest::get(link["link"].as_str().unwrap()).await.unwrap().bytes().await.unwrap();
        assert_eq!(hosted, outputs[0].1);
        assert!(link.get("delete_hash").is_none() && link["id"].is_string() && link["short_link"].is_string());
        assert!(!document.to_string().contains("album-secret"), "a password is for nobody to read");
        links.insert(link["link"].as_str().unwrap().to_owned());
    }
    assert_eq!(links.len(), 4);
    let made = outside.requests("imageban album");
    assert!((1..=3).contains(&made), "the album is made once: {:?}", outside.sandbox.ledger().requests);

    serve.put("uploads/imageban/guest/a.png", &picture(9)).await;
    let (document, _) = serve.done("uploads/imageban/guest/a.png").await;
    assert!(document["steps"][0]["links"][0]["delete_hash"].is_string(), "the only way to delete it: {document:#}");

    serve.put("uploads/imageban/fetched/cat.jpg", CAT).await;
    let (document, _) = serve.done("uploads/imageban/fetched/cat.jpg").await;
    let link = document["steps"][0]["links"][0]["link"].as_str().unwrap();
    assert_eq!(reqwest::get(link).await.unwrap().bytes().await.unwrap(), CAT);
    assert!(!serve.log().contains("X-Amz-Signature"), "an address that opens the bucket is in no log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daily_limit_is_waited_out_and_fails_nothing() {
    let outside = Outside::open(QUICK).await;
    outside.sandbox.faults().imageban.quota(Some(1));
    let serve = World::new().with_providers(&outside).serve();
    serve.put("uploads/imageban/a.png", &picture(1)).await;
    serve.done("uploads/imageban/a.png").await;
    serve.put("uploads/imageban/b.png", &picture(2)).await;
    let waiting = loop {
        let job = job_of(&serve, "uploads/imageban/b.png").await;
        if let Some(job) = job.filter(|job| job["steps"][0]["attempts"] == 1 && job["state"] == "queued") {
            break job;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(waiting.get("reason").is_none(), "{waiting:#}");
    let log = serve.log();
    assert!(log.contains("109"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_watermark_the_original_is_the_result() {
    let outside = Outside::open(QUICK).await;
    let plain = image::RgbImage::from_pixel(64, 64, image::Rgb([90, 90, 90]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    plain.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    let plain = bytes.into_inner();
    let config = "[watermark.far]\noffset = { \"+x\" = 5000 }\n";
    let serve = World::new().with_providers(&outside).with_config(config).serve();
    serve.put("uploads/watermark/plain.png", &plain).await;
    serve.put("uploads/watermark/far/coffee.jpg", COFFEE).await;
    let (document, outputs) = serve.done("uploads/watermark/plain.png").await;
    assert_eq!((&outputs[0].1, &document["steps"][0]["charges"]), (&plain, &0.into()));
    assert!(warnings(&document).contains("52002"), "{document:#}");
    let (document, outputs) = serve.done("uploads/watermark/far/coffee.jpg").await;
    assert_ne!(outputs[0].1, COFFEE, "the work was done all the same");
    assert!(warnings(&document).contains("52005"), "{document:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_service_refuses_for_good_is_told_with_its_words() {
    let outside = Outside::open(QUICK).await;
    let serve = World::new().with_providers(&outside).serve();
    outside.sandbox.faults().fangtang.error_times(9009, 1);
    serve.put("uploads/fangtang/a.png", &picture(1)).await;
    let document = serve.ended("uploads/fangtang/a.png").await;
    assert_eq!(document["reason"]["kind"], "unsuitable_image", "{document:#}");
    let message = document["reason"]["message"].as_str().unwrap();
    assert!(message.contains("9009") && message.contains("图片异常"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_shows_what_is_left_and_what_was_asked_today() {
    let outside = Outside::open(QUICK).await;
    let world = World::new().with_providers(&outside);
    let serve = world.serve();
    serve.put("uploads/watermark/coffee.jpg", COFFEE).await;
    serve.put("uploads/fangtang/a.png", &picture(1)).await;
    serve.put("uploads/imageban/a.png", &picture(1)).await;
    for upload in ["uploads/watermark/coffee.jpg", "uploads/fangtang/a.png", "uploads/imageban/a.png"] {
        serve.done(upload).await;
    }
    let check = serve.run_with(&world, &["check", "--json"]);
    assert_eq!(check.status.code(), Some(0), "{}", text(&check.stderr));
    let report: Value = serde_json::from_slice(&check.stdout).unwrap();
    let of = |provider: &str, field: &str| report["providers"][provider][field].clone();
    assert_eq!((of("fangtang", "balance"), of("fangtang", "credentials")), (999.into(), "taken".into()), "{report:#}");
    assert!(of("watermark", "balance").as_i64().unwrap() > 0);
    assert_eq!((of("imageban", "submits_today"), of("vkcloud", "credentials")), (1.into(), "taken".into()));
    assert_eq!(of("imgfactory", "credentials"), "taken");
    assert!(!text(&check.stdout).contains(credentials::FANGTANG_SECRET_KEY));

    let wrong = World::new().with_providers(&outside).with_environment("FANGTANG_SECRET_KEY", "wrong");
    let check = serve.run_with(&wrong, &["check"]);
    assert_eq!(check.status.code(), Some(2));
    assert!(text(&check.stderr).contains("9999"), "{}", text(&check.stderr));
}
