//! `put`, `jobs`, `job` and `demo` as people and scripts use them.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

use crate::world::{CAT, COFFEE, ROCKET, Serve, World, darkroom, file, text};

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
    // The beginning of an id is enough, as a narrow terminal shows it.
    assert_eq!(json(&serve.run(&["job", &id[..12], "--json"])), jobs[0]);
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
    assert!(demo.stderr.is_empty(), "nobody watches: {}", text(&demo.stderr));
    assert!(!table.contains('\u{1b}'), "{table}");
    for image in ["cat.jpg", "coffee-watermarked.jpg", "old-portrait.jpg", "rocket.jpg"] {
        assert!(table.contains(image), "{table}");
        let single = out.join(format!("watermark/clean/{image}/{image}"));
        assert!(image::open(&single).is_ok(), "{}", single.display());
        let copies = std::fs::read_dir(out.join(format!("imgfactory/copies/{image}"))).unwrap().count();
        assert_eq!(copies, 11, "ten copies and job.json");
    }
}

/// The arguments that lead to `serve`.
fn place(serve: &Serve) -> [String; 4] {
    let address = |url: &str| url.trim_start_matches("http://").to_owned();
    ["--s3".into(), address(&serve.s3_url), "--dynamodb".into(), address(&serve.dynamodb_url)]
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_terminal_every_image_is_a_plain_line_when_it_ends() {
    let world = World::new();
    let serve = world.serve();
    let folder = world.folder.path();
    let files = [("cat.jpg", CAT), ("rocket.jpg", ROCKET), ("fake.jpg", b"no photo".as_slice())];
    let files = files.map(|(name, content)| file(folder, name, content));
    let arguments: Vec<&str> =
        ["put", "imgfactory/default"].into_iter().chain(files.iter().map(String::as_str)).chain(["--wait"]).collect();
    let put = serve.run(&arguments);
    let told = text(&put.stdout);
    assert!(put.stderr.is_empty() && !told.contains('\u{1b}'), "{told}{}", text(&put.stderr));
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 6, "three go in, three end: {told}");
    assert!(lines[3].starts_with("failed  uploads/imgfactory/default/fake.jpg"), "it waited for no other: {told}");
    assert!(lines[4..].iter().all(|line| line.starts_with("done    uploads/imgfactory/default/")), "{told}");
    assert!(told.contains("10 files (") && told.contains(" in results/imgfactory/default/cat.jpg"), "{told}");

    let jobs = |environment: &[(&str, &str)]| {
        let mut command = darkroom();
        command.arg("jobs").args(place(&serve)).envs(environment.iter().copied());
        text(&command.output().unwrap().stdout)
    };
    let plain = jobs(&[]);
    assert!(!plain.contains('\u{1b}') && !plain.contains('…') && plain.contains(" ago"), "{plain}");
    assert!(jobs(&[("CLICOLOR_FORCE", "1")]).contains("\u{1b}[32mdone"));
    assert!(!jobs(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]).contains('\u{1b}'));
}

