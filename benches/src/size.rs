//! How large the functions' packages are, and how long the workspace builds from clean.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::{
    bench::{Bench, FUNCTIONS, root, run},
    numbers::mib,
    report::{self, Line},
};

/// What a package may have, and what it should have.
const MOST_MIB: f64 = 5.0;
const AIM_MIB: f64 = 3.0;
/// What it is called in the results.
const BUILD: &str = "workspace built from clean";

/// Weighs the packages. The build is measured with `--measure-build` alone; else the last number stays.
pub(crate) async fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    for function in FUNCTIONS {
        lines.push(package(bench, function)?);
    }
    if bench.measure_build {
        lines.push(build(bench)?);
    } else if let Some(measured) = report::previous("size")?
        && let Some(kept) = measured.lines.into_iter().find(|line| line.what == BUILD)
    {
        lines.push(kept.into_line("size"));
    }
    Ok(lines)
}

fn package(bench: &Bench, function: &str) -> anyhow::Result<Line> {
    let made = bench.target.join("lambda").join(function).join("bootstrap.zip");
    let (bytes, how) = match std::fs::metadata(&made) {
        Ok(zip) => (zip.len(), "bootstrap.zip of infra/build.sh"),
        // No Lambda build is there: the same binary, packed as a package would be.
        Err(_) => (packed(&bench.python, &bench.binary(function)?)?, "the measured binary, zipped"),
    };
    let binary = std::fs::metadata(bench.binary(function)?)?.len();
    Ok(Line {
        measure: "size",
        what: format!("{function}: package ({how})"),
        goal: format!("≤ {MOST_MIB} MiB, aim {AIM_MIB}"),
        result: format!("{:.2} MiB", mib(bytes)),
        peer: None,
        limit: "what it links: AWS's clients, TLS, HTTP".into(),
        met: mib(bytes) <= MOST_MIB,
        numbers: json!({"package_bytes": bytes, "binary_bytes": binary, "of": how, "aim_met": mib(bytes) <= AIM_MIB}),
    })
}

/// The size of a zip with this binary in it, by Python's `zipfile`, which is zlib's best.
fn packed(python: &Path, binary: &Path) -> anyhow::Result<u64> {
    const PACK: &str = "import sys, zipfile\n\
        zipfile.ZipFile(sys.argv[2], 'w', zipfile.ZIP_DEFLATED, compresslevel=9).write(sys.argv[1], 'bootstrap')";
    let folder = tempfile::TempDir::new()?;
    let zip = folder.path().join("bootstrap.zip");
    let mut pack = Command::new(python).args(["-"]).arg(binary).arg(&zip).stdin(Stdio::piped()).spawn()?;
    pack.stdin.take().context("no way to tell Python what to do")?.write_all(PACK.as_bytes())?;
    anyhow::ensure!(pack.wait()?.success(), "{} could not be packed", binary.display());
    Ok(std::fs::metadata(zip)?.len())
}

/// Builds everything from nothing, as a fresh clone does; crates are on this machine already.
fn build(bench: &Bench) -> anyhow::Result<Line> {
    let mut times = Vec::<(&str, Value)>::new();
    let mut told = Vec::new();
    for (profile, arguments) in [("dev", &[][..]), ("release", &["--release"])] {
        std::fs::create_dir_all(&bench.target)?;
        let folder = tempfile::TempDir::new_in(&bench.target)?;
        run(Command::new("cargo").args(["fetch", "--locked"]).current_dir(root()))?;
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--workspace", "--locked"]).args(arguments).current_dir(root());
        let started = Instant::now();
        run(cargo.env("CARGO_TARGET_DIR", folder.path()))?;
        let seconds = started.elapsed().as_secs_f64();
        times.push((profile, seconds.into()));
        told.push(format!("{profile} {seconds:.0} s"));
    }
    Ok(Line {
        measure: "size",
        what: BUILD.into(),
        goal: "known".into(),
        result: told.join(", "),
        peer: None,
        limit: "release: one codegen unit a crate and link-time optimisation, for a small package".into(),
        met: true,
        numbers: times.into_iter().map(|(profile, seconds)| (format!("{profile}_s"), seconds)).collect(),
    })
}
