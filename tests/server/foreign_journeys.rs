//! Journeys as other systems export them: the server either honors a known setting or does not run the journey, and a
//! journey that does not run keeps no other from running.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use push_authenticator::server::journey::tree::Journey;
use push_authenticator::server::journey::{Journeys, SHIPPED, SHIPPED_NAME, read_file};

use crate::harness::*;

fn vector(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/journeys").join(name)
}

fn only(name: &str) -> Journey {
    read_file(&vector(name)).unwrap_or_else(|error| panic!("{error}")).remove(0)
}

fn reason(name: &str) -> String {
    only(name).not_runnable.unwrap_or_else(|| panic!("{name} runs"))
}

fn shipped_with(change: impl Fn(&mut Value)) -> Journey {
    let mut journey: Value = serde_json::from_str(SHIPPED).unwrap();
    change(&mut journey["trees"][SHIPPED_NAME]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journey.json");
    std::fs::write(&file, journey.to_string()).unwrap();
    read_file(&file).unwrap_or_else(|error| panic!("{error}")).remove(0)
}

#[test]
fn known_members_of_a_tree_are_never_ignored_in_silence() {
    assert!(reason("02-no-session.journey.json").contains("noSession"));
    let times = reason("02-session-times.journey.json");
    assert!(times.contains("maximumSessionTime") && times.contains("maximumIdleTime"), "{times}");
    for (member, value) in [("transactionalOnly", json!(true)), ("treeTimeout", json!(5)), ("noSession", json!("true"))]
    {
        let journey = shipped_with(|tree| tree["tree"][member] = value.clone());
        assert!(journey.not_runnable.unwrap().contains(member), "{member}");
    }
    for (member, value) in [("noSession", json!(false)), ("mustRun", json!(true)), ("maximumIdleTime", json!(null))] {
        let journey = shipped_with(|tree| tree["tree"][member] = value.clone());
        assert!(journey.not_runnable.is_none() && journey.warnings.is_empty(), "{member}");
    }
    let journey = shipped_with(|tree| tree["tree"]["shoeSize"] = json!(42));
    assert!(journey.not_runnable.is_none() && journey.warnings[0].contains("shoeSize"), "{:?}", journey.warnings);
}

#[test]
fn unknown_settings_of_nodes_are_warnings() {
    let journey = shipped_with(|tree| {
        let nodes = tree["nodes"].as_object_mut().unwrap();
        let sender = nodes.values_mut().find(|node| node.get("messageTimeout").is_some()).unwrap();
        sender["messageTimeOut"] = json!(1);
    });
    assert!(journey.not_runnable.is_none());
    assert!(journey.warnings.iter().any(|warning| warning.contains("messageTimeOut")), "{:?}", journey.warnings);
}

#[test]
fn bad_journeys_do_not_keep_the_server_from_starting() {
    let mut setup = Setup::new();
    let text = |name: &str| std::fs::read_to_string(vector(name)).unwrap();
    setup.further_files = vec![
        ("empty.json", text("04-empty-tree.journey.json")),
        ("three.json", text("16-three-unknown-nodes.journey.json")),
        ("broken.json", "{\"trees\": ".to_owned()),
        ("._Login.json", "\u{0}\u{5}".to_owned()),
        ("bom.json", text("11-journey-with-bom.json")),
        ("map.json", text("17-frodo3-map.journey.json")),
    ];
    let server = setup.start();
    for name in ["Draft", "ThreeUnknown"] {
        server.post_bytes(&format!("{REST}?service={name}"), b"").refused(400);
    }
    for name in ["Bom", "Login"] {
        assert_eq!(server.post_bytes(&format!("{REST}?service={name}"), b"").status, 200, "{name}");
    }
    assert_eq!(server.post_bytes(REST, b"").status, 200);
}

#[test]
fn every_reason_is_named_at_once() {
    let three = reason("16-three-unknown-nodes.journey.json");
    for node_type in ["ScriptedDecisionNode", "InnerTreeEvaluatorNode", "SetSessionPropertiesNode"] {
        assert!(three.contains(node_type), "{three}");
    }
    assert!(reason("04-empty-tree.journey.json").contains("begins at an end"));
    let journey = shipped_with(|tree| {
        for node in tree["nodes"].as_object_mut().unwrap().values_mut() {
            if node.get("messageTimeout").is_some() {
                node["messageTimeout"] = json!("soon");
                node["mandatory"] = json!("perhaps");
            }
            if node.get("secondsToWait").is_some() {
                node["secondsToWait"] = json!(0);
            }
        }
    });
    let reasons = journey.not_runnable.unwrap();
    for word in ["messageTimeout: must be a whole number", "mandatory: must be true or false", "secondsToWait"] {
        assert!(reasons.contains(word), "{word}: {reasons}");
    }
}

#[test]
fn hidden_files_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("Login.json"), SHIPPED).unwrap();
    std::fs::copy(vector("13-dot-underscore-file.bin"), folder.path().join("._Login.journey.json")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("me@host.1:2", folder.path().join(".#Login.json")).unwrap();
    let journeys = Journeys::load(folder.path()).ok().unwrap();
    assert!(journeys.off().is_empty(), "{:?}", journeys.off());
    assert_eq!(journeys.iter().count(), 1);
}

