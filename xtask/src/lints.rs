//! Format, lints and documentation.

use serde_json::Value;

use crate::command::{Result, cargo, packages, run};

pub(crate) fn fmt() -> Result {
    run(cargo("fmt --all --check"))
}

/// Everything at once, then each feature of each crate alone: features that only work together stay hidden otherwise.
pub(crate) fn clippy() -> Result {
    run(cargo(
        "clippy --workspace --all-targets --all-features --locked --keep-going -- -D warnings",
    ))?;
    for (package, features) in features()? {
        for feature in features.iter().filter(|feature| *feature != "default") {
            run(cargo(&format!(
                "clippy -p {package} --no-default-features --features {feature} --locked -- -D warnings"
            )))?;
        }
        run(cargo(&format!("clippy -p {package} --no-default-features --locked -- -D warnings")))?;
    }
    Ok(())
}

pub(crate) fn doc() -> Result {
    let mut command = cargo("doc --workspace --all-features --no-deps --locked");
    command.env("RUSTDOCFLAGS", "-D warnings");
    run(command)
}

/// The crates that have features, with these.
fn features() -> Result<Vec<(String, Vec<String>)>> {
    let of_package = |package: &Value| {
        let features = package["features"].as_object()?.keys().cloned().collect();
        Some((package["name"].as_str()?.to_owned(), features))
    };
    let with_features = |(_, features): &(String, Vec<String>)| !features.is_empty();
    Ok(packages()?.iter().filter_map(of_package).filter(with_features).collect())
}
