//! Holds the line of ARCHITECTURE.md: which part of the crate may import which.
#![expect(clippy::unwrap_used, reason = "a file that cannot be read fails the test")]

use std::{collections::BTreeSet, fs, path::Path};

use darkroom_shared::{job::ProviderName, provider::definition};

/// A part, and the parts of ours that it may import.
const ALLOWED: [(&str, &[&str]); 15] = [
    ("job", &[]),
    ("environment.rs", &[]),
    ("failpoint.rs", &[]),
    ("tls.rs", &[]),
    ("aws", &["environment", "tls"]),
    ("secrets.rs", &["aws", "environment"]),
    ("provider", &["clock", "environment", "failpoint", "job", "tls"]),
    ("store", &["failpoint", "job"]),
    ("clock.rs", &[]),
    ("config", &["environment", "job", "provider"]),
    ("event", &["store"]),
    ("flow", &["clock", "config", "event", "failpoint", "job", "provider", "store", "telemetry"]),
    ("handler", &["clock", "event", "failpoint", "flow", "job", "telemetry"]),
    ("telemetry.rs", &[]),
    ("telemetry", &[]),
];

#[test]
fn every_part_imports_only_what_it_may() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for (part, allowed) in ALLOWED {
        let own = part.trim_end_matches(".rs");
        for file in rust_files(&source.join(part)) {
            for imported in imports(&fs::read_to_string(&file).unwrap()) {
                if imported != own && !allowed.contains(&imported.as_str()) {
                    wrong.push(format!("{} imports {imported}", file.strip_prefix(&source).unwrap().display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_provider_knows_another() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/provider");
    let names = ProviderName::ALL.map(ProviderName::as_str);
    for name in names {
        for file in rust_files(&source.join(name)) {
            let text = fs::read_to_string(&file).unwrap();
            for other in names.iter().filter(|other| **other != name) {
                assert!(!text.contains(&format!("{other}::")), "{} knows {other}", file.display());
            }
        }
    }
}

/// `docs/ADD_A_PROVIDER.md`, held: whoever adds a name to the list is told what else belongs to it.
#[test]
fn every_provider_has_all_of_its_parts() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |file: &str| fs::read_to_string(root.join(file)).unwrap();
    let (readme, example_presets, infra) = (read("README.md"), read("darkroom.toml"), read("infra/README.md"));
    for name in ProviderName::ALL.map(ProviderName::as_str) {
        let folder = root.join("shared/src/provider").join(name);
        for file in ["mod.rs", "config.rs", "wire.rs", "error.rs", "tests.rs", "README.md", "fixtures"] {
            assert!(folder.join(file).exists(), "{name} has no {file}");
        }
        for part in [
            format!("functions/submit-{name}/src/main.rs"),
            format!("shared/examples/call_{name}.rs"),
            format!("sandbox/src/{name}/mod.rs"),
        ] {
            assert!(root.join(&part).exists(), "{name} has no {part}");
        }
        assert!(readme.contains(&format!("`{name}`")), "README.md does not tell of {name}");
        assert!(example_presets.contains(&format!("[{name}.")), "darkroom.toml shows no preset of {name}");
        assert!(infra.contains(&format!("submit-{name}")), "infra/README.md does not name submit-{name}");
    }
}

#[test]
fn every_option_of_every_provider_stands_in_the_example_file_and_in_its_readme() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let example = fs::read_to_string(root.join("darkroom.toml")).unwrap();
    for name in ProviderName::ALL {
        let readme = root.join("shared/src/provider").join(name.as_str()).join("README.md");
        let readme = fs::read_to_string(readme).unwrap();
        let tables = example.split("\n[").filter(|table| table.starts_with(&format!("{name}.")));
        let tables: String = tables.collect();
        for key in (definition(name).options.keys)() {
            // What not everybody can use stands there as a comment.
            let shown = ["", "# "].iter().any(|before| tables.contains(&format!("\n{before}{key} = ")));
            assert!(shown, "darkroom.toml shows no {key} of {name}");
            assert!(readme.contains(&format!("`{key}")), "the README of {name} does not tell of {key}");
        }
    }
}

/// A table that names a test which is not there would be a promise nobody keeps.
#[test]
fn every_test_that_a_document_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let sources = ["shared", "sandbox", "cli/src", "tests"].iter().flat_map(|part| rust_files(&root.join(part)));
    let code: String = sources.map(|file| fs::read_to_string(file).unwrap()).collect();
    let providers = ProviderName::ALL.map(|name| format!("shared/src/provider/{name}/README.md"));
    for document in ["README.md", "ARCHITECTURE.md", "docs/LOGGING.md", "docs/TESTING.md"]
        .iter()
        .copied()
        .chain(providers.iter().map(String::as_str))
    {
        let text = fs::read_to_string(root.join(document)).unwrap();
        // A test's name is a sentence: five words and more.
        let quoted = text.split('`').skip(1).step_by(2);
        let names = quoted.filter(|word| {
            word.split('_').count() >= 5
                && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        });
        for name in names {
            assert!(code.contains(&format!("fn {name}(")), "{document} names the test {name}, and there is none");
        }
    }
}

fn rust_files(place: &Path) -> Vec<std::path::PathBuf> {
    if place.is_file() {
        return vec![place.to_owned()];
    }
    let entries = fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => vec![path],
            None if path.is_dir() => rust_files(&path),
            _ => vec![],
        })
        .collect()
}

/// The parts of our crate that a file names: `crate::part…` and `use crate::{part…, part…}`.
fn imports(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for after in text.split("crate::").skip(1) {
        if let Some(list) = after.strip_prefix('{') {
            let mut depth = 0;
            let mut name = String::new();
            for character in list.chars() {
                match character {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        found.insert(std::mem::take(&mut name));
                    }
                    c if depth == 0 => name.push(c),
                    _ => {}
                }
            }
            found.insert(name);
        } else {
            found.insert(after.to_owned());
        }
    }
    let word = |text: String| -> String {
        text.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
    };
    found.into_iter().map(word).filter(|name| !name.is_empty()).collect()
}
