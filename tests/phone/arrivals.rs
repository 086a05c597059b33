//! The cases under tests/vectors/arrivals, one file each: pushes as platforms deliver them, one after the other.

use std::path::Path;

use push_authenticator::phone::Phone;
use serde_json::{Value, json};

use crate::frozen::TestKey;
use crate::support::*;

/// Returns the id of the sign-on request made from this payload, found by the message's id.
fn find(file: &Path, payload: &str) -> String {
    let sql = rusqlite::Connection::open(file).unwrap();
    let mut statement = sql.prepare("SELECT lower(hex(id)), message_id FROM notification").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).unwrap();
    rows.map(Result::unwrap).find(|(_, message_id)| payload.contains(message_id)).unwrap().0
}

/// Returns the results of the case's steps, in the form that the case uses.
fn deliver(case: &Value) -> Vec<Value> {
    let world = World::new();
    let file = world.folder.path().join("copy");
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    std::fs::copy(vectors.join("messages/phone.sqlite"), &file).unwrap();
    let phone = Phone::open(&file, &TestKey, world.clock.clone(), world.entropy.clone()).unwrap();
    let mut ids: Vec<Option<String>> = vec![];
    let mut results = vec![];
    for step in case["steps"].as_array().unwrap() {
        world.clock.set(step["at"].as_i64().unwrap());
        let mut result = json!({"at": step["at"], "payload": step["payload"]});
        let payload = step["payload"].as_str().unwrap();
        match phone.receive(payload.as_bytes()).map(drop) {
            Ok(()) => {
                let notification = phone.notification(&find(&file, payload)).unwrap();
                let id = Some(notification.id);
                let same_as = ids.iter().position(|before| *before == id);
                result["accepted"] = json!(true);
                result["expected"] = json!({"state": notification.state.name(), "same_as": same_as});
                ids.push(id);
            }
            Err(error) => {
                result["accepted"] = json!(false);
                result["error"] = json!(error.code());
                ids.push(None);
            }
        }
        results.push(result);
    }
    let taken = results.iter().filter(|each| each["expected"]["same_as"].is_null() && each["accepted"] == true).count();
    let stored: usize = rusqlite::Connection::open(&file)
        .unwrap()
        .query_row("SELECT count(*) FROM notification", [], |row| row.get::<_, i64>(0))
        .map(|count| usize::try_from(count).unwrap())
        .unwrap();
    assert_eq!(stored, taken, "{}: what is refused leaves nothing", case["name"]);
    results
}

#[test]
fn pushes_arrive_as_the_vectors_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/arrivals");
    let (mut cases, mut wrong) = (0, vec![]);
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let case: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(case["name"].as_str(), file.file_stem().unwrap().to_str());
        for (number, (found, expected)) in deliver(&case).iter().zip(case["steps"].as_array().unwrap()).enumerate() {
            if found != expected {
                wrong.push(format!("{} step {number}: {found}", case["name"]));
            }
        }
        cases += 1;
    }
    assert!(cases > 40, "the vectors were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
