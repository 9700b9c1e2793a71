//! `put`, `jobs`, `job` and `demo` as people and scripts use them.

use serde_json::Value;

use crate::world::{CAT, COFFEE, World, darkroom, file, text};

fn json(output: &std::process::Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&output.stdout)))
}

#[tokio::test(flavor = "multi_thread")]
async fn put_waits_for_results_and_fetches_them() {
    let world = World::new();
    let serve = world.serve();
    let folder = world.folder.path();
    let (cat, coffee) = (file(folder, "cat.jpg", CAT), file(folder, "coffee.jpg", COFFEE));
    let out = folder.join("out");
    let put = serve.run(&["put", "watermark/default", &cat, &coffee, "--out", out.to_str().unwrap(), "--json"]);
    assert_eq!(put.status.code(), Some(0), "{}", text(&put.stderr));
    let documents = json(&put);
    assert_eq!(documents.as_array().unwrap().len(), 2);
    assert!(documents[1]["outputs"][0]["width"].as_u64().unwrap() > 0);
    assert!(out.join("watermark/default/coffee.jpg/coffee.jpg").is_file());
    assert!(out.join("watermark/default/coffee.jpg/job.json").is_file());

    // The same picture once more: the new job is awaited, not the old one's record taken.
    let again = serve.run(&["put", "watermark/default", &cat, "--wait", "--json"]);
    assert_ne!(json(&again)[0]["id"], documents[0]["id"]);

    let jobs = json(&serve.run(&["jobs", "--json", "--state", "done"]));
    assert_eq!(jobs.as_array().unwrap().len(), 3);
    assert_eq!(json(&serve.run(&["jobs", "--json", "--provider", "imgfactory"])), Value::Array(vec![]));
    let id = jobs[0]["id"].as_str().unwrap();
    assert_eq!(json(&serve.run(&["job", id, "--json"])), jobs[0]);
    assert!(text(&serve.run(&["job", id]).stdout).contains("done"));
    assert!(text(&serve.run(&["jobs"]).stdout).contains("coffee.jpg"));
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_tell_failed_jobs_from_wrong_use() {
    let world = World::new();
    let serve = world.serve();
    let fake = file(world.folder.path(), "text.jpg", b"no photo");
    let failed = serve.run(&["put", "watermark/default", &fake, "--wait"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(text(&failed.stdout).contains("no image"), "{}", text(&failed.stdout));

    let missing = serve.run(&["put", "watermark/default", "/nowhere/a.jpg"]);
    assert_eq!(missing.status.code(), Some(2));
    let unknown = serve.run(&["job", "0123456789abcdef0123456789abcdef"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("darkroom jobs"));
    let nobody = darkroom().args(["jobs", "--s3", "127.0.0.1:9", "--dynamodb", "127.0.0.1:9"]).output().unwrap();
    assert_eq!(nobody.status.code(), Some(2));
    assert!(text(&nobody.stderr).contains("is it running?"), "{}", text(&nobody.stderr));
}

#[test]
fn a_wrong_configuration_stops_serve_with_file_and_line() {
    let world = World::new().with_config("[imgfactory.ten]\ncopeis = 10\n");
    let mut serve = darkroom();
    serve.args(["serve", "--s3", "127.0.0.1:0", "--http", "127.0.0.1:0", "--dynamodb", "127.0.0.1:0"]);
    serve.arg("--data").arg(world.data()).arg("--config").arg(world.folder.path().join("darkroom.toml"));
    let output = serve.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let words = text(&output.stderr);
    assert!(words.contains("darkroom.toml") && words.contains("line 2") && words.contains("copeis"), "{words}");
}

#[test]
fn the_demo_ends_well_and_leaves_pictures() {
    let folder = tempfile::TempDir::new().unwrap();
    let out = folder.path().join("out");
    let demo = darkroom().args(["demo", "--out"]).arg(&out).current_dir(folder.path()).output().unwrap();
    assert_eq!(demo.status.code(), Some(0), "{}", text(&demo.stderr));
    let table = text(&demo.stdout);
    for image in ["cat.jpg", "coffee-watermarked.jpg", "old-portrait.jpg", "rocket.jpg"] {
        assert!(table.contains(image), "{table}");
        let single = out.join(format!("watermark/clean/{image}/{image}"));
        assert!(image::open(&single).is_ok(), "{}", single.display());
        let copies = std::fs::read_dir(out.join(format!("imgfactory/copies/{image}"))).unwrap().count();
        assert_eq!(copies, 11, "ten copies and job.json");
    }
}
