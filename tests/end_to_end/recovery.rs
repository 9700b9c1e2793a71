//! Stopping, dying and starting again loses nothing and pays nothing twice.

use std::{collections::BTreeSet, time::Duration};

use darkroom_sandbox::Latency;

use crate::world::{CAT, Outside, World, picture};

/// Twenty images on their way through both providers, the process killed in the middle, started again.
#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_twenty_images_all_twenty_are_done_and_none_is_paid_twice() {
    let outside = Outside::open(Latency { imgfactory_ms_per_copy: 50, watermark_ms: 400, ..Latency::default() }).await;
    let world = World::new().with_fixed_http_port().with_providers(&outside);
    let keys: Vec<String> = (0..20)
        .map(|number| format!("uploads/{}/{number}.png", if number % 2 == 0 { "imgfactory" } else { "watermark" }))
        .collect();
    let serve = world.serve();
    for (number, key) in keys.iter().enumerate() {
        serve.put(key, &picture(u8::try_from(number).unwrap())).await;
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let ended = count_ended(&serve, &keys).await;
    assert!(ended < 20, "killed too late to show anything: {ended} had ended");
    serve.kill();

    let serve = world.serve();
    for key in &keys {
        serve.done(key).await;
    }
    assert_eq!(outside.charges("imgfactory"), 10, "{:#?}", outside.sandbox.ledger());
    assert_eq!(outside.charges("watermark"), 10, "{:#?}", outside.sandbox.ledger());
    assert_eq!(charged_images(&outside, "watermark").len(), 10);
}

async fn count_ended(serve: &crate::world::Serve, keys: &[String]) -> usize {
    let mut ended = 0;
    for key in keys {
        let document = format!("{}/job.json", key.replacen("uploads/", "results/", 1));
        ended += usize::from(serve.get(&document).await.is_some());
    }
    ended
}

fn charged_images(outside: &Outside, provider: &str) -> BTreeSet<String> {
    let charges = outside.sandbox.ledger().charges;
    charges.into_iter().filter(|charge| charge.provider == provider).map(|charge| charge.image_md5).collect()
}

/// The answer to a paid call is lost together with the process: the task is found again, not made again.
#[tokio::test(flavor = "multi_thread")]
async fn a_task_whose_answer_was_lost_is_found_again_and_not_paid_again() {
    let outside = Outside::open(Latency { imgfactory_ms_per_copy: 10, watermark_ms: 50, ..Latency::default() }).await;
    let world = World::new().with_providers(&outside);
    let serve = world.serve();
    outside.sandbox.faults().imgfactory.drop_next_response(1);
    serve.put("uploads/imgfactory/a.png", &picture(1)).await;
    while outside.charges("imgfactory") == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Another job's task, with the same counts, at the same time.
    serve.put("uploads/imgfactory/b.png", &picture(2)).await;
    serve.done("uploads/imgfactory/b.png").await;
    serve.kill();

    let serve = world.serve();
    let (_, outputs) = serve.done("uploads/imgfactory/a.png").await;
    assert_eq!(outputs.len(), 10);
    assert!(outputs.iter().all(|(key, _)| key.rsplit('/').next().unwrap().starts_with("a_")), "{outputs:?}");
    assert_eq!(outside.charges("imgfactory"), 2, "one for each image");
    assert_eq!(outside.requests("imgfactory async/unique"), 2);
}