#[test]
fn placeholders_of_am_take_the_environment_or_their_default() {
    let missing = reason("05-esv-issuer.journey.json");
    assert!(missing.contains("ESV_PUSH_ISSUER") && missing.contains("esv.push.issuer"), "{missing}");
    assert!(only("05-esv-number.journey.json").not_runnable.is_none());
    // Cargo sets these variables for its tests: names with dots and capitals as AM translates them.
    let name = env!("CARGO_PKG_NAME");
    let issuer = |value: Value| {
        shipped_with(|tree| {
            let nodes = tree["nodes"].as_object_mut().unwrap();
            nodes.values_mut().find(|node| node.get("issuer").is_some()).unwrap()["issuer"] = value.clone();
        })
    };
    assert_eq!(issuer(json!("&{cargo.pkg.name}")).issuer, name);
    assert_eq!(issuer(json!({"$string": "&{cargo.pkg-name|other}"})).issuer, name);
    assert_eq!(issuer(json!("At &{esv.not.there|Acme}!")).issuer, "At Acme!");
    let wrong = issuer(json!({"$int": "&{cargo.pkg.name}"})).not_runnable.unwrap();
    assert!(wrong.contains("$int") && !wrong.contains(name), "what was read is not shown: {wrong}");
}

#[test]
fn a_logo_that_no_qr_code_can_carry_is_refused() {
    assert!(reason("09-long-logo.journey.json").contains("imgUrl"));
}

/// The layout that fr-config-manager writes: `NAME/NAME.json`, and a file for each node under `nodes`.
#[test]
fn a_folder_with_a_file_for_each_node_is_a_journey() {
    let exported: Value =
        serde_json::from_slice(&std::fs::read(vector("17-frodo3-map.journey.json")).unwrap()).unwrap();
    let exported = &exported["Login"];
    let folder = tempfile::tempdir().unwrap();
    let journey = folder.path().join("Login");
    std::fs::create_dir_all(journey.join("nodes")).unwrap();
    std::fs::write(journey.join("Login.json"), exported["tree"].to_string()).unwrap();
    let mut page_folder = PathBuf::new();
    for (id, settings) in exported["nodes"].as_object().unwrap() {
        let shown = exported["tree"]["nodes"][id]["displayName"].as_str().unwrap();
        let stem = journey.join("nodes").join(format!("{shown} - {id}"));
        std::fs::write(format!("{}.json", stem.display()), settings.to_string()).unwrap();
        if settings.get("nodes").is_some() {
            page_folder = stem;
        }
    }
    std::fs::create_dir(&page_folder).unwrap();
    for (id, settings) in exported["innerNodes"].as_object().unwrap() {
        std::fs::write(page_folder.join(format!("Child - {id}.json")), settings.to_string()).unwrap();
    }
    let journeys = Journeys::load(folder.path()).ok().unwrap();
    assert!(journeys.off().is_empty(), "{:?}", journeys.off());
    assert_eq!(journeys.get("Login").unwrap().nodes.len(), 2);
    for path in [journey.clone(), journey.join("Login.json")] {
        assert!(read_file(&path).ok().unwrap()[0].not_runnable.is_none());
    }
}

#[test]
fn texts_of_a_journey_are_found_by_script() {
    let mut setup = Setup::new();
    setup.further_files =
        vec![("languages.json", std::fs::read_to_string(vector("12-languages.journey.json")).unwrap())];
    let server = setup.start();
    for (languages, header) in
        [("zh-Hant", "繁體"), ("zh-HK", "繁體"), ("zh-SG", "简体"), ("nn", "Norsk"), ("no", "Norsk")]
    {
        let headers = [("Accept-Language", languages)];
        let page = server.request("GET", "/am/XUI/?realm=/alpha&service=Languages", &headers, b"");
        assert!(page.text().contains(header), "{languages}");
        // AM's addresses name a language in this form, which overrides the browser's languages.
        let locale = languages.replace('-', "_");
        let headers = [("Accept-Language", "en")];
        let page =
            server.request("GET", &format!("/am/XUI/?realm=/alpha&service=Languages&locale={locale}"), &headers, b"");
        assert!(page.text().contains(header), "{locale}");
        let step =
            server.request("POST", &format!("{REST}?service=Languages&noSession=false&locale={locale}"), &headers, b"");
        assert!(step.text().contains(header), "{locale}");
    }
}