/// Runs the command on a terminal of a hundred columns, as `script` of util-linux makes one.
#[cfg(target_os = "linux")]
fn on_a_terminal(before: &str, arguments: &str, environment: &[(&str, &str)]) -> Output {
    let binary = env!("CARGO_BIN_EXE_darkroom");
    let line = format!("stty cols 100 rows 12; {before} {binary} {arguments}");
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).stdin(Stdio::null());
    for of_this_machine in ["CI", "CLICOLOR", "CLICOLOR_FORCE", "DARKROOM_BUCKET", "DARKROOM_TABLE", "NO_COLOR"] {
        script.env_remove(of_this_machine);
    }
    script.env("TERM", "xterm");
    script.envs(environment.iter().copied()).output().unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn on_a_terminal_there_are_bars_and_colours_and_a_list_fits() {
    let world = World::new();
    let serve = world.serve();
    let place = place(&serve).join(" ");
    let name = "a-name-that-is-much-longer-than-a-terminal-of-a-hundred-columns-has-room-for-beside-others.jpg";
    let (cat, long) = (file(world.folder.path(), "cat.jpg", CAT), file(world.folder.path(), name, b"no photo"));
    let put = on_a_terminal("", &format!("put watermark/default {cat} {long} --wait {place}"), &[]);
    let shown = text(&put.stdout);
    assert_eq!(put.status.code(), Some(1), "{shown}");
    for words in ["✓", "✗", "1 of 2 done", "1 failed", "0 of 2"] {
        assert!(shown.contains(words), "'{words}' is not in: {shown}");
    }
    let scripted = on_a_terminal("", &format!("put watermark/default {cat} --wait --json {place} 2>/dev/null"), &[]);
    assert_eq!(json(&scripted)[0]["state"], "done");

    let jobs = text(&on_a_terminal("", &format!("jobs {place}"), &[]).stdout);
    assert!(jobs.contains("\u{1b}[32mdone") && jobs.contains("\u{1b}[31mfailed"), "{jobs}");
    let help = text(&on_a_terminal("", "jobs --help", &[]).stdout);
    assert!(help.contains("\u{1b}[1m") && help.contains("Examples:"), "{help}");
    // Some libraries take a machine that builds and tests for one whose terminals can show everything.
    for environment in [&[("NO_COLOR", "1")][..], &[("TERM", "dumb")], &[("TERM", "dumb"), ("CI", "true")]] {
        let jobs = text(&on_a_terminal("", &format!("jobs {place}"), environment).stdout);
        assert!(!jobs.contains('\u{1b}') && jobs.contains('…'), "{jobs}");
        assert!(jobs.lines().take(5).all(|line| line.trim_end().chars().count() <= 100), "{jobs}");
        let help = text(&on_a_terminal("", "jobs --help", environment).stdout);
        assert!(!help.contains('\u{1b}') && help.contains("Examples:"), "{help}");
        let wrong = text(&on_a_terminal("", "jobs --stat done", environment).stdout);
        assert!(!wrong.contains('\u{1b}') && wrong.contains("--state"), "{wrong}");
    }

    let watch = on_a_terminal("timeout --foreground -s INT 5", &format!("jobs --watch {place}"), &[]);
    let drawn = text(&watch.stdout);
    let (screen, after) = drawn.split_once("\u{1b}[?1049l").unwrap_or_else(|| panic!("{drawn}"));
    assert!(screen.contains("\u{1b}[?1049h") && screen.contains("Ctrl-C"), "{drawn}");
    assert!(screen.ends_with("\u{1b}[?25h"), "the cursor is back: {drawn}");
    assert!(after.contains("cat.jpg"), "what was seen last stays: {drawn}");
}

