//! Crates as they would be published.

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::command::{Result, cargo, packages, root, run, target};

/// Packages every crate that is published, and checks that each compiles from what was packaged.
///
/// Cargo's own verification unpacks a crate's siblings once for a path and version, so a second run in one clone compiles against
/// those of the first. Here they are unpacked side by side, into a workspace that takes each from beside it.
pub(crate) fn check() -> Result {
    let target = target();
    let archives = target.join("package");
    if archives.exists() {
        fs::remove_dir_all(&archives)?;
    }
    let published = published()?;
    let mut command = cargo("package --locked --allow-dirty --no-verify");
    command.args(published.iter().flat_map(|(name, _)| ["--package", name]));
    run(command)?;

    let unpacked = archives.join("unpacked");
    fs::create_dir_all(&unpacked)?;
    let mut manifest = String::from("[workspace]\nmembers = [\"*\"]\nresolver = \"3\"\n\n");
    manifest.push_str("[profile.dev]\ndebug = \"line-tables-only\"\n\n[patch.crates-io]\n");
    for (name, version) in &published {
        let folder = format!("{name}-{version}");
        unpack(&archives.join(format!("{folder}.crate")), &unpacked)?;
        writeln!(manifest, "{name} = {{ path = \"{folder}\" }}")?;
    }
    fs::write(unpacked.join("Cargo.toml"), manifest)?;
    // The same versions of everything else.
    fs::copy(root().join("Cargo.lock"), unpacked.join("Cargo.lock"))?;
    let mut command = cargo("check --workspace --all-features");
    command.current_dir(&unpacked).env("CARGO_TARGET_DIR", &target);
    run(command)
}

/// The names and versions of the crates that are published.
fn published() -> Result<Vec<(String, String)>> {
    let is_published = |package: &&Value| package["publish"].is_null();
    packages()?
        .iter()
        .filter(is_published)
        .map(|package| {
            let text = |name: &str| {
                package[name].as_str().map(str::to_owned).ok_or(format!("a package has no {name}"))
            };
            Ok((text("name")?, text("version")?))
        })
        .collect()
}

fn unpack(archive: &Path, into: &Path) -> Result {
    let mut command = Command::new("tar");
    command.arg("-xzf").arg(archive).arg("-C").arg(into).stdin(Stdio::null());
    run(command)
}
