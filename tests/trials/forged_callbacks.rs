//! Whoever does not know a job's token gets nowhere, costs next to nothing and keeps nobody else from anything.

use std::time::{Duration, Instant};

use bytes::Bytes;
use darkroom_sandbox::Latency;
use darkroom_shared::{
    flow::{CallbackSecrets, CallbackUrls},
    job::{JobId, ProviderName},
};
use futures_util::{StreamExt as _, stream};
use serde_json::Value;

use crate::{
    load::{AT_ONCE, all_done, charged, client, jobs, memory_mb, put_many},
    world::{Outside, World},
};

const SECRET: &str = "the secret of the trial";
/// What would end a job with a stranger's picture.
const BODY: &str = include_str!("../../shared/src/provider/watermark/fixtures/sync_done.json");
const HUGE_BYTES: usize = 2 * 1024 * 1024;
/// So many of each are sent one after the other, to see what one costs.
const COMPARED: u32 = 200;

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_forged_callbacks_are_all_refused_while_four_jobs_are_done() {
    forged(300, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a trial of half a minute"]
async fn ten_thousand_forged_callbacks_are_all_refused_while_twenty_jobs_are_done() {
    forged(10_000, 20).await;
}

/// What came of one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    NotFound,
    /// The connection was closed while a huge body was still on its way.
    HungUp,
    Other(u16),
}

async fn forged(many: u32, honest: u32) {
    let outside = Outside::open(Latency { watermark_ms: 300, ..Latency::default() }).await;
    let world = World::new().with_providers(&outside).with_environment("DARKROOM_CALLBACK_SECRET", SECRET);
    let serve = world.serve();
    let uploads = put_many(&serve, honest).await;
    let ids = loop {
        let ids = known_ids(&serve.run(&["jobs", "--json", "--limit", "1000"]).stdout);
        if ids.len() >= 2 {
            break ids;
        }
    };
    let urls = CallbackUrls::new(serve.http_url.parse().unwrap(), CallbackSecrets::new(vec![SECRET.into()]));
    let true_url = |id: &JobId| urls.of(ProviderName::Watermark, id);
    let huge = Bytes::from(vec![b' '; HUGE_BYTES]);
    // A server that is not going to read a huge body has to close its connection: no other request may be on it.
    let (client, one_way) =
        (client(), reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap());
    let send = |number: u32| {
        let id = &ids[number as usize % ids.len()];
        let other = &ids[(number as usize + 1) % ids.len()];
        let (own, others) = (true_url(id), true_url(other));
        let (address, token) = own.rsplit_once('/').unwrap();
        let wrong = format!("{address}/{}", URL_SAFE[number as usize % 64].to_string().repeat(token.len()));
        let (url, body) = match number % 6 {
            0 => (wrong, BODY.into()),
            1 => (format!("{address}/{}", others.rsplit('/').next().unwrap()), BODY.into()),
            2 => (own.replace("/watermark/", "/imgfactory/"), BODY.into()),
            3 => (own[..own.len() - 1 - number as usize % 20].to_owned(), BODY.into()),
            4 => (wrong, Bytes::from(&BODY[..100])),
            _ => (wrong, huge.clone()),
        };
        let client = if body.len() == HUGE_BYTES { &one_way } else { &client };
        let request = client.post(url).body(body);
        async move {
            match request.send().await.map(|response| response.status().as_u16()) {
                Ok(404) => Answer::NotFound,
                Ok(status) => Answer::Other(status),
                Err(_) if number % 6 == 5 => Answer::HungUp,
                Err(error) => panic!("{error:?}"),
            }
        }
    };
    let (resident_mb, start) = (memory_mb(&serve, "VmRSS"), Instant::now());
    let answers: Vec<Answer> = stream::iter(0..many).map(send).buffer_unordered(AT_ONCE).collect().await;
    let took_s = start.elapsed().as_secs_f64();
    let at_work_mb = memory_mb(&serve, "VmHWM");
    charged(&outside, uploads.len(), Duration::from_secs(60)).await;
    let documents = all_done(&serve, &uploads).await;
    let tries: u64 = documents.iter().map(|document| document["steps"][0]["attempts"].as_u64().unwrap()).sum();

    let id = &ids[0];
    let true_us = one_after_the_other(&client, &true_url(id), 200).await;
    let forged_us = one_after_the_other(&client, &format!("{}x", true_url(id)), 404).await;
    let count = |wanted: Answer| answers.iter().filter(|answer| **answer == wanted).count();
    let (refused, hung_up) = (count(Answer::NotFound), count(Answer::HungUp));
    println!(
        "trial forged callbacks: {many} sent, {} accepted ({refused} answered 404, {hung_up} hung up on), {took_s:.1} s, \
         {:.0}/s, RSS {resident_mb} → {at_work_mb} MB; one costs {forged_us} µs, a true repeat {true_us} µs; {honest} \
         honest jobs done, {tries} tries, {} charges",
        answers.len() - refused - hung_up,
        f64::from(many) / took_s,
        outside.charges("watermark"),
    );
    assert_eq!(refused + hung_up, answers.len(), "{answers:?}");
    // What was answered 429 was not taken; what was taken was taken once.
    assert_eq!(outside.requests("watermark async"), u64::from(honest));
    assert_eq!((outside.charges("watermark"), jobs(&serve)), (uploads.len(), uploads.len()));
    assert!(at_work_mb < resident_mb + 64, "their bodies are not kept");
}

const URL_SAFE: [char; 64] = {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut letters = ['A'; 64];
    let mut place = 0;
    while place < 64 {
        letters[place] = alphabet[place] as char;
        place += 1;
    }
    letters
};

fn known_ids(jobs: &[u8]) -> Vec<JobId> {
    let jobs: Vec<Value> = serde_json::from_slice(jobs).unwrap();
    jobs.iter().map(|job| job["id"].as_str().unwrap().parse().unwrap()).collect()
}

/// How long a request takes, in microseconds, on a connection that is open.
async fn one_after_the_other(client: &reqwest::Client, url: &str, expected: u16) -> u128 {
    let start = Instant::now();
    for _ in 0..COMPARED {
        assert_eq!(client.post(url).body(BODY).send().await.unwrap().status().as_u16(), expected);
    }
    start.elapsed().as_micros() / u128::from(COMPARED)
}
