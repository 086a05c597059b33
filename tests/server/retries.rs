//! A Retry Limit Decision behind a wrong password, as AM's journeys have it: it does not reveal who is a user.

use serde_json::{Value, json};

use crate::harness::*;

const RETRY: &str = "RetryLimitDecisionNode";

/// The shipped journey, with wrong passwords leading to the Retry Limit Decision, and that back to the first page.
fn behind_the_password() -> Setup {
    let shipped = Setup::new().journey;
    let [retry, page] = [RETRY, "PageNode"].map(|kind| node_id(&shipped, kind));
    Setup::new().connect("DataStoreDecisionNode", "false", &retry).connect(RETRY, "Retry", &page)
}

/// Returns the row counts of all tables except the audit log and the row of failures, where unknown names count
/// together, within bounds.
fn row_counts(server: &Server) -> Vec<(String, i64)> {
    let database = server.database();
    let mut names = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").unwrap();
    let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let bounded = ["sqlite_sequence", "password_failure"];
    let kept = names.into_iter().filter(|name| !name.starts_with("audit") && !bounded.contains(&name.as_str()));
    kept.map(|name| (name.clone(), server.count(&format!("\"{name}\"")))).collect()
}

/// Returns the answers to a sign-on with wrong passwords, without the parts that differ from run to run.
fn answers(server: &Server, name: &str) -> Vec<(u16, Value)> {
    let mut step = server.begin();
    let mut answers = Vec::new();
    loop {
        let response = server.post(&fill_password(&step, name, "wrong"));
        let status = response.status;
        step = response.json();
        let mut shown = step.clone();
        let id = shown.as_object_mut().unwrap().remove("authId");
        answers.push((status, shown));
        if status != 200 {
            return answers;
        }
        assert!(id.is_some(), "{step}");
    }
}

#[test]
fn a_known_and_an_unknown_name_get_the_same_answers_count_and_rows() {
    for limit in [0, 1, 3] {
        for saved in [true, false] {
            let server = behind_the_password()
                .with(RETRY, "retryLimit", json!(limit))
                .with(RETRY, "incrementUserAttributeOnFailure", json!(saved))
                .start();
            let before = row_counts(&server);
            let known = answers(&server, USER);
            let unknown = answers(&server, "nobody");
            assert_eq!(known, unknown, "{limit} {saved}");
            assert_eq!(known.len(), limit + 1, "one first attempt and {limit} more");
            assert_eq!(known.last().unwrap().0, 401);
            assert_eq!(answers(&server, USER), known, "a stranger's guesses leave nothing behind");
            assert_eq!(row_counts(&server), before, "nothing is stored before the password is right");
        }
    }
}

#[test]
fn a_stranger_takes_no_retries_away_from_the_user() {
    let server = behind_the_password().with(RETRY, "retryLimit", json!(1)).start();
    answers(&server, USER);
    let step = server.next(&fill_password(&server.begin(), USER, "wrong"));
    let step = server.next(&fill_password(&step, USER, PASSWORD));
    assert_eq!(types(&step), ["TextOutputCallback", "ConfirmationCallback"], "the user has the whole limit");
}

/// The same node before and after the right password: tries used up in this sign-on stay used up.
#[test]
fn passes_before_and_after_the_right_password_add_up_and_only_the_latter_are_saved() {
    let shipped = Setup::new().journey;
    let retry = node_id(&shipped, RETRY);
    let server = behind_the_password()
        .with(RETRY, "retryLimit", json!(3))
        .connect("DataStoreDecisionNode", "true", &retry)
        .start();
    let step = server.next(&fill_password(&server.begin(), USER, "wrong"));
    let step = server.next(&fill_password(&step, USER, PASSWORD));
    assert_eq!(server.text("SELECT group_concat(user || count) FROM retry"), "demo1");
    let step = server.next(&fill_password(&step, USER, PASSWORD));
    assert_eq!(server.text("SELECT group_concat(user || count) FROM retry"), "demo2");
    assert!(server.fail(&fill_password(&step, USER, PASSWORD)).contains("Too many"));
    // The next sign-on starts from the saved count.
    let step = server.next(&fill_password(&server.begin(), USER, PASSWORD));
    server.fail(&fill_password(&step, USER, PASSWORD));
}
