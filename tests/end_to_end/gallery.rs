//! The gallery and its API, as browsers and people's own tools speak to them. What needs a real browser to be seen is in
//! `tests/browser`.

use std::{collections::BTreeSet, time::Instant};

use reqwest::{Client, RequestBuilder, Response, StatusCode, header, redirect::Policy};
use serde_json::{Value, json};

use crate::providers::QUICK;
use crate::world::{CAT, COFFEE, Outside, Serve, World, dimensions, picture};

const TOKEN: &str = "a token that nobody guesses";

/// A browser's way of asking: cookies are the test's business, and redirects are looked at.
fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().redirect(Policy::none()).no_proxy().build().unwrap()
}

impl Serve {
    fn page(&self, path: &str) -> RequestBuilder {
        client().get(format!("{}{path}", self.http_url))
    }

    fn form(&self, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        client().post(format!("{}{path}", self.http_url)).form(fields)
    }

    async fn api(&self, path: &str) -> Value {
        let answer = self.page(path).bearer_auth(TOKEN).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.json().await.unwrap()
    }

    async fn call(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let call = client().post(format!("{}{path}", self.http_url)).bearer_auth(TOKEN).json(body);
        let answer = call.send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }
}

fn with_token() -> World {
    World::new().with_environment("DARKROOM_GALLERY_TOKEN", TOKEN)
}

fn field<'a>(page: &'a str, name: &str) -> &'a str {
    let value = page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap_or_else(|| panic!("no {name}: {page}"));
    value.split('"').next().unwrap()
}

fn text_of(header: Option<&header::HeaderValue>) -> String {
    header.map(|header| header.to_str().unwrap().to_owned()).unwrap_or_default()
}

