//! `darkroom sandbox`: the fake providers alone.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::Context as _;
use darkroom_sandbox::{Latency, Sandbox, Settings};

use super::serve::stop_signal;
use crate::{Ended, arguments, hint::Hint as _, terminal};

/// Runs until it is stopped; nothing is kept.
pub(crate) async fn run(arguments: arguments::Sandbox) -> anyhow::Result<Ended> {
    let listener = tokio::net::TcpListener::bind(arguments.listen)
        .await
        .with_context(|| format!("the sandbox cannot listen on {}", arguments.listen))
        .hint(|| "another program may be there; choose another port with --listen".to_owned())?;
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
    for provider in Sandbox::PROVIDERS {
        for (name, value) in sandbox.environment(provider) {
            terminal::line(format!("{name}={value}"));
        }
    }
    terminal::note(format!("faults, charges and the clock: http://{address}/control (see sandbox/README.md)"));
    terminal::line("ready");
    let router = sandbox.router().nest("/control", sandbox.control_router());
    tokio::select! {
        served = axum::serve(listener, router) => served?,
        stopped = stop_signal() => stopped?,
    }
    Ok(Ended::Done)
}
