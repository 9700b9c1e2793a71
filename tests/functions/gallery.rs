//! The function gallery on a Lambda runtime endpoint.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod lambda;
mod wake_ups;

use lambda::{TRACE_HEADER, invoke, invoke_and_listen, stores};
use serde_json::{Value, json};
use wake_ups::{JOB_ID, job_of_watermark, lines, sqs};

const FUNCTION: &str = env!("CARGO_BIN_EXE_gallery");
const TOKEN: (&str, &str) = ("DARKROOM_GALLERY_TOKEN", "0123456789abcdef");

/// The sample event with another method, path and headers, without a query.
fn event(method: &str, path: &str, headers: &[(&str, &str)]) -> Value {
    let mut event: Value = serde_json::from_str(include_str!("../../events/gallery-get.json")).unwrap();
    event["rawPath"] = path.into();
    event["rawQueryString"] = "".into();
    event["queryStringParameters"] = json!({});
    event["requestContext"]["http"]["method"] = method.into();
    event["requestContext"]["http"]["path"] = path.into();
    for (name, value) in headers {
        event["headers"][name] = json!(value);
    }
    event
}

async fn answered(event: &Value) -> Value {
    invoke(FUNCTION, &[TOKEN], &event.to_string()).await.unwrap()
}

#[tokio::test]
async fn without_a_token_it_is_off_and_tells_nobody_anything() {
    let shown = invoke(FUNCTION, &[], include_str!("../../events/gallery-get.json")).await.unwrap();
    assert_eq!(shown["statusCode"], 503, "{shown}");
    let with_any = event("GET", "/api/jobs", &[("authorization", "Bearer 0123456789abcdef")]);
    let shown = invoke(FUNCTION, &[], &with_any.to_string()).await.unwrap();
    assert_eq!(shown["statusCode"], 503, "{shown}");
}

#[tokio::test]
async fn strangers_are_sent_to_the_login_page_and_programs_told_so() {
    let shown = invoke(FUNCTION, &[TOKEN], include_str!("../../events/gallery-get.json")).await.unwrap();
    assert_eq!(shown["statusCode"], 303, "{shown}");
    assert_eq!(shown["headers"]["location"], "/login?next=%2Fjobs%3Fstate%3Dfailed");
    let policy = shown["headers"]["content-security-policy"].as_str().unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let page = answered(&event("GET", "/login", &[])).await;
    assert_eq!((&page["statusCode"], &page["isBase64Encoded"]), (&json!(200), &json!(false)));
    assert!(page["body"].as_str().unwrap().contains("type=\"password\""), "{page}");
    for headers in [&[][..], &[("authorization", "Bearer 0123456789abcdeg")]] {
        let shown = answered(&event("GET", "/api/jobs", headers)).await;
        assert_eq!(shown["statusCode"], 401, "{shown}");
    }
}

#[tokio::test]
async fn whoever_logs_in_gets_a_cookie_that_opens_the_pages() {
    let mut form = event("POST", "/login", &[("content-type", "application/x-www-form-urlencoded")]);
    // As Function URLs hand over forms: token=0123456789abcdef&next=%2Fjobs
    form["body"] = "dG9rZW49MDEyMzQ1Njc4OWFiY2RlZiZuZXh0PSUyRmpvYnM=".into();
    form["isBase64Encoded"] = true.into();
    let answer = answered(&form).await;
    assert_eq!((&answer["statusCode"], &answer["headers"]["location"]), (&json!(303), &json!("/jobs")), "{answer}");
    let cookie = answer["cookies"][0].as_str().unwrap();
    let (session, attributes) = cookie.split_once("; ").unwrap();
    assert!(session.starts_with("__Host-darkroom_session="), "{cookie}");
    for attribute in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/"] {
        assert!(attributes.split("; ").any(|found| found == attribute), "{cookie}");
    }

    let mut list = event("GET", "/jobs", &[]);
    list["cookies"] = json!(["another=1", session]);
    let page = answered(&list).await;
    assert_eq!(page["statusCode"], 200, "{page}");
    assert_eq!(page["headers"]["cache-control"], "no-store");
}

#[tokio::test]
async fn a_wrong_token_is_refused_after_a_second_and_told_in_the_log() {
    let mut form = event("POST", "/login", &[("content-type", "application/x-www-form-urlencoded")]);
    form["body"] = "dG9rZW49MDEyMzQ1Njc4OWFiY2RlZyZuZXh0PSUyRmpvYnM=".into();
    form["isBase64Encoded"] = true.into();
    let start = std::time::Instant::now();
    let (answer, log) = invoke_and_listen(&stores().await, FUNCTION, &[TOKEN], &form.to_string()).await;
    assert_eq!(answer.unwrap()["statusCode"], 403);
    assert!(start.elapsed().as_millis() >= 1_000);
    assert!(lines(&log).iter().any(|line| line["message"] == "a wrong token was given to the gallery"), "{log}");
    assert!(!log.contains("0123456789abcdeg"), "{log}");
}

#[tokio::test]
async fn programs_read_jobs_and_give_failed_ones_another_try() {
    let (stores, (sqs, sent)) = (stores().await, sqs().await);
    let reason = json!({"kind": "rejected", "message": "too dark"});
    let failed = json!({"name": "failed", "reason": reason});
    job_of_watermark(&stores, &json!({"state": failed, "finished_at": "2026-11-21T08:01:00Z"})).await;
    let environment = [TOKEN, ("AWS_ENDPOINT_URL_SQS", sqs.as_str())];
    let bearer = ("authorization", "Bearer 0123456789abcdef");

    let (answer, log) =
        invoke_and_listen(&stores, FUNCTION, &environment, &event("GET", "/api/jobs", &[bearer]).to_string()).await;
    let answer = answer.unwrap();
    assert_eq!(answer["statusCode"], 200, "{answer} {log}");
    let jobs: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(jobs["jobs"][0]["id"], JOB_ID, "{jobs}");
    assert_eq!((&jobs["jobs"][0]["state"], &jobs["jobs"][1]), (&json!("failed"), &Value::Null), "{jobs}");

    let retry = event("POST", &format!("/api/jobs/{JOB_ID}/retry"), &[bearer]);
    let (answer, log) = invoke_and_listen(&stores, FUNCTION, &environment, &retry.to_string()).await;
    let answer = answer.unwrap();
    assert_eq!(answer["statusCode"], 200, "{answer} {log}");
    assert_eq!(answer["body"], json!({"id": JOB_ID, "outcome": "queued"}).to_string());
    let expected = ("submit-watermark".to_owned(), json!({"job_id": JOB_ID}), json!(TRACE_HEADER));
    assert_eq!(sent.only(), expected, "in the trace that the request came in");
}