async fn status(answer: RequestBuilder) -> StatusCode {
    answer.send().await.unwrap().status()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_behind_the_token() {
    let world = with_token();
    let serve = world.serve();
    for path in ["/jobs", "/upload", "/providers", "/jobs/0123456789abcdef0123456789abcdef", "/nothing"] {
        let answer = serve.page(path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
        let to = text_of(answer.headers().get(header::LOCATION));
        assert!(to.starts_with("/login?next=%2F"), "{to}");
    }
    for path in ["/api/jobs", "/api/providers", "/api/presets", "/api/nothing"] {
        let answer = serve.page(path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
        let told: Value = answer.json().await.unwrap();
        assert_eq!(told["error"]["kind"], "not_logged_in");
    }
    assert_eq!(serve.api("/api/jobs").await, json!({ "jobs": [], "older": null }));

    // A wrong token costs a second, as a form and as a header.
    let begun = Instant::now();
    let wrong = serve.form("/login", &[("token", "a token that somebody guesses"), ("next", "/jobs")]);
    assert_eq!(status(wrong).await, StatusCode::FORBIDDEN);
    assert_eq!(status(serve.page("/api/jobs").bearer_auth("wrong")).await, StatusCode::UNAUTHORIZED);
    assert!(begun.elapsed().as_secs_f64() >= 2.0);

    let entered = serve.form("/login", &[("token", TOKEN), ("next", "//evil.example")]).send().await.unwrap();
    assert_eq!(text_of(entered.headers().get(header::LOCATION)), "/", "to no other site");
    let cookie = text_of(entered.headers().get(header::SET_COOKIE));
    for part in ["darkroom_session=", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=43200"] {
        assert!(cookie.contains(part), "{part} is not in {cookie}");
    }
    let cookie = cookie.split(';').next().unwrap();
    let inside = serve.page("/upload").header(header::COOKIE, cookie).send().await.unwrap();
    assert_eq!(inside.status(), StatusCode::OK);
    let policy = text_of(inside.headers().get(header::CONTENT_SECURITY_POLICY));
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
    assert!(policy.contains(&serve.s3_url), "pictures come from the bucket: {policy}");
    assert_eq!(text_of(inside.headers().get(header::CACHE_CONTROL)), "no-store");
    let page = inside.text().await.unwrap();

    // What changes something wants a proof that it came from our own page.
    let proof = field(&page, "csrf").to_owned();
    let out = |fields: &[(&str, &str)]| serve.form("/logout", fields).header(header::COOKIE, cookie);
    assert_eq!(status(out(&[])).await, StatusCode::FORBIDDEN);
    assert_eq!(status(out(&[("csrf", "guessed")])).await, StatusCode::FORBIDDEN);
    assert_eq!(status(out(&[("csrf", &proof)]).header("sec-fetch-site", "cross-site")).await, StatusCode::FORBIDDEN);
    let left = out(&[("csrf", &proof)]).send().await.unwrap();
    assert!(text_of(left.headers().get(header::SET_COOKIE)).contains("Max-Age=0"));
    let by_script = client().post(format!("{}/api/retry", serve.http_url)).json(&json!({ "ids": [] }));
    assert_eq!(status(by_script.header(header::COOKIE, cookie)).await, StatusCode::FORBIDDEN);
    assert!(!serve.log().contains(TOKEN));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_it_is_for_this_machine_alone() {
    let serve = World::new().serve();
    assert_eq!(status(serve.page("/jobs")).await, StatusCode::OK);
    let rebound = serve.page("/jobs").header(header::HOST, "evil.example");
    assert_eq!(status(rebound).await, StatusCode::FORBIDDEN, "another site's name leads to this machine");
    let blind = client().post(format!("{}/api/retry", serve.http_url)).json(&json!({ "ids": [] }));
    assert_eq!(status(blind).await, StatusCode::FORBIDDEN, "no page of ours sent this");
    assert_eq!(status(serve.form("/providers/watermark/release", &[])).await, StatusCode::FORBIDDEN);
    // The webhook is for the world, whatever it is called there.
    let callback = client().post(format!("{}/callbacks/watermark/x/y", serve.http_url));
    let answer = callback.header(header::HOST, "darkroom.example").send().await.unwrap();
    assert_eq!((answer.status(), answer.text().await.unwrap()), (StatusCode::NOT_FOUND, String::new()));

    let passed_on = serve.page("/jobs").header("x-forwarded-for", "192.0.2.1");
    assert_eq!(status(passed_on).await, StatusCode::FORBIDDEN, "a proxy has made the whole world this machine");
    let public = World::new().with_environment("DARKROOM_PUBLIC_URL", "https://darkroom.example").serve();
    assert_eq!(status(public.page("/jobs")).await, StatusCode::SERVICE_UNAVAILABLE);
    let open = World::new().with_http("0.0.0.0:0").serve();
    let off = open.page("/jobs").send().await.unwrap();
    assert_eq!(off.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(off.text().await.unwrap().contains("DARKROOM_GALLERY_TOKEN"));
    let short = World::new().with_environment("DARKROOM_GALLERY_TOKEN", "short").start(&[]);
    assert!(short.err().unwrap().contains("16 characters"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_by_a_signed_address_and_its_job_is_shown_with_small_pictures() {
    let serve = with_token().serve();
    let (refused, told) = serve.call("/api/uploads", &json!({ "route": "watermark/nothing", "name": "a.jpg" })).await;
    assert_eq!((refused, &told["error"]["kind"]), (StatusCode::BAD_REQUEST, &json!("no_such_preset")));

    let asked = json!({ "route": "watermark/default", "name": "C:\\photos\\../../coffee & cup.jpg" });
    let (_, place) = serve.call("/api/uploads", &asked).await;
    let (key, url) = (place["key"].as_str().unwrap(), place["url"].as_str().unwrap());
    assert!(key.starts_with("uploads/watermark/default/") && key.ends_with("/coffee & cup.jpg"), "{key}");
    let put = |url: &str, origin: &str, body: &'static [u8]| {
        client().put(url).header(header::ORIGIN, origin).header(header::IF_NONE_MATCH, "*").body(body).send()
    };
    let done = put(url, &serve.http_url, COFFEE).await.unwrap();
    assert_eq!(done.status(), StatusCode::OK);
    assert_eq!(text_of(done.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN)), serve.http_url);
    let again = put(url, "http://evil.example", CAT).await.unwrap();
    assert_eq!(again.status(), StatusCode::PRECONDITION_FAILED, "nothing takes its place");
    assert_eq!(again.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN), None, "no other page may speak to the bucket");
    let elsewhere = url.replacen("coffee", "another", 1);
    let elsewhere = put(&elsewhere, &serve.http_url, CAT).await.unwrap();
    assert_eq!(elsewhere.status(), StatusCode::FORBIDDEN, "the address is for one key");

    let (document, outputs) = serve.done(key).await;
    let id = document["id"].as_str().unwrap();
    let mut by_api = serve.api(&format!("/api/jobs/{id}")).await;
    assert_eq!(by_api["outputs"], document["outputs"]);
    by_api["steps"][0]["options"] = document["steps"][0]["options"].clone();
    assert_eq!(by_api, document, "the API tells what job.json tells");

    let begun = Instant::now();
    let small = |name: &str| format!("results/.thumbnails/{id}/{name}.jpg");
    for thumbnail in ["original", "1"] {
        let bytes = loop {
            match serve.get(&small(thumbnail)).await {
                Some(bytes) => break bytes,
                None if begun.elapsed().as_secs() > 30 => panic!("no {thumbnail}: {}", serve.log()),
                None => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            }
        };
        assert!(bytes.len() < 200_000 && dimensions(&bytes).0 <= 640);
    }
    // Nothing but outputs and job.json lies in the result folder.
    let folder = key.replacen("uploads/", "results/", 1);
    let listed = serve.s3().list_objects_v2().bucket("darkroom").prefix(format!("{folder}/")).send().await.unwrap();
    assert_eq!(listed.contents().len(), outputs.len() + 1);

    let page = serve.page(&format!("/jobs/{id}")).bearer_auth(TOKEN).send().await.unwrap().text().await.unwrap();
    // Until thumbnails had time to be made, the pictures themselves stand there.
    let source = page.split("src=\"").find(|part| part.contains("/results/")).unwrap().split('"').next().unwrap();
    let picture = client().get(source.replace("&amp;", "&")).send().await.unwrap();
    assert_eq!(text_of(picture.headers().get(header::CONTENT_TYPE)), "image/jpeg");
    assert!(page.contains("<svg class=\"rectangles\"") && page.contains("SAMPLE"), "the rectangles are drawn");
    assert!(!serve.log().contains("X-Amz-Signature"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_goes_back_page_by_page_and_is_filtered() {
    let serve = with_token().serve();
    // Uploads that no preset is there for fail at once, so that many take no time.
    let many = 60;
    for number in 0..many {
        let name = if number % 10 == 0 { "Ёжик" } else { "cat" };
        serve.put(&format!("uploads/imageban/nothing/{name}-{number}.jpg"), CAT).await;
    }
    serve.put("uploads/vkcloud/default/dog.png", &picture(1)).await;
    serve.done("uploads/vkcloud/default/dog.png").await;
    serve.ended(&format!("uploads/imageban/nothing/cat-{}.jpg", many - 1)).await;

    let (mut seen, mut made, mut path, mut pages) = (BTreeSet::new(), Vec::new(), "/api/jobs".to_owned(), 0);
    loop {
        let page = serve.api(&path).await;
        pages += 1;
        for job in page["jobs"].as_array().unwrap() {
            assert!(seen.insert(job["id"].as_str().unwrap().to_owned()), "twice: {job}");
            made.push(job["created_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap());
        }
        let Some(older) = page["older"].as_str() else { break };
        path = format!("/api/jobs?before={}", older.replace('#', "%23"));
    }
    assert_eq!((seen.len(), pages), (many + 1, 2));
    assert!(made.windows(2).all(|pair| pair[0].as_millisecond() >= pair[1].as_millisecond()), "the newest first");

    let found = async |query: &str| serve.api(&format!("/api/jobs?{query}")).await["jobs"].as_array().unwrap().len();
    assert_eq!(found("state=done").await, 1);
    assert_eq!(found("provider=vkcloud&state=failed").await, 0);
    assert_eq!(found("state=failed&text=%D1%91%D0%B6%D0%B8%D0%BA").await, 6, "in whatever letters");
    assert_eq!(found("route=vkcloud/default").await, 1);
    assert_eq!(found("state=waiting").await, 0);
    let id = seen.first().unwrap();
    assert_eq!(found(&format!("text={id}")).await, 1, "an id finds its job");
    assert_eq!(serve.api("/api/jobs?limit=3").await["jobs"].as_array().unwrap().len(), 3);
    let unread = serve.page("/api/jobs?limit=many").bearer_auth(TOKEN).send().await.unwrap();
    let told: Value = unread.json().await.unwrap();
    assert_eq!(told["error"]["kind"], "wrong_request", "whatever is wrong is told in one shape");
    let wrong = serve.page("/api/jobs?state=finished").bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(wrong.status(), StatusCode::BAD_REQUEST);
    assert!(wrong.text().await.unwrap().contains("queued, submitting, waiting"));
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_jobs_get_another_try_and_what_was_made_can_go_on() {
    let outside = Outside::open(QUICK).await;
    let world = with_token().with_fixed_http_port().with_providers(&outside);
    let broken = world.try_serve(&[]).unwrap();
    broken.put("uploads/imageban/absent/cat.jpg", CAT).await;
    let failed = broken.ended("uploads/imageban/absent/cat.jpg").await;
    assert_eq!(failed["state"], "failed");
    let id = failed["id"].as_str().unwrap().to_owned();
    assert!(broken.stop());

    // With a preset of that name the same job goes through.
    let serve = world
        .with_config("[imageban.absent]\n[vkcloud.double]\nmode = \"resolution\"\nrfactor = 2\nrtype = \"photo\"\n")
        .serve();
    let unknown = "0123456789abcdef0123456789abcdef";
    let (_, retried) = serve.call("/api/retry", &json!({ "ids": [id, unknown] })).await;
    let told: Vec<&Value> = retried["jobs"].as_array().unwrap().iter().map(|job| &job["outcome"]).collect();
    assert_eq!(told, ["queued", "no_such_job"]);
    let done = loop {
        let job = serve.api(&format!("/api/jobs/{id}")).await;
        if job["state"] == "done" {
            break job;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    assert!(done["steps"][0]["links"][0]["link"].as_str().unwrap().starts_with("http"));
    let (_, again) = serve.call(&format!("/api/jobs/{id}/retry"), &json!({})).await;
    assert_eq!(again["outcome"], "not_failed");

    let go_on = serve.form(&format!("/jobs/{id}/continue"), &[("output", "1"), ("route", "vkcloud/double")]);
    let gone_on: Response = go_on.bearer_auth(TOKEN).send().await.unwrap();
    let to = text_of(gone_on.headers().get(header::LOCATION));
    let key = url::Url::parse(&format!("http://a{to}")).unwrap();
    let key = key.query_pairs().next().unwrap().1.into_owned();
    assert!(key.starts_with("uploads/vkcloud/double/") && key.ends_with("/cat.jpg"), "{key}");
    let (_, outputs) = serve.done(&key).await;
    assert_eq!(dimensions(&outputs[0].1).0, dimensions(CAT).0 * 2);
    let presets = serve.api("/api/presets").await;
    assert!(presets["presets"].as_array().unwrap().iter().any(|preset| preset["route"] == "vkcloud/double"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_told_with_its_reason_and_ended_from_there() {
    let outside = Outside::open(QUICK).await;
    let world = with_token().with_providers(&outside).with_environment("IMGFACTORY_TOKEN", "wrong-token-123");
    let serve = world.serve();
    serve.put("uploads/imgfactory/default/a.png", &picture(1)).await;
    let held = loop {
        let providers = serve.api("/api/providers").await;
        let held = providers["providers"].as_array().unwrap().iter().find(|one| one["hold"].is_object()).cloned();
        if let Some(held) = held {
            break held;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    assert_eq!((&held["name"], &held["hold"]["kind"]), (&json!("imgfactory"), &json!("credentials")));
    assert_eq!((&held["unfinished_jobs"], &held["is_sandbox"]), (&json!(1), &json!(false)));
    let page = serve.page("/jobs").bearer_auth(TOKEN).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("imgfactory is on hold"), "{page}");
    let page = serve.page("/providers").bearer_auth(TOKEN).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Invalid token") && !page.contains("wrong-token-123"), "{page}");
    let (_, released) = serve.call("/api/providers/imgfactory/release", &json!({})).await;
    assert_eq!(released["hold"]["kind"], "credentials");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_speak_the_language_that_a_browser_asks_for() {
    let serve = World::new().serve();
    for (asked, lang, words) in [
        ("ru-RU,ru;q=0.9", "ru", "Снимков пока нет."),
        ("zh-CN", "zh-Hans", "还没有图片。"),
        ("fr", "en", "No pictures yet."),
    ] {
        let page = serve.page("/jobs").header(header::ACCEPT_LANGUAGE, asked).send().await.unwrap();
        let page = page.text().await.unwrap();
        assert!(page.contains(&format!("<html lang=\"{lang}\">")) && page.contains(words), "{page}");
    }
}
