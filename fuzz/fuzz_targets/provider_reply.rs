//! Whole conversations with every provider: its client asks, and what strangers could answer comes back.
//!
//! The input: who (a byte), what is asked (a byte), with which options (a byte), and then replies, 0xFE between them. A
//! reply is a byte for its status and kind, and its body.
#![no_main]

use std::{collections::BTreeMap, sync::LazyLock};

use darkroom_fuzz::{check_error, check_error_of_paid_call, check_outcome, client, settings};
use darkroom_shared::{
    config,
    environment::Environment,
    job::{ImageFormat, ProviderName, ResultSource, TaskId},
    provider::{
        Advice, Http, Image, Provider, ProviderError, Reply, Request, ResultHosts, Settled, Submitted, TaskStatus,
        Unsettled, fuzzing::host_to_fetch_from,
    },
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

const END_OF_REPLY: u8 = 0xFE;
const STATUSES: [u16; 16] = [200, 201, 204, 302, 304, 400, 401, 402, 403, 404, 408, 413, 415, 429, 500, 503];
const KINDS: [&str; 4] = ["application/json", "image/jpeg", "text/html", ""];
/// Nobody makes more of an image.
const LONGEST_TASK_ID_BYTES: usize = 256;

/// An address that opens the bucket for a while, and its host.
const IMAGE_URL: (&str, &str) = ("https://bucket.example/steps/1?X-Amz-Signature=5e1f", "bucket.example");
/// A service token and its beginning, which vkcloud is known to repeat.
const TOKEN: (&str, &str) = ("open-sesame-token", "open-ses");

static HTTP: LazyLock<Http> = LazyLock::new(|| Http::new().expect("a sender"));
static HOSTS: LazyLock<BTreeMap<ProviderName, ResultHosts>> =
    LazyLock::new(|| config::result_hosts(&Environment::default()).expect("every address is known"));
static WITH_CLIENT: LazyLock<Environment> = LazyLock::new(settings);
static WITH_TOKEN: LazyLock<Environment> = LazyLock::new(|| settings().with("VKCLOUD_TOKEN", TOKEN.0));
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_current_thread().build().expect("a runtime"));
static IMAGE: LazyLock<Image> =
    LazyLock::new(|| Image { bytes: b"picture".as_slice().into(), format: ImageFormat::Png });

fuzz_target!(|input: &[u8]| {
    let [who, asked, with, replies @ ..] = input else { return };
    let name = ProviderName::ALL[usize::from(*who) % ProviderName::ALL.len()];
    let replies = replies.split(|&byte| byte == END_OF_REPLY).filter_map(reply);
    let http = HTTP.answering(replies);
    let client = client(name, &http, if asked % 5 == 0 { &WITH_CLIENT } else { &WITH_TOKEN });
    let all = options(name);
    let options = &all[usize::from(*with) % all.len()];
    RUNTIME.block_on(async {
        match asked % 5 {
            0 => submit(client.as_ref(), options, true).await,
            1 => submit(client.as_ref(), options, false).await,
            2 => poll(client.as_ref()).await,
            3 => settle(client.as_ref(), options).await,
            _ => account(client.as_ref()).await,
        }
    });
});

fn reply(text: &[u8]) -> Option<Reply> {
    let (&head, body) = text.split_first()?;
    let (status, kind) = (STATUSES[usize::from(head % 16)], KINDS[usize::from(head / 16) % KINDS.len()]);
    Some(Reply { status, content_type: kind.to_owned(), body: body.to_vec().into() })
}

fn options(name: ProviderName) -> Vec<Value> {
    match name {
        ProviderName::Imgfactory => vec![json!({"names": "original"}), json!({"mode": "sync"}), json!({"copies": 1})],
        ProviderName::Watermark => vec![json!({}), json!({"mode": "sync"}), json!({"mode": "sync", "ocr_only": true})],
        ProviderName::Fangtang => vec![json!({})],
        ProviderName::Vkcloud => vec![
            json!({}),
            json!({"mode": "resolution", "rfactor": 2, "rtype": "photo"}),
            json!({"output": "colorized"}),
        ],
        ProviderName::Imageban => vec![
            json!({}),
            json!({"album_name": "Summer"}),
            json!({"send": "url", "auth": "guest"}),
            json!({"album": "x"}),
        ],
    }
}

