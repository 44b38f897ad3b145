//! Passwords stay out of what is printed, also when they were typed where none belongs.

/// The text with the user part of URLs (`//user:password@`) and the value of `password=…` hidden.
///
/// Stores never put a connection into an error. This is for what the shell's user typed in a wrong place: a URL as a file
/// or a command, which an error would repeat into a log.
pub(crate) fn without_secrets(text: &str) -> String {
    hide_passwords(&hide_users(text))
}

fn hide_users(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("//") {
        let (before, authority) = rest.split_at(start + 2);
        shown.push_str(before);
        let end = authority.find([' ', '\n', '\t', '"', '\'']).unwrap_or(authority.len());
        // A password may hold a slash or an at-sign that was not percent-encoded.
        match authority[..end].rfind('@') {
            Some(at) if !authority[..at].starts_with('/') => {
                shown.push_str("[hidden]");
                rest = &authority[at..];
            }
            _ => rest = authority,
        }
    }
    shown + rest
}

fn hide_passwords(text: &str) -> String {
    const KEY: &str = "password=";
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    // ASCII alone changes its case, so the places are the same in both.
    while let Some(start) = rest.to_ascii_lowercase().find(KEY) {
        let (before, value) = rest.split_at(start + KEY.len());
        shown.push_str(before);
        shown.push_str("[hidden]");
        let end = match value.chars().next() {
            Some(quote @ ('\'' | '"')) => value[1..].find(quote).map_or(value.len(), |end| end + 2),
            _ => value.find([' ', '&', '\n', '\t', '\'', '"']).unwrap_or(value.len()),
        };
        rest = &value[end..];
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_hidden_wherever_they_stand() {
        for (typed, shown) in [
            ("no secret // here", "no secret // here"),
            ("sqlite://dev.db", "sqlite://dev.db"),
            ("sqlite:///a@b.db", "sqlite:///a@b.db"),
            ("'postgres://u:hunter2@h/d'", "'postgres://[hidden]@h/d'"),
            (
                "postgres://u:hun@ter2@h and x://y:hunter2@z",
                "postgres://[hidden]@h and x://[hidden]@z",
            ),
            ("postgres://u:hunt/er2@h", "postgres://[hidden]@h"),
            ("postgres://h/d?password=hunter2&a=b", "postgres://h/d?password=[hidden]&a=b"),
            ("host=h PassWord='hunter2 x' user=u", "host=h PassWord=[hidden] user=u"),
        ] {
            assert_eq!(without_secrets(typed), shown);
        }
    }
}
