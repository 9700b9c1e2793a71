//! `darkroom serve`: darkroom on this machine until it is stopped.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use darkroom_shared::{
    config::{self, Presets},
    environment::Environment,
    job::ProviderName,
};

use crate::{
    Ended,
    arguments::Serve,
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
        Gallery::Off => "gallery    off: others reach this address, and DARKROOM_GALLERY_TOKEN is not set".to_owned(),
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
        bail!("{} is for functions on AWS; give a file with --config", file.display());
    }
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(Presets::parse(&file.display().to_string(), &text)?)
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
