//! What every measure needs: the binaries, the Python of the peers, and where things are.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::Context as _;

use crate::Arguments;

/// All functions, by the names of their packages, which are those of their binaries.
pub(crate) const FUNCTIONS: [&str; 8] = [
    "submit-imgfactory",
    "submit-watermark",
    "submit-fangtang",
    "submit-vkcloud",
    "submit-imageban",
    "webhook",
    "poller",
    "collector",
];

/// What is measured with.
#[derive(Debug)]
pub(crate) struct Bench {
    /// The folder of the release binaries.
    pub(crate) binaries: PathBuf,
    /// A Python with the peers' requirements.
    pub(crate) python: PathBuf,
    /// Fewer repeats and smaller loads.
    pub(crate) quick: bool,
    /// Build the workspace from clean as well, and take the time of that.
    pub(crate) measure_build: bool,
    /// Where Cargo builds.
    pub(crate) target: PathBuf,
}

impl Bench {
    /// Builds what is measured, and the environment of the peers.
    pub(crate) fn prepare(arguments: &Arguments) -> anyhow::Result<Self> {
        // `reqwest` has no TLS of its own here; that a provider is there already is no mistake.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let target = arguments.target.clone().unwrap_or_else(|| root().join("target"));
        let binaries = match &arguments.binaries {
            Some(folder) => folder.canonicalize().with_context(|| format!("no folder {}", folder.display()))?,
            None => {
                build(&target)?;
                target.join("release")
            }
        };
        let python = peers(&target.join("peers"))?;
        let Arguments { quick, measure_build, .. } = *arguments;
        Ok(Self { binaries, python, quick, measure_build, target })
    }

    /// A binary, by its name.
    pub(crate) fn binary(&self, name: &str) -> anyhow::Result<PathBuf> {
        let binary = self.binaries.join(name);
        anyhow::ensure!(binary.is_file(), "there is no {}; build it first", binary.display());
        Ok(binary)
    }

    /// `many`, or `few` when it is only to be seen that a measure works.
    pub(crate) fn count(&self, many: usize, few: usize) -> usize {
        if self.quick { few } else { many }
    }
}

/// The repository.
pub(crate) fn root() -> &'static Path {
    let benches = Path::new(env!("CARGO_MANIFEST_DIR"));
    benches.parent().unwrap_or(benches)
}

/// The folder with the peers' code.
pub(crate) fn peers_folder() -> PathBuf {
    root().join("benches/peers")
}

/// Runs `command` to its end; what it says goes to standard error, since standard output is the table's.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.stdin(Stdio::null()).stdout(std::io::stderr()).status();
    let status = status.with_context(|| format!("{command:?} did not start"))?;
    anyhow::ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}

/// What `command` prints, without the space around it.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output();
    let output = output.with_context(|| format!("{command:?} did not start"))?;
    anyhow::ensure!(output.status.success(), "{command:?} ended with {}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn build(target: &Path) -> anyhow::Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--locked", "--package", "darkroom"]).current_dir(root());
    cargo.args(FUNCTIONS.iter().flat_map(|function| ["--package", function])).env("CARGO_TARGET_DIR", target);
    run(&mut cargo)
}

/// The Python of the peers, made anew when what it is to hold has changed.
fn peers(folder: &Path) -> anyhow::Result<PathBuf> {
    let wanted = std::fs::read_to_string(peers_folder().join("requirements.txt"))?;
    let (python, marker) = (folder.join("bin/python"), folder.join("requirements.txt"));
    if std::fs::read_to_string(&marker).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder))?;
    let requirements = peers_folder().join("requirements.txt");
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(requirements))?;
    std::fs::write(marker, wanted)?;
    Ok(python)
}
