//! Every step of CI as a subcommand.