/// Callbacks that came while nobody was there: asking again is free.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_callback_costs_a_repeat_and_no_money() {
    let outside = Outside::open(Latency { watermark_ms: 100, ..Latency::default() }).await;
    outside.sandbox.faults().watermark.lose_callbacks(true);
    let world = World::new().with_fixed_http_port().with_providers(&outside);
    let serve = world.serve();
    serve.put("uploads/watermark/a.png", &picture(1)).await;
    while outside.charges("watermark") == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    serve.kill();
    outside.sandbox.faults().watermark.lose_callbacks(false);

    let serve = world.serve();
    let (document, _) = serve.done("uploads/watermark/a.png").await;
    assert_eq!(document["steps"][0]["attempts"], 2);
    assert_eq!(outside.charges("watermark"), 1, "the repeat came from the service's cache");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_came_while_nobody_listened_gets_its_job_and_a_done_one_no_second() {
    let outside = Outside::open(Latency { watermark_ms: 50, ..Latency::default() }).await;
    let world = World::new().with_providers(&outside);
    let serve = world.serve();
    serve.put("uploads/watermark/done.png", &picture(1)).await;
    let (first, _) = serve.done("uploads/watermark/done.png").await;
    assert!(serve.stop());
    let uploads = world.data().join("s3/darkroom/uploads/watermark");
    std::fs::write(uploads.join("copied by hand.jpg"), CAT).unwrap();

    let serve = world.serve();
    serve.done("uploads/watermark/copied by hand.jpg").await;
    assert_eq!(serve.ended("uploads/watermark/done.png").await["id"], first["id"]);
    assert!(serve.stop());

    // The whole folder copied elsewhere: new times, the same contents, and nobody pays again.
    let copy = World::new().with_providers(&outside);
    let status = std::process::Command::new("cp").arg("-r").args([world.data(), copy.data()]).status().unwrap();
    assert!(status.success());
    let serve = copy.serve();
    serve.put("uploads/watermark/new.png", &picture(3)).await;
    serve.done("uploads/watermark/new.png").await;
    assert_eq!(outside.charges("watermark"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_serves_never_work_over_one_folder() {
    let world = World::new();
    let _first = world.serve();
    let mut second = crate::world::darkroom();
    second.args(["serve", "--s3", "127.0.0.1:0", "--http", "127.0.0.1:0", "--dynamodb", "127.0.0.1:0", "--data"]);
    let second = second.arg(world.data()).output().unwrap();
    assert_eq!(second.status.code(), Some(2));
    assert!(crate::world::text(&second.stderr).contains("another darkroom is running"));
}

/// An upload whose notification was lost: here, a file that came into the folder past the S3.
#[tokio::test(flavor = "multi_thread")]
async fn uploads_without_a_job_get_one_by_backfill_and_only_they() {
    let outside = Outside::open(Latency { watermark_ms: 50, ..Latency::default() }).await;
    let world = World::new().with_providers(&outside);
    let serve = world.serve();
    serve.put("uploads/watermark/known.png", &picture(1)).await;
    serve.done("uploads/watermark/known.png").await;
    let unknown = world.data().join("s3/darkroom/uploads/watermark/lost.png");
    std::fs::write(unknown, picture(2)).unwrap();
    let young = serve.run(&["backfill", "uploads/watermark/"]);
    assert!(crate::world::text(&young.stdout).contains("0 jobs made; 1 uploads have theirs"), "{young:?}");
    assert!(crate::world::text(&young.stdout).contains("1 uploads are younger"), "{young:?}");
    for made in ["1 jobs made", "0 jobs made"] {
        let backfill = serve.run(&["backfill", "uploads/", "--min-age-s", "0"]);
        assert!(crate::world::text(&backfill.stdout).contains(made), "{backfill:?}");
        serve.done("uploads/watermark/lost.png").await;
    }
    assert_eq!(outside.charges("watermark"), 2);
    assert_eq!(serve.run(&["backfill", "results/"]).status.code(), Some(2));
}

/// Three times in a row, each time somewhere else on the way.
#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_all_five_services_end_their_work_and_none_is_paid_twice_that_could_be_asked() {
    const EACH: u8 = 4;
    let outside = Outside::open(Latency { imgfactory_ms_per_copy: 20, ..crate::providers::QUICK }).await;
    let world = World::new().with_fixed_http_port().with_providers(&outside);
    let providers = ["imgfactory", "watermark", "fangtang", "vkcloud", "imageban"];
    let uploads: Vec<String> =
        providers.iter().flat_map(|name| (0..EACH).map(move |n| format!("uploads/{name}/{n}.png"))).collect();
    let mut serve = world.serve();
    for (number, upload) in uploads.iter().enumerate() {
        // Every service gets its own pictures: fangtang tells pictures apart by their content alone.
        serve.put(upload, &picture(u8::try_from(number).unwrap())).await;
    }
    for after_ms in [150, 400, 700] {
        tokio::time::sleep(Duration::from_millis(after_ms)).await;
        serve.kill();
        serve = world.serve();
    }
    for upload in &uploads {
        serve.done(upload).await;
    }
    let charges = |name: &str| outside.charges(name);
    let each = usize::from(EACH);
    assert_eq!((charges("imgfactory"), charges("watermark")), (each, each), "{:#?}", outside.sandbox.ledger());
    assert_eq!(charges("fangtang"), each, "{:#?}", outside.sandbox.ledger());
    // Nobody could tell, and a second time costs next to nothing: at most what was on its way at each death.
    for name in ["vkcloud", "imageban"] {
        assert!((each..=each * 3).contains(&charges(name)), "{name}: {}", charges(name));
    }
}

/// Whoever has begun to ask something and goes no further keeps nobody from stopping.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_keeps_serve_from_stopping_nowhere() {
    use std::io::Write as _;
    let serve = World::new().serve();
    let mut hanging = Vec::new();
    for url in [&serve.s3_url, &serve.http_url, &serve.dynamodb_url] {
        let mut socket = std::net::TcpStream::connect(url.trim_start_matches("http://")).unwrap();
        socket.write_all(b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 100\r\n\r\n{").unwrap();
        hanging.push(socket);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let asked_at = std::time::Instant::now();
    assert!(serve.stop(), "it ends well");
    assert!(asked_at.elapsed() < Duration::from_secs(8), "and soon: {:?}", asked_at.elapsed());
}
