//! The statements: constant SQL, each with the types of its parameters.

use tokio_postgres::types::Type;

/// The schema in the texts, which makes each of them run as it is in a store that has the default one.
const SCHEMA_IN_TEXTS: &str = "blacksmith_store.";

/// One of the statements below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Statement(usize);

/// A statement's text and the types of its parameters.
struct Source {
    sql: &'static str,
    types: &'static [Type],
    /// The limit that replaces the one in the text: the planner needs a number there, near what is really asked for.
    limit: Option<&'static str>,
    /// Whether it reads small tables alone, in any way.
    is_small: bool,
}

/// How a transaction begins whose statements find rows by indexes, whatever the planner thinks of the tables.
///
/// A queue is empty most of the time, and then reading its table from end to end is the cheapest way. That plan is kept for a
/// minute or more, in which hundreds of thousands of jobs may come. These settings end with the transaction, so nothing is
/// left behind in a connection that a pooler gives to others. Costs that are made up must not start the compiler.
///
/// They do not say which index, and on a table of which the planner knows no row all look the same, read as a whole too. So the
/// texts leave it one choice. A row is looked up by `= ANY (ARRAY[x.id])` or in a `LATERAL (… OFFSET 0)`: between two columns,
/// `=` would make a whole index worth reading, for a merge. What is sorted is sorted by what was given, for the same reason. The
/// index `live_due` has a condition that every row meets and that only those statements repeat which it is to serve.
pub(crate) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL enable_seqscan = off; \
     SET LOCAL enable_bitmapscan = off; SET LOCAL jit = off";

macro_rules! statements {
    ($($name:ident = $file:literal $(($small:ident))? $(limit $limit:literal)? [$($type:ident),*];)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms, reason = "it numbers the constants below")]
        enum Number { $($name),* }

        impl Statement {
            $(pub(crate) const $name: Self = Self(Number::$name as usize);)*
        }

        const SOURCES: &[Source] = &[$(Source {
            sql: include_str!(concat!("sql/", $file, ".sql")),
            types: &[$(Type::$type),*],
            limit: statements!(@limit $($limit)?),
            is_small: statements!(@small $($small)?),
        }),*];
    };
    (@small) => { false };
    (@small small) => { true };
    (@limit) => { None };
    (@limit $limit:literal) => { Some($limit) };
}

