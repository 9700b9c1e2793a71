//! Images that go their way.

use std::collections::BTreeSet;

use darkroom_sandbox::Latency;

use crate::world::{CAT, COFFEE, Outside, World, dimensions, picture};

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_put_by_a_plain_client_comes_back_without_its_watermark_and_with_a_record() {
    let serve = World::new().serve();
    serve.put("uploads/watermark/coffee.jpg", COFFEE).await;
    let (document, outputs) = serve.done("uploads/watermark/coffee.jpg").await;
    assert_eq!(outputs.len(), 1);
    assert_eq!(outputs[0].0, "results/watermark/coffee.jpg/coffee.jpg");
    assert_ne!(outputs[0].1, COFFEE);
    assert_eq!(dimensions(&outputs[0].1), dimensions(COFFEE));
    let step = &document["steps"][0];
    assert_eq!((&step["attempts"], &step["charges"]), (&1.into(), &1.into()));
    assert!(!step["rectangles"].as_array().unwrap().is_empty(), "{document:#}");

    insta::with_settings!({filters => vec![
        (r#""\d{4}-\d\d-\d\dT[^"]+""#, "\"[time]\""),
        (r#""[0-9a-f]{32}""#, "\"[id or md5]\""),
        (r#""[0-9a-f]{64}""#, "\"[sha256]\""),
    ]}, {
        let mut document = document;
        // What the sandbox found and painted is the sandbox's business.
        document["steps"][0]["rectangles"] = "[rectangles]".into();
        document["outputs"][0]["bytes"] = "[bytes]".into();
        insta::assert_json_snapshot!("job_json_of_a_done_job", document);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn one_photo_becomes_ten_different_ones_by_polling() {
    let serve = World::new().serve();
    serve.put("uploads/imgfactory/default/pets/cat.jpg", CAT).await;
    let (document, outputs) = serve.done("uploads/imgfactory/default/pets/cat.jpg").await;
    let names: BTreeSet<&str> = outputs.iter().map(|(key, _)| key.rsplit('/').next().unwrap()).collect();
    let expected: BTreeSet<String> = (1..=10).map(|copy| format!("cat_{copy}.jpg")).collect();
    assert_eq!(names, expected.iter().map(String::as_str).collect(), "the upload's name, not the one we sent");
    assert_eq!(outputs.iter().map(|(_, body)| body).collect::<BTreeSet<_>>().len(), 10, "all different");
    assert!(document["steps"][0]["task_id"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn presets_say_what_is_done() {
    let config = "[imgfactory.one]\nmode = \"sync\"\nflip = \"horizontal\"\n\
                  [imgfactory.pair]\ncopies = 2\nnames = \"ordered\"\n\
                  [watermark.boxes]\nmode = \"sync\"\nshow = true\nrectangles = [{ x = 10, y = 10, w = 40, h = 20 }]\n\
                  [watermark.read]\nocr_only = true\n";
    let serve = World::new().with_config(config).serve();
    for preset in ["imgfactory/one", "imgfactory/pair", "watermark/boxes", "watermark/read"] {
        serve.put(&format!("uploads/{preset}/coffee.jpg"), COFFEE).await;
    }
    let (_, one) = serve.done("uploads/imgfactory/one/coffee.jpg").await;
    assert_eq!(one.len(), 1);
    assert_eq!(one[0].0, "results/imgfactory/one/coffee.jpg/coffee.jpg");

    let (_, pair) = serve.done("uploads/imgfactory/pair/coffee.jpg").await;
    let names: BTreeSet<&str> = pair.iter().map(|(key, _)| key.as_str()).collect();
    let folder = "results/imgfactory/pair/coffee.jpg";
    assert_eq!(names, BTreeSet::from([format!("{folder}/1.jpg").as_str(), &format!("{folder}/2.jpg")]));

    let (boxes, shown) = serve.done("uploads/watermark/boxes/coffee.jpg").await;
    assert_eq!(boxes["steps"][0]["rectangles"][0]["w"], 40);
    let picture = image::load_from_memory(&shown[0].1).unwrap().to_rgb8();
    let image::Rgb([red, green, blue]) = *picture.get_pixel(30, 10);
    assert!(green > 150 && red < 120 && blue < 120, "a green frame: {red} {green} {blue}");

    let (read, files) = serve.done("uploads/watermark/read/coffee.jpg").await;
    assert!(files.is_empty());
    assert!(!read["steps"][0]["rectangles"].as_array().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_at_once_keep_to_two_requests_a_second() {
    let outside = Outside::open(Latency { watermark_ms: 50, ..Latency::default() }).await;
    let serve = World::new().with_providers(&outside).serve();
    let keys: Vec<String> = (0..8).map(|number| format!("uploads/watermark/{number}.png")).collect();
    for (number, key) in keys.iter().enumerate() {
        serve.put(key, &picture(u8::try_from(number).unwrap())).await;
    }
    for key in &keys {
        serve.done(key).await;
    }
    assert_eq!(outside.charges("watermark"), 8);
    // None on a machine with nothing else to do. Where other stories run beside this one, two requests may arrive closer
    // than they left; without any pace, there would be six and more.
    let refused = outside.requests("watermark 429");
    assert!(refused <= 2, "{refused} were refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_upload_under_an_old_key_gets_a_job_of_its_own() {
    let outside = Outside::open(Latency { watermark_ms: 50, ..Latency::default() }).await;
    let serve = World::new().with_providers(&outside).serve();
    serve.put("uploads/watermark/a.png", &picture(1)).await;
    let (first, _) = serve.done("uploads/watermark/a.png").await;
    serve.put("uploads/watermark/a.png", &picture(2)).await;
    let second = loop {
        // Not `done`: between its record and its picture, the first job's may be replaced.
        let document = serve.ended("uploads/watermark/a.png").await;
        if document["id"] != first["id"] {
            assert_eq!(document["state"], "done", "{document:#}");
            break document;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    assert_ne!(first["upload"]["sha256"], second["upload"]["sha256"]);
    assert_eq!(outside.charges("watermark"), 2);
}
