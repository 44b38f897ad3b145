//! Who causes a change.

use std::{env, fs};

use blacksmith_store::MAX_NAME_BYTES;
use clap::Args;

/// Who is named in the history.
#[derive(Args, Clone, Debug)]
pub(crate) struct ActorFlag {
    #[arg(
        long,
        value_name = "NAME",
        env = "BLACKSMITH_ACTOR",
        help = "Who does this, as the history keeps it [default: USER@HOST]"
    )]
    actor: Option<String>,
}

impl ActorFlag {
    /// The given name, or the user's at this machine.
    pub(crate) fn name(&self) -> String {
        match &self.actor {
            Some(actor) if !actor.is_empty() => actor.clone(),
            _ => user_at_host(variable(&["USER", "LOGNAME", "USERNAME"]), host()),
        }
    }
}

fn user_at_host(user: Option<String>, host: Option<String>) -> String {
    let user = user.unwrap_or_else(|| "blacksmith-cli".to_owned());
    let mut name = match host {
        Some(host) => format!("{user}@{host}"),
        None => user,
    };
    name.retain(|character| character != '\0');
    name.truncate(name.floor_char_boundary(MAX_NAME_BYTES));
    name
}

fn host() -> Option<String> {
    ["/proc/sys/kernel/hostname", "/etc/hostname"]
        .into_iter()
        .find_map(|path| fs::read_to_string(path).ok())
        .map(|host| host.trim().to_owned())
        .filter(|host| !host.is_empty())
        .or_else(|| variable(&["HOSTNAME", "COMPUTERNAME"]))
}

fn variable(names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_fits_a_name() {
        let of =
            |user: &str, host: &str| user_at_host(Some(user.to_owned()), Some(host.to_owned()));
        assert_eq!(of("ada", "forge"), "ada@forge");
        assert_eq!(user_at_host(None, None), "blacksmith-cli");
        assert_eq!(of(&"é".repeat(200), "h").len(), 254);
    }
}
