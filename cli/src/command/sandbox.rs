//! `darkroom sandbox`: the fake providers alone.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::Context as _;
use darkroom_sandbox::{Latency, Sandbox, Settings, credentials};

use super::serve::stop_signal;
use crate::{Ended, arguments, terminal};

/// Runs until it is stopped; nothing is kept.
pub(crate) async fn run(arguments: arguments::Sandbox) -> anyhow::Result<Ended> {
    let listener = tokio::net::TcpListener::bind(arguments.listen)
        .await
        .with_context(|| format!("nothing can listen on {}; choose another with --listen", arguments.listen))?;
    let mut address = listener.local_addr()?;
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let folder = tempfile::TempDir::new()?;
    let sandbox = Sandbox::open(Settings {
        public_url: format!("http://{address}").parse()?,
        data_dir: folder.path().to_owned(),
        latency: Latency::default(),
    })?;
    terminal::line(format!("IMGFACTORY_URL={}", sandbox.imgfactory_url()));
    terminal::line(format!("IMGFACTORY_TOKEN={}", credentials::IMGFACTORY_TOKEN));
    terminal::line(format!("WATERMARK_URL={}", sandbox.watermark_url()));
    terminal::line(format!("WATERMARK_APP_ID={}", credentials::WATERMARK_APP_ID));
    terminal::line(format!("WATERMARK_APP_SECRET={}", credentials::WATERMARK_APP_SECRET));
    terminal::line("ready");
    let router = sandbox.router();
    tokio::select! {
        served = axum::serve(listener, router) => served?,
        stopped = stop_signal() => stopped?,
    }
    Ok(Ended::Done)
}
