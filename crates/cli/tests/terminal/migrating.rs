use crate::shell::Shell;

#[test]
fn a_schema_goes_up_down_and_up_again() {
    let shell = Shell::new();
    let sql = shell.run(&["migrate", "sql", "up"]);
    assert_eq!(sql.code, 0, "{}", sql.errors);
    assert!(sql.output.to_uppercase().contains("CREATE TABLE"), "{}", sql.output);

    let up = shell.run(&["migrate", "up"]);
    assert_eq!(up.code, 0, "{}", up.errors);
    assert!(up.output.starts_with("ran 0001 "), "{}", up.output);
    assert_eq!(shell.run(&["migrate", "up"]).output, "");
    let applied = shell.json(&["migrate", "status"]);
    assert!(applied.as_array().unwrap().iter().all(|state| state["applied_at"].is_string()));
    assert_eq!(shell.run(&["migrate", "validate"]).code, 0);
    assert_eq!(shell.run(&["migrate", "sql", "up"]).output, "");

    assert_eq!(shell.run(&["migrate", "down"]).code, 2, "how far must be said");
    let refused = shell.run(&["migrate", "down", "--all"]);
    assert_eq!(refused.code, 2, "there is no terminal to ask on");
    assert!(refused.errors.contains("migrations to take back"), "{}", refused.errors);
    let down = shell.run(&["migrate", "down", "--all", "--yes"]);
    assert_eq!(down.code, 0, "{}", down.errors);
    assert!(down.output.starts_with("took back 00"), "{}", down.output);
    let status = shell.run(&["migrate", "status"]);
    assert!(status.output.contains("not yet") && status.errors.contains("blacksmith migrate up"));
    assert_eq!(shell.run(&["migrate", "up"]).code, 0);
    assert_eq!(shell.run(&["migrate", "validate"]).code, 0);
}

#[test]
fn a_store_without_a_schema_says_so() {
    let ran = Shell::new().run(&["--store", "memory:", "migrate", "status"]);
    assert_eq!(ran.code, 8);
    assert!(ran.errors.contains("no schema to migrate"), "{}", ran.errors);
}
