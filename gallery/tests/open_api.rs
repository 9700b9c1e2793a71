//! The description of the API that people read is the one that the types make.
#![expect(clippy::unwrap_used, reason = "a description that cannot be read fails the test")]

use serde_json::Value;

fn described() -> Value {
    serde_json::to_value(darkroom_gallery::open_api()).unwrap()
}

#[test]
fn the_copy_for_people_is_true() {
    let copy: Value = serde_json::from_str(include_str!("../../docs/openapi.json")).unwrap();
    let now = described();
    assert!(
        copy == now,
        "the API has changed: cargo run -p darkroom-gallery --example open_api > docs/openapi.json\n{now:#}"
    );
}

#[test]
fn every_call_has_a_summary_and_a_job_has_the_shape_of_job_json() {
    let description = described();
    let paths = description["paths"].as_object().unwrap();
    assert!(paths.len() >= 8);
    for (path, calls) in paths {
        for (method, call) in calls.as_object().unwrap() {
            assert!(call["summary"].as_str().is_some_and(|summary| summary.len() > 3), "{method} {path}");
            assert!(call["responses"]["200"].is_object(), "{method} {path}");
        }
    }
    let job = &description["components"]["schemas"]["Document"]["properties"];
    for name in ["id", "route", "state", "reason", "upload", "created_at", "finished_at", "steps", "outputs"] {
        assert!(job[name].is_object(), "{name}");
    }
    assert_eq!(job["id"]["type"], "string");
}
