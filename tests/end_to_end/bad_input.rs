//! What ends badly ends clearly: a reason in `job.json`, nothing lost, nothing stuck, nothing paid.

use darkroom_sandbox::Latency;
use serde_json::Value;

use crate::world::{CAT, COFFEE, Outside, Serve, World, file, picture, text};

async fn failed(serve: &Serve, upload: &str, kind: &str) -> (String, Value) {
    let document = serve.ended(upload).await;
    assert_eq!(document["state"], "failed", "{document:#}");
    assert_eq!(document["reason"]["kind"], kind, "{document:#}");
    (document["reason"]["message"].as_str().unwrap().to_owned(), document)
}

fn says(message: &str, words: &[&str]) {
    for word in words {
        assert!(message.contains(word), "'{word}' is not in: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_cannot_be_sent_is_refused_before_anything_is_paid() {
    let outside = Outside::open(Latency::default()).await;
    let serve = World::new().with_providers(&outside).with_config("[watermark.clean]\n").serve();
    let five_megabytes = [CAT, &vec![0; 5 * 1024 * 1024]].concat();
    serve.put("uploads/watermark/claen/a.jpg", CAT).await;
    serve.put("uploads/watermark/text.jpg", b"I am a text by the name of a photo.").await;
    serve.put("uploads/imgfactory/text.jpg", b"I am a text by the name of a photo.").await;
    serve.put("uploads/imgfactory/empty.jpg", b"").await;
    serve.put("uploads/watermark/large.jpg", &five_megabytes).await;

    let (message, _) = failed(&serve, "uploads/watermark/claen/a.jpg", "unknown_preset").await;
    says(&message, &["claen", "clean, default", "darkroom.toml"]);
    for upload in ["uploads/watermark/text.jpg", "uploads/imgfactory/text.jpg"] {
        let (message, _) = failed(&serve, upload, "unsuitable_image").await;
        says(&message, &[upload, "no image"]);
    }
    let (message, _) = failed(&serve, "uploads/imgfactory/empty.jpg", "unsuitable_image").await;
    says(&message, &["uploads/imgfactory/empty.jpg", "empty"]);
    let (message, document) = failed(&serve, "uploads/watermark/large.jpg", "unsuitable_image").await;
    says(&message, &["4194304", "smaller"]);
    assert_eq!(document["upload"]["bytes"], five_megabytes.len());

    assert_eq!(outside.charges("watermark") + outside.charges("imgfactory"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_provider_is_named_in_the_log_and_refused_by_put() {
    let world = World::new();
    let serve = world.serve();
    serve.put("uploads/photoshop/default/a.jpg", CAT).await;
    serve.put("uploads/watermark/a.jpg", CAT).await;
    serve.done("uploads/watermark/a.jpg").await;
    says(&serve.log(), &["photoshop", "imgfactory, watermark, fangtang, vkcloud, imageban"]);

    let photo = file(world.folder.path(), "a.jpg", CAT);
    let put = serve.run(&["put", "photoshop/default", &photo]);
    assert_eq!(put.status.code(), Some(2));
    says(&text(&put.stderr), &["photoshop", "imgfactory, watermark, fangtang, vkcloud, imageban"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn any_key_that_s3_takes_goes_all_the_way() {
    let serve = World::new().serve();
    let long = format!("uploads/watermark/default/{}.png", "очень длинное имя фото ".repeat(4));
    let keys = [
        "uploads/watermark/default/with spaces + plus.png",
        "uploads/watermark/лето 2024/照片 №1+2 (копия) 100%.png",
        "uploads/imgfactory/default/Ünïcode & ampersand=1#2?.png",
        &long,
    ];
    for (number, key) in keys.into_iter().enumerate() {
        serve.put(key, &picture(u8::try_from(number).unwrap())).await;
    }
    serve.done(keys[0]).await;
    // The third part is a preset, whatever its alphabet.
    let (message, _) = failed(&serve, keys[1], "unknown_preset").await;
    says(&message, &["лето 2024"]);
    let (_, copies) = serve.done(keys[2]).await;
    assert!(copies.iter().all(|(key, _)| key.contains("Ünïcode & ampersand=1#2")), "{copies:?}");
    let (_, outputs) = serve.done(&long).await;
    assert!(outputs[0].0.ends_with(".png") || outputs[0].0.ends_with(".jpg"), "{}", outputs[0].0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zip_with_a_broken_entry_keeps_the_others_and_names_it() {
    let outside = Outside::open(Latency { imgfactory_ms_per_copy: 10, watermark_ms: 50, ..Latency::default() }).await;
    outside.sandbox.faults().imgfactory.break_zip_entry(Some(3));
    let serve = World::new().with_providers(&outside).serve();
    serve.put("uploads/imgfactory/coffee.jpg", COFFEE).await;
    let (message, document) = failed(&serve, "uploads/imgfactory/coffee.jpg", "broken_result").await;
    says(&message, &["1 of the 10 files", "'coffee_4.jpg'", "other 9 are kept", "retry"]);
    let outputs = document["outputs"].as_array().unwrap();
    assert_eq!(outputs.len(), 9);
    for output in outputs {
        assert!(serve.get(output["key"].as_str().unwrap()).await.is_some());
    }
    assert_eq!(outside.charges("imgfactory"), 1, "fetching again costs nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_of_an_image_with_a_very_long_name_are_all_there() {
    let serve = World::new().with_config("[imgfactory.three]\ncopies = 3\n").serve();
    let upload = format!("uploads/imgfactory/three/{}.png", "я".repeat(100));
    serve.put(&upload, &picture(1)).await;
    let (_, outputs) = serve.done(&upload).await;
    let keys: std::collections::BTreeSet<&str> = outputs.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys.len(), 3, "{keys:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_leads_elsewhere_is_refused_when_it_is_put() {
    let serve = World::new().serve();
    for key in ["uploads/watermark/default/../x.jpg", "uploads/watermark/default/./x.jpg", "uploads/../x.jpg"] {
        let body = aws_sdk_s3::primitives::ByteStream::from_static(CAT);
        let refused = serve.s3().put_object().bucket("darkroom").key(key).body(body).send().await.unwrap_err();
        let told = format!("{}", aws_sdk_s3::error::DisplayErrorContext(refused));
        says(&told, &["InvalidArgument", key]);
    }
    let jobs: Value = serde_json::from_slice(&serve.run(&["jobs", "--json"]).stdout).unwrap();
    assert_eq!(jobs, serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_can_have_no_job_is_kept_as_a_dead_letter_with_its_reason() {
    let world = World::new();
    let serve = world.serve();
    let folders = ["a", "b", "c", "d"].map(|letter| letter.repeat(220)).join("/");
    let upload = format!("uploads/watermark/default/{folders}.jpg");
    serve.put(&upload, CAT).await;
    let letters = || -> Vec<Value> {
        let Ok(entries) = std::fs::read_dir(world.data().join("dead-letters")) else { return Vec::new() };
        let letters = entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some());
        letters.map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()).collect()
    };
    while letters().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let letter = letters().remove(0);
    assert_eq!((&letter["queue"], &letter["deliveries"]), (&"submit-watermark".into(), &1.into()), "{letter:#}");
    says(letter["reason"].as_str().unwrap(), &["the key has", "840"]);
    assert!(letter["body"].as_str().unwrap().contains(&upload));
    // Who comes from the log finds the letter, and the other way round.
    let id = letter["message_id"].as_str().unwrap();
    assert_eq!(serve.log().matches(id).count(), 1, "{}", serve.log());
    assert!(serve.stop());

    let serve = world.serve();
    serve.put("uploads/watermark/b.jpg", CAT).await;
    serve.done("uploads/watermark/b.jpg").await;
    assert_eq!(letters().len(), 1, "the next start does not say it again");
}