async fn submit(client: &dyn Provider, options: &Value, with_client: bool) {
    let request = Request {
        image: &IMAGE,
        file_name: "a.png",
        options,
        callback_url: Some("https://hooks.example/callbacks/watermark/1/x"),
        image_url: Some(IMAGE_URL.0),
    };
    match client.submit(request).await {
        Ok(Submitted::Accepted { task_id }) => task_id.iter().for_each(check_task_id),
        Ok(Submitted::Finished(outcome)) => {
            check_outcome(&outcome);
            check_source(client.name(), &outcome.source);
        }
        Ok(Submitted::InHand { report, .. }) => assert!(report.charges <= 1),
        Err(error) => {
            check_error(&error);
            // Before that, nobody has heard of either.
            let said = &error.message;
            assert!(client.name() != ProviderName::Vkcloud || with_client || !said.contains(TOKEN.1), "{said}");
            let sent_alone = client.name() == ProviderName::Imageban && options.get("album_name").is_none();
            assert!(!sent_alone || !said.contains(IMAGE_URL.1), "{said}");
            // There a repeat is free, or nothing was asked yet that costs: an album, a token.
            let free = client.name() == ProviderName::Watermark
                || options.get("album_name").is_some()
                || said.contains("token service");
            if !free {
                check_error_of_paid_call(&error);
            }
        }
    }
}

async fn poll(client: &dyn Provider) {
    let asked = ["7f3b", "b0a8ac0e-d9c4-4b6d-a7b5-4bd8d9a9a9a1"].map(|id| TaskId(id.to_owned()));
    match client.poll(&asked).await {
        Ok(statuses) => {
            for (task, status) in statuses {
                assert!(asked.contains(&task), "{task} was not asked for");
                if let TaskStatus::Finished(outcome) = status {
                    check_outcome(&outcome);
                    check_source(client.name(), &outcome.source);
                }
            }
        }
        Err(error) => check_free_error(&error),
    }
}

async fn settle(client: &dyn Provider, options: &Value) {
    let at = "2024-02-20T12:00:00Z".parse().expect("a time");
    let evidence = match client.evidence(&IMAGE).await {
        Ok(evidence) => evidence.map(|evidence| evidence.noted),
        Err(error) => {
            check_free_error(&error);
            return;
        }
    };
    let ruled_out = [TaskId("7f3b".to_owned())];
    let unsettled =
        Unsettled { options, submitted_at: at, now: at, ruled_out: &ruled_out, evidence: evidence.as_ref() };
    match client.settle(unsettled).await {
        Ok(Settled::Adopted(task)) => {
            assert!(!ruled_out.contains(&task));
            check_task_id(&task);
        }
        Ok(_) => {}
        Err(error) => check_free_error(&error),
    }
}

async fn account(client: &dyn Provider) {
    if let Err(error) = client.account().await {
        check_free_error(&error);
    }
}

fn check_task_id(task: &TaskId) {
    assert!(!task.0.is_empty() && task.0.len() <= LONGEST_TASK_ID_BYTES, "{task:?}");
}

/// It is fetched from where the provider is known to keep results, or not at all.
fn check_source(name: ProviderName, source: &ResultSource) {
    if let ResultSource::Image { url } | ResultSource::Archive { url } = source
        && let Some(host) = host_to_fetch_from(&HOSTS[&name], url)
    {
        let known = ["imgfactory.ru", "processimage.cn", "fangtangtv.com"];
        assert!(known.iter().any(|known| host == *known || host.ends_with(&format!(".{known}"))), "{url}");
    }
}

/// These calls cost nothing, so nothing can be unknown about them.
fn check_free_error(error: &ProviderError) {
    check_error(error);
    assert_ne!(error.advice, Advice::Unknown, "{error}");
}
