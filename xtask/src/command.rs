//! Other programs, run from the root of the workspace.

use std::{
    env,
    error::Error,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

pub(crate) type Result<T = (), E = Box<dyn Error>> = std::result::Result<T, E>;

/// The folder of the workspace.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Where cargo builds, also from another folder.
pub(crate) fn target() -> PathBuf {
    root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// The packages of the workspace, as `cargo metadata` describes them.
pub(crate) fn packages() -> Result<Vec<Value>> {
    let metadata = output(cargo("metadata --no-deps --format-version 1 --locked"))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    Ok(metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?.clone())
}

/// The cargo that runs this program.
pub(crate) fn program() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// That cargo, with arguments parted by spaces.
pub(crate) fn cargo(arguments: &str) -> Command {
    let mut command = Command::new(program());
    command.current_dir(root()).args(arguments.split_whitespace()).stdin(Stdio::null());
    command
}

/// Runs it to its end; an error when it fails.
pub(crate) fn run(mut command: Command) -> Result {
    let shown = announce(&command);
    let status = command.status().map_err(|error| format!("{shown}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{shown}: {status}").into()) }
}

/// Runs it to its end and answers what it wrote.
pub(crate) fn output(mut command: Command) -> Result<String> {
    let shown = shown(&command);
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("{shown}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{shown}: {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Says what is about to run, so that it can be run by hand.
pub(crate) fn announce(command: &Command) -> String {
    let shown = shown(command);
    eprintln!("$ {shown}");
    shown
}

fn shown(command: &Command) -> String {
    // Other variables may hold a password.
    let flags = command.get_envs().filter(|(name, _)| name.to_string_lossy().ends_with("FLAGS"));
    let flags = flags.filter_map(|(name, value)| {
        Some(format!("{}={:?} ", name.to_string_lossy(), value?.to_string_lossy()))
    });
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let arguments = command.get_args().map(|argument| format!(" {}", argument.to_string_lossy()));
    flags.chain([program.to_string_lossy().into_owned()]).chain(arguments).collect()
}
