//! How a server is configured.

/// How a server is configured; the default is quick and not durable.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    durable: bool,
    given: Vec<(String, String)>,
}

impl Settings {
    /// Quick and not durable.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with `fsync` and everything else that a crash needs.
    pub fn durable(self) -> Self {
        Self { durable: true, ..self }
    }

    /// The same with a setting of `postgresql.conf`.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.given.push((name.into(), value.into()));
        self
    }

    /// The arguments of `postgres`; what was given comes last and wins.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let on = if self.durable { "on" } else { "off" };
        let defaults = [
            ("fsync", on),
            ("synchronous_commit", on),
            ("full_page_writes", on),
            ("max_connections", "300"),
            ("shared_buffers", "256MB"),
            // A machine may have little disk; what is written again is not synced.
            ("max_wal_size", "1GB"),
            ("min_wal_size", "80MB"),
            ("deadlock_timeout", "100ms"),
            ("log_min_messages", "warning"),
        ];
        let defaults = defaults.map(|(name, value)| (name.to_owned(), value.to_owned()));
        defaults
            .into_iter()
            .chain(self.given.iter().cloned())
            .flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")])
            .collect()
    }
}