#[tokio::test(flavor = "multi_thread")]
async fn watched_elsewhere_than_on_a_terminal_every_change_is_a_line() {
    let world = World::new();
    let serve = world.serve();
    let watch = |more: &[&str]| {
        let mut command = darkroom();
        command.args(["jobs", "--watch"]).args(more).args(place(&serve)).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        (process, lines.map(Result::unwrap))
    };
    let (mut plain, mut lines) = watch(&[]);
    let (mut scripted, mut documents) = watch(&["--json", "--state", "done"]);
    serve.put("uploads/imgfactory/cat.jpg", CAT).await;
    let (mut seen, mut last) = (0, String::new());
    while !last.contains("  done ") {
        last = lines.next().unwrap();
        assert!(last.contains("  uploads/imgfactory/cat.jpg  "), "{last}");
        seen += 1;
    }
    assert!(seen >= 2, "its states on the way are told too");
    let document: Value = serde_json::from_str(&documents.next().unwrap()).unwrap();
    assert_eq!(document["state"], "done");

    // Who watches ends when nobody reads any more.
    drop((lines, documents));
    serve.put("uploads/imageban/cat.jpg", CAT).await;
    let ended = tokio::task::spawn_blocking(move || [plain.wait().unwrap().code(), scripted.wait().unwrap().code()]);
    let ended = tokio::time::timeout(std::time::Duration::from_secs(30), ended).await.unwrap().unwrap();
    assert_eq!(ended, [Some(0); 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_wrong_is_told_with_what_to_do_now() {
    let world = World::new();
    let serve = world.serve();
    let folder = world.folder.path();
    let (photo, slip) = (file(folder, "photo.jpg", CAT), folder.join("phtoo.jpg"));
    let (folder, slip) = (folder.to_str().unwrap(), slip.to_str().unwrap());
    let s3 = serve.s3_url.trim_start_matches("http://");
    let told = |arguments: &[&str], words: [&str; 2]| {
        let output = serve.run(arguments);
        let problem = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {problem}");
        assert!(words.iter().all(|word| problem.contains(word)), "{arguments:?}: {words:?} are not in: {problem}");
    };
    told(&["put", "watermark/default", slip], ["is no file\n  hint: was ", &photo]);
    told(&["put", "watermark/default", folder], ["is a folder", "/*.jpg"]);
    told(&["put", "imgfactry/ten", &photo], ["there is no provider 'imgfactry'", "was 'imgfactory/ten' meant?"]);
    told(&["put", "watermark/default", &photo, "--out", &photo], ["cannot be made", "nothing was put"]);
    told(&["jobs", "--state", "don"], ["invalid value 'don'", "'done'"]);
    told(&["job", "0123abcd"], ["there is no job 0123abcd", "hint: `darkroom jobs`"]);
    told(&["job", "xyz"], ["is not a job id", "first characters are enough"]);
    told(&["backfill", "results/"], ["no prefix of uploads", "darkroom backfill uploads/"]);
    let alone = |arguments: &[&str], words: [&str; 2]| {
        let output = darkroom().args(arguments).output().unwrap();
        let problem = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {problem}");
        assert!(words.iter().all(|word| problem.contains(word)), "{arguments:?}: {words:?} are not in: {problem}");
    };
    alone(&["jobs", "--s3", "127.0.0.1:9"], ["is it running?", "hint: start it with `darkroom serve`"]);
    alone(
        &["jobs", "--s3", s3, "--dynamodb", "127.0.0.1:9"],
        ["could not be listed", "hint: the S3 of `darkroom serve`"],
    );
    alone(&["serve", "--data", &photo], ["is no folder", "hint: name a folder with --data"]);
    alone(&["serve", "--config", slip], ["cannot be read", "hint: name the file of the presets"]);
    alone(&["sandbox", "--listen", s3], ["cannot listen", "--listen"]);
    let data = world.data();
    alone(&["serve", "--data", data.to_str().unwrap()], ["another darkroom is running", "--data"]);
}

#[test]
fn every_shell_gets_completions_and_every_command_ends_its_help_with_examples() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = darkroom().args(["completions", shell]).output().unwrap();
        assert!(script.status.success() && text(&script.stdout).contains("completions"), "{shell}");
    }
    let script = text(&darkroom().args(["completions", "bash"]).output().unwrap().stdout);
    for words in ["imgfactory watermark fangtang vkcloud imageban", "queued submitting waiting ready done failed"] {
        assert!(script.contains(words), "'{words}' is not in the completions of bash");
    }
    let commands =
        ["demo", "serve", "put", "jobs", "job", "retry", "backfill", "release", "check", "sandbox", "completions"];
    for command in commands {
        let help = text(&darkroom().args([command, "--help"]).output().unwrap().stdout);
        let (_, examples) = help.split_once("Examples:").unwrap_or_else(|| panic!("{help}"));
        assert!(examples.contains(&format!("darkroom {command}")), "{help}");
    }
}
