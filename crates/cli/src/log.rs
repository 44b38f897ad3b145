//! What a long-running command says about its work: a line on standard error for each thing that happened.

use std::io;

use clap::{Args, ValueEnum};
use tracing_subscriber::{
    Layer as _,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// How much is logged.
#[derive(Args, Debug)]
pub(crate) struct LogFlag {
    /// What is logged to standard error; never a payload
    #[arg(
        long = "log",
        value_name = "LEVEL",
        env = "BLACKSMITH_LOG",
        default_value = "info",
        help_heading = "Output"
    )]
    level: Level,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Level {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl LogFlag {
    /// Logs from now on, in colours where `in_colours`.
    pub(crate) fn begin(&self, in_colours: bool) {
        let level = match self.level {
            Level::Off => LevelFilter::OFF,
            Level::Error => LevelFilter::ERROR,
            Level::Warn => LevelFilter::WARN,
            Level::Info => LevelFilter::INFO,
            Level::Debug => LevelFilter::DEBUG,
            Level::Trace => LevelFilter::TRACE,
        };
        // Our crates alone: others may log what they send.
        let ours = Targets::new().with_target("blacksmith", level);
        let lines = fmt::layer().with_writer(io::stderr).with_ansi(in_colours).with_target(false);
        // A program that this one is a part of may log already, in its own way.
        let _ = tracing_subscriber::registry().with(lines.with_filter(ours)).try_init();
    }
}
