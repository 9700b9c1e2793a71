//! One upload through several services.

use std::{collections::BTreeSet, time::Duration};

use darkroom_sandbox::Latency;
use serde_json::Value;

use crate::providers::QUICK;
use crate::world::{CAT, COFFEE, Outside, Serve, World, dimensions, text};

fn names(outputs: &[(String, Vec<u8>)]) -> BTreeSet<&str> {
    outputs.iter().map(|(key, _)| key.rsplit('/').next().unwrap()).collect()
}

fn routes(document: &Value) -> Vec<String> {
    let steps = document["steps"].as_array().unwrap().iter();
    steps.map(|step| format!("{}/{}", step["provider"].as_str().unwrap(), step["preset"].as_str().unwrap())).collect()
}

async fn jobs_listed(serve: &Serve) -> usize {
    let listed: Value = serde_json::from_slice(&serve.run(&["jobs", "--json"]).stdout).unwrap();
    listed.as_array().unwrap().len()
}

/// Waits for the job to end otherwise than `before`.
async fn ended_anew(serve: &Serve, upload: &str, before: &Value) -> Value {
    loop {
        let document = serve.ended(upload).await;
        if document["finished_at"] != before["finished_at"] {
            return document;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_goes_from_service_to_service_and_one_record_tells_all_of_it() {
    let config = "[watermark.publish]\nthen = [\"vkcloud.double\", \"imageban.public\"]\n\
                  [vkcloud.double]\nmode = \"resolution\"\nrfactor = 2\nrtype = \"photo\"\n[imageban.public]\n";
    let outside = Outside::open(QUICK).await;
    let serve = World::new().with_providers(&outside).with_config(config).serve();
    let upload = "uploads/watermark/publish/shop/coffee.jpg";
    serve.put(upload, COFFEE).await;
    let (document, outputs) = serve.done(upload).await;
    assert_eq!(routes(&document), ["watermark/publish", "vkcloud/double", "imageban/public"]);
    assert_eq!(outputs.len(), 1);
    assert_eq!(outputs[0].0, "results/watermark/publish/shop/coffee.jpg/coffee.jpg");
    let (width, height) = dimensions(COFFEE);
    assert_eq!(dimensions(&outputs[0].1), (width * 2, height * 2), "twice as large");

    let steps = document["steps"].as_array().unwrap();
    let between = steps[0]["outputs"][0]["key"].as_str().unwrap();
    assert!(between.starts_with("steps/"), "{between}");
    assert_eq!(steps[1]["input"], between, "each step goes on with what the last one made");
    assert_eq!(dimensions(&serve.get(between).await.unwrap()), (width, height));
    assert!(steps.iter().all(|step| step["charges"] == 1 && step["finished_at"].is_string()), "{document:#}");
    let links = steps[2]["links"].as_array().unwrap();
    let hosted = reqwest::get(links[0]["link"].as_str().unwrap()).await.unwrap().bytes().await.unwrap();
    assert_eq!(hosted, outputs[0].1, "the link opens, and it is the result");
    assert_eq!(jobs_listed(&serve).await, 1, "one upload is one job");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_copies_become_ten_links() {
    let config = "[imgfactory.ten]\ncopies = 10\nthen = [\"imageban.public\"]\n[imageban.public]\n";
    let outside = Outside::open(QUICK).await;
    let serve = World::new().with_providers(&outside).with_config(config).serve();
    let upload = "uploads/imgfactory/ten/cat.jpg";
    serve.put(upload, CAT).await;
    let (document, outputs) = serve.done(upload).await;
    let expected: BTreeSet<String> = (1..=10).map(|copy| format!("cat_{copy}.jpg")).collect();
    assert_eq!(names(&outputs), expected.iter().map(String::as_str).collect());
    assert!(outputs.iter().all(|(key, _)| key.starts_with("results/imgfactory/ten/cat.jpg/")));
    assert_eq!(routes(&document), ["imgfactory/ten", "imageban/public"]);
    let hosting = &document["steps"][1];
    let links: BTreeSet<&str> =
        hosting["links"].as_array().unwrap().iter().map(|link| link["link"].as_str().unwrap()).collect();
    assert_eq!(links.len(), 10);
    assert_eq!((hosting["items"].as_array().unwrap().len(), &hosting["charges"]), (10, &10.into()));
    assert_eq!(jobs_listed(&serve).await, 1);
    let id = document["id"].as_str().unwrap();
    let told: Value = serde_json::from_slice(&serve.run(&["job", id, "--json"]).stdout).unwrap();
    assert_eq!(told, document);
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_of_copies_have_names_of_their_own() {
    let config = "[imgfactory.pair]\ncopies = 2\nthen = [\"imgfactory.ordered\"]\n\
                  [imgfactory.ordered]\ncopies = 2\nnames = \"ordered\"\n";
    let serve = World::new().with_config(config).serve();
    serve.put("uploads/imgfactory/pair/cat.jpg", CAT).await;
    let (_, outputs) = serve.done("uploads/imgfactory/pair/cat.jpg").await;
    assert_eq!(names(&outputs).len(), 4, "{:?}", names(&outputs));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_step_keeps_what_was_made_and_a_retry_goes_on_from_there() {
    let config = "[imgfactory.one]\ncopies = 1\nmode = \"sync\"\nthen = [\"watermark.default\"]\n";
    let outside = Outside::open(QUICK).await;
    outside.sandbox.faults().watermark.error(Some(400));
    let serve = World::new().with_providers(&outside).with_config(config).serve();
    let upload = "uploads/imgfactory/one/coffee.jpg";
    serve.put(upload, COFFEE).await;
    let failed = serve.ended(upload).await;
    assert_eq!((&failed["state"], &failed["reason"]["kind"]), (&"failed".into(), &"rejected".into()), "{failed:#}");
    let kept = failed["outputs"][0]["key"].as_str().unwrap();
    assert!(kept.starts_with("steps/") && serve.get(kept).await.is_some());
    let message = failed["reason"]["message"].as_str().unwrap();
    assert!(message.contains(kept) && message.contains(failed["id"].as_str().unwrap()), "{message}");

    outside.sandbox.faults().watermark.error(None);
    let retried = serve.run(&["retry", failed["id"].as_str().unwrap()]);
    assert_eq!(retried.status.code(), Some(0), "{}", text(&retried.stderr));
    let document = ended_anew(&serve, upload, &failed).await;
    assert_eq!(document["state"], "done", "{document:#}");
    assert_eq!(document["outputs"][0]["key"], "results/imgfactory/one/coffee.jpg/coffee.jpg");
    assert_eq!((outside.charges("imgfactory"), outside.charges("watermark")), (1, 1), "no step was paid again");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_images_those_that_fail_are_named_and_only_they_are_tried_again() {
    let config = "[imgfactory.trio]\ncopies = 3\nthen = [\"imageban.public\"]\n[imageban.public]\n";
    let outside = Outside::open(QUICK).await;
    outside.sandbox.faults().imageban.error(Some(103));
    let serve = World::new().with_providers(&outside).with_config(config).serve();
    let upload = "uploads/imgfactory/trio/cat.jpg";
    serve.put(upload, CAT).await;
    let failed = serve.ended(upload).await;
    let message = failed["reason"]["message"].as_str().unwrap();
    assert!(message.contains("3 of 3 images failed") && message.contains(failed["id"].as_str().unwrap()), "{message}");
    assert_eq!(failed["outputs"].as_array().unwrap().len(), 3, "the copies are kept: {failed:#}");

    outside.sandbox.faults().imageban.error(None);
    assert_eq!(serve.run(&["retry", "--failed"]).status.code(), Some(0));
    let document = ended_anew(&serve, upload, &failed).await;
    assert_eq!(document["state"], "done", "{document:#}");
    assert_eq!(document["steps"][1]["links"].as_array().unwrap().len(), 3);
    assert_eq!((outside.charges("imgfactory"), outside.charges("imageban")), (1, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_calls_back_may_come_twice_in_a_chain() {
    let config = "[watermark.twice]\nthen = [\"imgfactory.one\", \"watermark.default\"]\n\
                  [imgfactory.one]\ncopies = 1\nmode = \"sync\"\n";
    let outside = Outside::open(QUICK).await;
    // A late double of the first step's callback must not be taken for the second one's.
    outside.sandbox.faults().watermark.double_callbacks(true);
    let serve = World::new().with_providers(&outside).with_config(config).serve();
    serve.put("uploads/watermark/twice/coffee.jpg", COFFEE).await;
    let (document, outputs) = serve.done("uploads/watermark/twice/coffee.jpg").await;
    assert_eq!(routes(&document), ["watermark/twice", "imgfactory/one", "watermark/default"]);
    assert_eq!(outputs[0].0, "results/watermark/twice/coffee.jpg/coffee.jpg");
    assert_eq!(outside.charges("watermark"), 2);
}

/// Numbers that only order the copies are the same in every branch.
#[tokio::test(flavor = "multi_thread")]
async fn ordered_copies_of_ordered_copies_do_not_overwrite_each_other() {
    let config = "[imgfactory.ten]\ncopies = 10\nnames = \"ordered\"\nthen = [\"imgfactory.again\"]\n\
                  [imgfactory.again]\ncopies = 10\nnames = \"ordered\"\n";
    let outside = Outside::open(Latency { imgfactory_ms_per_copy: 0, ..QUICK }).await;
    let serve = World::new().with_providers(&outside).with_config(config).serve();
    serve.put("uploads/imgfactory/ten/a.png", &crate::world::picture(1)).await;
    let (_, outputs) = serve.done("uploads/imgfactory/ten/a.png").await;
    assert_eq!((outputs.len(), names(&outputs).len()), (100, 100));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_a_chain_nothing_is_lost_and_nothing_paid_twice() {
    let config = "[imgfactory.trio]\ncopies = 3\nthen = [\"vkcloud.double\", \"imageban.public\"]\n\
                  [vkcloud.double]\nmode = \"resolution\"\nrfactor = 2\nrtype = \"photo\"\n[imageban.public]\n";
    let outside = Outside::open(Latency { vkcloud_ms: 500, ..QUICK }).await;
    let world = World::new().with_providers(&outside).with_config(config);
    let upload = "uploads/imgfactory/trio/cat.jpg";
    let serve = world.serve();
    serve.put(upload, CAT).await;
    while outside.requests("vkcloud improve") == 0 && outside.charges("vkcloud") == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    serve.kill();
    let serve = world.serve();
    let (document, outputs) = serve.done(upload).await;
    assert_eq!(outputs.len(), 3);
    assert_eq!(document["steps"][2]["links"].as_array().unwrap().len(), 3, "{document:#}");
    assert_eq!(outside.charges("imgfactory"), 1);
    // What VK Cloud was asked when we died is asked again: it costs next to nothing, and nobody could tell.
    assert!((3..=6).contains(&outside.charges("vkcloud")), "{}", outside.charges("vkcloud"));
    assert_eq!(outside.charges("imageban"), 3);
}
