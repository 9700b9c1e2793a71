//! When a provider's account is the trouble and not the image: nothing fails, nothing is lost, and all go on once the
//! account is in order.

use std::{sync::Arc, time::Duration};

use serde_json::Value;

use crate::providers::QUICK;
use crate::world::{Outside, Serve, World, file, picture, text};

async fn report(serve: &Serve, world: &World) -> Value {
    serde_json::from_slice(&serve.run_with(world, &["check", "--json"]).stdout).unwrap()
}

/// Waits until `provider` is on hold and returns the hold.
async fn hold_of(serve: &Serve, world: &World, provider: &str) -> Value {
    loop {
        let hold = report(serve, world).await["providers"][provider]["hold"].clone();
        if hold.is_object() {
            return hold;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn states(serve: &Serve) -> Vec<String> {
    let jobs: Value = serde_json::from_slice(&serve.run(&["jobs", "--json"]).stdout).unwrap();
    jobs.as_array().unwrap().iter().map(|job| job["state"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_hold_the_provider_and_all_goes_on_once_they_are_right() {
    let outside = Outside::open(QUICK).await;
    let wrong = World::new()
        .with_fixed_http_port()
        .with_providers(&outside)
        .with_environment("IMGFACTORY_TOKEN", "wrong-token-123")
        .with_environment("WATERMARK_APP_SECRET", "wrong-secret-456");
    let serve = wrong.serve();
    let uploads: Vec<String> =
        (0..3).flat_map(|n| [format!("uploads/imgfactory/{n}.png"), format!("uploads/watermark/{n}.png")]).collect();
    for (number, upload) in uploads.iter().enumerate() {
        serve.put(upload, &picture(u8::try_from(number).unwrap())).await;
    }
    let hold = hold_of(&serve, &wrong, "imgfactory").await;
    assert_eq!(hold["kind"], "credentials");
    let message = hold["message"].as_str().unwrap();
    for word in ["401", "Invalid token", "IMGFACTORY_", "darkroom release imgfactory"] {
        assert!(message.contains(word), "'{word}' is not in: {message}");
    }
    let hold = hold_of(&serve, &wrong, "watermark").await;
    assert!(hold["message"].as_str().unwrap().contains("签名错误"), "{hold}");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(states(&serve).iter().all(|state| state == "queued"), "they wait: {:?}", states(&serve));
    let told = text(&serve.run(&["jobs"]).stdout);
    assert!(told.contains("imgfactory is on hold") && told.contains("Next try"), "{told}");
    for secret in ["wrong-token-123", "wrong-secret-456"] {
        assert!(!serve.log().contains(secret) && !told.contains(secret));
    }
    // Of three images, no more were tried than were under way when the first was refused.
    assert!(outside.requests("imgfactory async/unique") <= 3);
    assert!(serve.stop());

    let serve = wrong.with_providers(&outside).serve();
    for upload in &uploads {
        serve.done(upload).await;
    }
    assert_eq!((outside.charges("imgfactory"), outside.charges("watermark")), (3, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_account_holds_its_jobs_until_they_are_released() {
    let outside = Outside::open(QUICK).await;
    outside.sandbox.faults().imgfactory.refuse_payment(true);
    outside.sandbox.faults().fangtang.quota(Some(0));
    let world = World::new().with_providers(&outside);
    let serve = world.serve();
    for upload in ["uploads/imgfactory/a.png", "uploads/fangtang/a.png", "uploads/vkcloud/a.png"] {
        serve.put(upload, &picture(1)).await;
    }
    let hold = hold_of(&serve, &world, "imgfactory").await;
    assert_eq!(hold["kind"], "payment");
    let message = hold["message"].as_str().unwrap();
    assert!(message.contains("API не оплачено") && message.contains("Top up"), "{message}");
    assert_eq!(hold_of(&serve, &world, "fangtang").await["kind"], "payment");
    serve.done("uploads/vkcloud/a.png").await;

    // Whoever comes later waits too, without asking anybody.
    let asked = outside.requests("imgfactory async/unique");
    serve.put("uploads/imgfactory/b.png", &picture(2)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(outside.requests("imgfactory async/unique"), asked);

    outside.sandbox.faults().clear();
    for provider in ["imgfactory", "fangtang"] {
        let released = serve.run(&["release", provider]);
        assert!(text(&released.stdout).contains("was on hold"), "{}", text(&released.stdout));
    }
    for upload in ["uploads/imgfactory/a.png", "uploads/imgfactory/b.png", "uploads/fangtang/a.png"] {
        let (document, _) = serve.done(upload).await;
        assert!(document["steps"][0]["warnings"].as_array().unwrap().is_empty(), "{document:#}");
    }
    assert!(text(&serve.run(&["release", "fangtang"]).stdout).contains("is not on hold"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_put_on_hold_before_its_account_is_empty() {
    let config = "[watermark]\nmin_balance = 200000\n[fangtang]\nmin_balance = 999\n";
    let outside = Outside::open(QUICK).await;
    let world = World::new().with_providers(&outside).with_config(config);
    let serve = world.serve();
    // The first reply tells what is left.
    serve.put("uploads/watermark/a.png", crate::world::COFFEE).await;
    serve.done("uploads/watermark/a.png").await;
    let hold = hold_of(&serve, &world, "watermark").await;
    assert_eq!(hold["kind"], "low_balance");
    serve.put("uploads/watermark/b.png", &picture(2)).await;
    // fangtang is asked before each upload: of 1000, one may be used.
    serve.put("uploads/fangtang/a.png", &picture(1)).await;
    serve.done("uploads/fangtang/a.png").await;
    serve.put("uploads/fangtang/b.png", &picture(2)).await;
    assert_eq!(hold_of(&serve, &world, "fangtang").await["kind"], "low_balance");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((outside.charges("watermark"), outside.charges("fangtang")), (1, 1));

    // Both balances are told, whichever jobs are listed, and that they are low.
    let told = text(&serve.run(&["jobs", "--state", "failed"]).stdout);
    for words in ["watermark had 100019 left at", "fangtang had 999 left at", "the 200000 that min_balance keeps"] {
        assert!(told.contains(words), "'{words}' is not in: {told}");
    }
    let only = text(&serve.run(&["jobs", "--provider", "fangtang"]).stdout);
    assert!(only.contains("fangtang had") && !only.contains("watermark had"), "{only}");
    let report = report(&serve, &world).await;
    for (provider, left) in [("watermark", 100_019), ("fangtang", 999)] {
        let report = &report["providers"][provider];
        assert_eq!(report["balance"], left, "{report}");
        assert!(report["notes"].to_string().contains("min_balance"), "{report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_has_as_many_submits_as_it_is_given() {
    let outside = Outside::open(QUICK).await;
    let world = World::new().with_providers(&outside).with_environment("IMAGEBAN_DAILY", "2");
    let serve = world.serve();
    for number in 0..4 {
        serve.put(&format!("uploads/imageban/{number}.png"), &picture(number)).await;
    }
    while states(&serve).iter().filter(|state| *state == "done").count() < 2 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let waiting = states(&serve).iter().filter(|state| *state == "queued").count();
    assert_eq!((waiting, outside.charges("imageban")), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn put_says_that_its_images_wait_for_a_hold_and_an_upload_deleted_meanwhile_is_missed() {
    let outside = Outside::open(QUICK).await;
    outside.sandbox.faults().imgfactory.refuse_payment(true);
    let world = World::new().with_providers(&outside);
    let serve = Arc::new(world.serve());
    serve.put("uploads/imgfactory/deleted.png", &picture(1)).await;
    hold_of(&serve, &world, "imgfactory").await;
    let deleted = serve.s3().delete_object().bucket("darkroom").key("uploads/imgfactory/deleted.png").send().await;
    deleted.unwrap();

    let photo = file(world.folder.path(), "photo.png", &picture(2));
    let serve_of_put = Arc::clone(&serve);
    let put = tokio::task::spawn_blocking(move || {
        serve_of_put.run(&["put", "imgfactory/default", &photo, "--wait", "--json"])
    });
    tokio::time::sleep(Duration::from_secs(7)).await;
    outside.sandbox.faults().clear();
    assert!(serve.run(&["release", "imgfactory"]).status.success());
    let put = put.await.unwrap();
    let told = text(&put.stderr);
    assert_eq!(told.matches("imgfactory is on hold since").count(), 1, "{told}");
    assert!(told.contains("1 wait for it: ") && told.contains("Top up"), "{told}");
    let documents: Value = serde_json::from_slice(&put.stdout).unwrap();
    assert_eq!((put.status.code(), &documents[0]["state"]), (Some(0), &"done".into()));

    let missed = serve.ended("uploads/imgfactory/deleted.png").await;
    assert_eq!(missed["reason"]["kind"], "upload_missing", "{missed:#}");
    assert_eq!(outside.charges("imgfactory"), 1);
}
