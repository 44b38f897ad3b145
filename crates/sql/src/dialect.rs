//! How the two databases take values.

use blacksmith_store_core::{Status, Timestamp};
use sea_query::{ArrayType, Expr, Value};

/// A database's way to take instants, numbers and lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Instants are microseconds since 1970, a list is one JSON text. Values: `BigInt`, `BigUnsigned`, `String`, `Bytes`.
    Sqlite,
    /// Instants are `timestamptz`, a list is one array; every value is cast. Values: `BigInt`, `BigUnsigned`, `String`,
    /// `Bytes`, `ChronoDateTimeUtc`, and `Array` of `String` and of `SmallInt`.
    Postgres,
}

impl Dialect {
    /// An instant.
    pub fn instant(self, instant: Timestamp) -> Expr {
        match self {
            Self::Sqlite => Expr::val(instant.timestamp_micros()),
            Self::Postgres => cast("$1::timestamptz", instant),
        }
    }

    /// A whole number.
    pub fn integer(self, number: impl Into<i64>) -> Expr {
        match self {
            Self::Sqlite => Expr::val(number.into()),
            Self::Postgres => cast("$1::bigint", number.into()),
        }
    }

    /// Bytes, such as those of an id.
    pub fn bytes(self, bytes: &[u8]) -> Expr {
        match self {
            Self::Sqlite => Expr::val(bytes.to_vec()),
            Self::Postgres => cast("$1::bytea", bytes.to_vec()),
        }
    }

    /// Whether `expression`, a text, is one of `names`.
    pub fn one_of_names(self, expression: Expr, names: &[String]) -> Expr {
        match self {
            Self::Sqlite => json_list(expression, names),
            Self::Postgres => {
                let names = names.iter().map(|name| Value::from(name.as_str())).collect();
                let array = Value::Array(ArrayType::String, Some(Box::new(names)));
                Expr::cust_with_exprs("$1 = ANY ($2::text[])", [expression, Expr::val(array)])
            }
        }
    }

    /// Whether `expression`, a status' number, is one of `statuses`.
    pub fn one_of_statuses(self, expression: Expr, statuses: &[Status]) -> Expr {
        match self {
            Self::Sqlite => {
                let numbers: Vec<u8> = statuses.iter().map(|status| status.number()).collect();
                json_list(expression, &numbers)
            }
            Self::Postgres => {
                let numbers = statuses.iter().map(|status| Value::from(i16::from(status.number())));
                let array = Value::Array(ArrayType::SmallInt, Some(Box::new(numbers.collect())));
                Expr::cust_with_exprs("$1 = ANY ($2::smallint[])", [expression, Expr::val(array)])
            }
        }
    }
}

fn cast(text: &'static str, value: impl Into<Value>) -> Expr {
    Expr::cust_with_exprs(text, [Expr::val(value)])
}

fn json_list<T: serde::Serialize>(expression: Expr, values: &[T]) -> Expr {
    // A list of texts or numbers always has a JSON text.
    let list = serde_json::to_string(values).unwrap_or_default();
    Expr::cust_with_exprs("? IN (SELECT value FROM json_each(?))", [expression, Expr::val(list)])
}