statements! {
    NOW = "now" (small) [];
    QUEUES = "queues" (small) [];
    QUEUES_ADD = "queues_add" (small) [TEXT_ARRAY, TEXT_ARRAY];
    INSERT = "insert" [
        INT2_ARRAY, BYTEA_ARRAY, TEXT_ARRAY, TEXT_ARRAY, TEXT_ARRAY, BYTEA_ARRAY, BYTEA_ARRAY, TIMESTAMPTZ_ARRAY,
        TIMESTAMPTZ_ARRAY, BYTEA_ARRAY,
        INT2_ARRAY, BYTEA_ARRAY, BYTEA_ARRAY, INT4_ARRAY, TEXT_ARRAY, BYTEA_ARRAY, BYTEA_ARRAY, TIMESTAMPTZ_ARRAY,
        BYTEA_ARRAY, BYTEA_ARRAY, INT2_ARRAY, TIMESTAMPTZ_ARRAY, TEXT_ARRAY, TEXT_ARRAY,
        INT4_ARRAY, INT2_ARRAY, INT8_ARRAY, TIMESTAMPTZ, BYTEA, BYTEA
    ];
    OUTCOME = "outcome" [
        INT4_ARRAY, INT2_ARRAY, BYTEA_ARRAY, BYTEA_ARRAY, BYTEA_ARRAY, INT2_ARRAY, INT4_ARRAY, TIMESTAMPTZ_ARRAY, TEXT_ARRAY,
        TEXT_ARRAY, TEXT_ARRAY, TIMESTAMPTZ, BYTEA_ARRAY, BYTEA, BYTEA
    ];
    EVENTS_LOCK = "events_lock" [BYTEA_ARRAY];
    EVENTS_STORED = "events_stored" [BYTEA_ARRAY];
    JOBS_STORED = "jobs_stored" [BYTEA_ARRAY];
    JOBS_LOCK = "jobs_lock" [BYTEA_ARRAY];
    LIVE_LOCK = "live_lock" [INT4_ARRAY, BYTEA_ARRAY];
    LATEST = "latest" [BYTEA_ARRAY];
    TRANSITIONS = "transitions" [BYTEA_ARRAY];
    LIVE_REMOVE = "live_remove" [INT4_ARRAY, BYTEA_ARRAY];
    LIVE_PLACE = "live_place" [
        INT4_ARRAY, INT2_ARRAY, BYTEA_ARRAY, BYTEA_ARRAY, INT2_ARRAY, INT4_ARRAY, INT4_ARRAY, TIMESTAMPTZ_ARRAY
    ];
    APPEND = "append" [
        INT4_ARRAY, INT2_ARRAY, BYTEA_ARRAY, BYTEA_ARRAY, INT4_ARRAY, INT4_ARRAY, INT2_ARRAY, INT2_ARRAY, BYTEA_ARRAY,
        TIMESTAMPTZ_ARRAY, TEXT_ARRAY, BYTEA_ARRAY, TIMESTAMPTZ_ARRAY, TIMESTAMPTZ_ARRAY, TEXT_ARRAY, TEXT_ARRAY
    ];
    PEEK_1000 = "peek" [INT4_ARRAY, TIMESTAMPTZ_ARRAY, BYTEA_ARRAY, TIMESTAMPTZ, INT8, INT8];
    PEEK_20000 = "peek" limit "LIMIT 20000\n" [INT4_ARRAY, TIMESTAMPTZ_ARRAY, BYTEA_ARRAY, TIMESTAMPTZ, INT8, INT8];
    CLAIM_10 = "claim" limit "LIMIT 10\n" [
        INT4_ARRAY, TIMESTAMPTZ_ARRAY, BYTEA_ARRAY, INT8_ARRAY, TIMESTAMPTZ, BYTEA_ARRAY, TEXT, TIMESTAMPTZ
    ];
    CLAIM_100 = "claim" limit "LIMIT 100\n" [
        INT4_ARRAY, TIMESTAMPTZ_ARRAY, BYTEA_ARRAY, INT8_ARRAY, TIMESTAMPTZ, BYTEA_ARRAY, TEXT, TIMESTAMPTZ
    ];
    CLAIM_1000 = "claim" [
        INT4_ARRAY, TIMESTAMPTZ_ARRAY, BYTEA_ARRAY, INT8_ARRAY, TIMESTAMPTZ, BYTEA_ARRAY, TEXT, TIMESTAMPTZ
    ];
    CLAIM_10000 = "claim" limit "LIMIT 10000\n" [
        INT4_ARRAY, TIMESTAMPTZ_ARRAY, BYTEA_ARRAY, INT8_ARRAY, TIMESTAMPTZ, BYTEA_ARRAY, TEXT, TIMESTAMPTZ
    ];
    CLAIMS_OF_ACTOR = "claims_of_actor" [TEXT];
    EXECUTING = "executing" [INT4_ARRAY, TIMESTAMPTZ_ARRAY, TIMESTAMPTZ_ARRAY, BYTEA_ARRAY, BYTEA_ARRAY];
    EXTEND = "extend" [TEXT, BYTEA_ARRAY, TIMESTAMPTZ];
    CLAIMS_ENDED = "claims_ended" [TIMESTAMPTZ];
    EXPIRING = "expiring" [INT4_ARRAY, TIMESTAMPTZ_ARRAY, TIMESTAMPTZ_ARRAY, BYTEA_ARRAY, BYTEA_ARRAY, INT8];
    EXPIRE = "expire" [INT4_ARRAY, BYTEA_ARRAY, BYTEA_ARRAY, TIMESTAMPTZ_ARRAY, TEXT_ARRAY, TEXT, TIMESTAMPTZ];
    CLAIMS_FORGET = "claims_forget" [BYTEA_ARRAY];
    PAUSE = "pause" (small) [BYTEA, TEXT, TEXT, TEXT, TEXT, TIMESTAMPTZ];
    PAUSE_BY_ID = "pause_by_id" (small) [BYTEA];
    PAUSES_FORGET = "pauses_forget" (small) [TIMESTAMPTZ];
    PAUSES = "pauses" (small) [];
    RESUME = "resume" (small) [BYTEA, TIMESTAMPTZ];
    STATS = "stats" [TIMESTAMPTZ];
    FOLD = "fold" (small) [];
    PURGE_LOCK_EVENTS = "purge_lock_events" [BYTEA_ARRAY];
    PURGE_LOCK_JOBS = "purge_lock_jobs" [BYTEA_ARRAY];
    PURGE_DELETE = "purge_delete" [BYTEA_ARRAY, INT4_ARRAY, BYTEA_ARRAY];
    EVENTS = "events" [BYTEA_ARRAY, BOOL];
    JOBS = "jobs" [BYTEA_ARRAY, BOOL];
    JOBS_OF_EVENTS = "jobs_of_events" [BYTEA_ARRAY, BOOL];
}

