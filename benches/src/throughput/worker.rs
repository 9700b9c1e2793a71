//! The Python worker as a process.

use std::process::Stdio;

use anyhow::bail;

use crate::{
    bench::{Bench, peers_folder},
    load::{BUCKET, Flow, Host, Provider},
    process::{Process, command},
};

/// A running `peers/worker.py`.
pub(super) struct Worker {
    process: Process,
    flow: Flow,
}

impl Worker {
    /// Starts one over the stores of `host`, for a prefix of its own, and waits until it is ready.
    pub(super) async fn start(
        bench: &Bench,
        host: &Host,
        provider: &Provider,
        name: &str,
        round: usize,
    ) -> anyhow::Result<Self> {
        let folder = format!("worker/{name}-{round}");
        let flow = Flow { uploads: format!("{folder}/in/"), results: format!("{folder}/out/") };
        let mut python = command(&bench.python, std::iter::empty::<(String, String)>());
        python.arg(peers_folder().join("worker.py")).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let address = format!("{}/{name}", provider.url());
        for (option, value) in [
            ("--s3", host.s3_url.as_str()),
            ("--dynamodb", &host.dynamodb_url),
            ("--bucket", BUCKET),
            ("--table", "worker"),
            ("--uploads", &flow.uploads),
            ("--results", &flow.results),
            ("--provider", name),
            ("--provider-url", &address),
        ] {
            python.args([option, value]);
        }
        let mut process = Process::start(&mut python)?;
        match process.line().await?.as_deref() {
            Some("ready") => Ok(Self { process, flow }),
            said => bail!("the worker did not start: {said:?}"),
        }
    }

    /// Where it finds pictures and puts results.
    pub(super) fn flow(&self) -> Flow {
        self.flow.clone()
    }

    /// Stops it.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.process.stop().await
    }
}
