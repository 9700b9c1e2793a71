//! `darkroom serve`: darkroom on this machine until it is stopped.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use darkroom_shared::{
    config::{self, Presets},
    environment::Environment,
    job::ProviderName,
};

use crate::{
    Ended,
    arguments::Serve,
    hint::{Hint as _, hinted},
    local::{Gallery, Host, NAME, Settings},
    terminal,
};

/// Runs until Ctrl-C or SIGTERM.
pub(crate) async fn run(serve: Serve, environment: Environment) -> anyhow::Result<Ended> {
    let presets = presets(presets_file(serve.config, &environment).as_deref())?;
    for warning in presets.warnings() {
        terminal::note(format!("warning: {warning}"));
    }
    let has_public_url = serve.public_url.is_some() || environment.get("DARKROOM_PUBLIC_URL").is_some();
    let addresses = ProviderName::ALL.map(|provider| (provider, config::address(&environment, provider)));
    let addresses = BTreeMap::from(addresses);
    look_at_data(&serve.data)?;
    let host = Host::start(Settings {
        data: serve.data.clone(),
        presets,
        s3: serve.s3,
        http: serve.http,
        dynamodb: serve.dynamodb,
        public_url: serve.public_url,
        environment,
    })
    .await?;
    terminal::line(format!("S3         {}  bucket {NAME}, path style", host.s3_url));
    terminal::line(format!("HTTP       {}  webhook, /health", host.http_url));
    terminal::line(match host.gallery {
        Gallery::On => format!("gallery    {}/", host.http_url),
        Gallery::Off => {
            "gallery    off: others reach this address or the public one, and DARKROOM_GALLERY_TOKEN is not set"
                .to_owned()
        }
    });
    terminal::line(format!("DynamoDB   {}  table {NAME}", host.dynamodb_url));
    for provider in ProviderName::ALL {
        let what = match (host.sandboxed.contains(&provider), addresses.get(&provider).and_then(Option::as_ref)) {
            (false, Some(address)) => format!("real, at {address}"),
            (false, None) => "real".to_owned(),
            (true, Some(address)) => format!("sandbox (no credentials set, so {address} is not used)"),
            (true, None) => "sandbox (no credentials set)".to_owned(),
        };
        terminal::line(format!("{provider:<10} {what}"));
    }
    if !has_public_url && !host.sandboxed.contains(&ProviderName::Watermark) {
        terminal::note(
            "warning: the watermark service cannot call back to this machine's own address; set --public-url, or use \
             mode = \"sync\" in its presets. Without either, results come only after 40 minutes, at extra cost",
        );
    }
    terminal::line(format!("data       {}", serve.data.display()));
    terminal::line("ready");
    stop_signal().await?;
    terminal::note("stopping; what is not done goes on at the next start");
    host.stop().await;
    Ok(Ended::Done)
}

/// Refuses what can be no folder for the data, and says where a folder looks like another one's.
fn look_at_data(data: &Path) -> anyhow::Result<()> {
    if data.exists() && !data.is_dir() {
        return Err(hinted(
            format!("{} is no folder", data.display()),
            "name a folder with --data; it is made if it is not there",
        ));
    }
    let is_ours = data.join("lock").exists();
    let has_others = || std::fs::read_dir(data).is_ok_and(|mut entries| entries.next().is_some());
    if !is_ours && has_others() {
        terminal::note(format!(
            "warning: {} holds other things and no data of darkroom's; if it is the wrong folder, stop and name another \
             with --data",
            data.display()
        ));
    }
    Ok(())
}

/// `--config`, `DARKROOM_CONFIG`, `./darkroom.toml` or the built-in presets, in this order.
pub(super) fn presets_file(config: Option<PathBuf>, environment: &Environment) -> Option<PathBuf> {
    let named = config.or_else(|| environment.get("DARKROOM_CONFIG").map(PathBuf::from));
    let usual = PathBuf::from("darkroom.toml");
    named.or_else(|| usual.exists().then_some(usual))
}

/// The presets of `file`, or the built-in ones.
pub(super) fn presets(file: Option<&Path>) -> anyhow::Result<Presets> {
    let Some(file) = file else { return Ok(Presets::built_in()) };
    if file.starts_with("s3:") {
        return Err(hinted(
            format!("{} is for functions on AWS", file.display()),
            "give a file with --config, or unset DARKROOM_CONFIG",
        ));
    }
    let text =
        std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display())).hint(|| {
            "name the file of the presets with --config or DARKROOM_CONFIG; without either, there are those that are \
                  built in"
                .to_owned()
        })?;
    Presets::parse(&file.display().to_string(), &text)
        .hint(|| "mend the file; `darkroom check` says whether it is right, without starting anything".to_owned())
}

/// Ends when the person or the system asks the process to stop.
pub(crate) async fn stop_signal() -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = terminate.recv() => {}
            interrupted = tokio::signal::ctrl_c() => interrupted?,
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await?;
    Ok(())
}