impl Statement {
    /// The types of its parameters.
    pub(crate) fn types(self) -> &'static [Type] {
        SOURCES[self.0].types
    }

    /// Every statement.
    #[cfg(test)]
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..SOURCES.len()).map(Self)
    }

    /// Whether it reads small tables alone, so that its plan does not matter.
    pub(crate) fn is_small(self) -> bool {
        SOURCES[self.0].is_small
    }

    /// The claim whose number in the text is the least that is not below `most`, what one queue may give.
    pub(crate) fn claim(most: usize) -> Self {
        match most {
            0..=10 => Self::CLAIM_10,
            11..=100 => Self::CLAIM_100,
            101..=1_000 => Self::CLAIM_1000,
            _ => Self::CLAIM_10000,
        }
    }

    /// The look at several queues whose number in the text is not below `most`.
    pub(crate) fn peek(most: usize) -> Self {
        if most <= 1_000 { Self::PEEK_1000 } else { Self::PEEK_20000 }
    }
}

/// The statements' texts for one schema.
pub(crate) struct Texts {
    qualified: Vec<String>,
}

impl Texts {
    /// The texts for the tables of `schema`.
    pub(crate) fn new(schema: &str) -> Self {
        let prefix = format!("{}.", quoted(schema));
        let qualified = SOURCES.iter().map(|source| {
            let sql = source.sql.replace(SCHEMA_IN_TEXTS, &prefix);
            match source.limit {
                Some(limit) => sql.replace("LIMIT 1000\n", limit),
                None => sql,
            }
        });
        Self { qualified: qualified.collect() }
    }

    /// The text of a statement.
    pub(crate) fn of(&self, statement: Statement) -> &str {
        &self.qualified[statement.0]
    }
}

/// An identifier as SQL writes it.
pub(crate) fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_named_with_the_schema() {
        let texts = Texts::new("a \"b\"");
        for (source, text) in SOURCES.iter().zip(&texts.qualified) {
            assert!(!text.contains(SCHEMA_IN_TEXTS), "{text}");
            let tables = source.sql.matches(SCHEMA_IN_TEXTS).count();
            assert_eq!(text.matches("\"a \"\"b\"\"\".").count(), tables, "{text}");
        }
    }

    #[test]
    fn every_parameter_has_a_type() {
        for source in SOURCES {
            let named = (1..=99).take_while(|number| {
                let text = source.sql.lines().filter(|line| !line.trim_start().starts_with("--"));
                let name = format!("${number}");
                text.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '$'))
                    .any(|word| word == name)
            });
            assert_eq!(named.count(), source.types.len(), "{}", source.sql);
        }
    }

    #[test]
    fn a_claim_has_a_number_that_is_enough() {
        let texts = Texts::new("s");
        for (most, limit) in [
            (0, "LIMIT 10\n"),
            (10, "LIMIT 10\n"),
            (11, "LIMIT 100\n"),
            (1_000, "LIMIT 1000\n"),
            (10_000, "LIMIT 10000\n"),
        ] {
            assert!(texts.of(Statement::claim(most)).contains(limit), "{most}");
        }
    }
}
