//! Journey files and the configuration.

use std::path::Path;

use serde_json::{Value, json};

use push_authenticator::ports::{SystemClock, SystemEntropy};
use push_authenticator::server::configuration::{Configuration, ConfigurationError, TEMPLATE};
use push_authenticator::server::journey::tree::{self, Journey, TreeError};
use push_authenticator::server::journey::{Journeys, JourneysError, SHIPPED, SHIPPED_NAME};
use push_authenticator::server::{App, StartError};

use crate::harness::*;

const PUSH_REGISTRATION: &str = include_str!("../vectors/journeys/frodo-cli_push_registration.journey.json");
const OATH_REGISTRATION: &str = include_str!("../vectors/journeys/frodo-cli_oath_registration.journey.json");
const RETRY_LIMIT: &str = include_str!("../vectors/journeys/frodo-cli_RetryLimit.journey.json");

fn shipped() -> Value {
    serde_json::from_str(SHIPPED).unwrap()
}

fn read(json: &str) -> Result<Vec<Journey>, TreeError> {
    tree::read(json, Path::new(env!("CARGO_MANIFEST_DIR")))
}

fn refused(journey: &Value) -> TreeError {
    let mut read = read(&journey.to_string()).ok().unwrap().remove(0);
    assert!(!read.faults.is_empty(), "was accepted");
    assert!(read.not_runnable.is_some());
    read.faults.remove(0)
}

#[test]
fn real_exports_load_and_what_does_not_run_here_says_which_type() {
    for (text, name, reason) in [
        (PUSH_REGISTRATION, "push_registration", None),
        (OATH_REGISTRATION, "oath_registration", Some("Oath")),
        (RETRY_LIMIT, "RetryLimit", None),
        (SHIPPED, SHIPPED_NAME, None),
    ] {
        let journeys = read(text).ok().unwrap();
        assert_eq!(journeys.len(), 1);
        assert_eq!(journeys[0].name, name);
        match (&journeys[0].not_runnable, reason) {
            (None, None) => {}
            (Some(found), Some(expected)) => assert!(found.contains(expected), "{found}"),
            (found, _) => panic!("{name}: {found:?}"),
        }
    }
    let shipped = read(SHIPPED).ok().unwrap().remove(0);
    assert!(shipped.warnings.is_empty(), "{:?}", shipped.warnings);
    assert_eq!(shipped.description.as_deref(), Some("A login journey with MFA using push notifications"));
}

#[test]
fn a_real_export_runs_beside_the_shipped_journey_and_another_refuses_by_name() {
    // As exported, its first page leads nowhere: a warning at start, and a failed sign-on when it gets there.
    let name = "push_registration";
    let exported = read(PUSH_REGISTRATION).ok().unwrap().remove(0);
    assert!(exported.warnings.iter().any(|warning| warning.contains("Page Node")), "{:?}", exported.warnings);
    let mut connected: Value = serde_json::from_str(PUSH_REGISTRATION).unwrap();
    let of_type = |node_type: &str| {
        let nodes = exported.nodes.iter();
        nodes.filter(|(_, node)| node.node_type == node_type).map(|(id, _)| id.clone()).next().unwrap()
    };
    let layout = &mut connected["trees"][name]["tree"]["nodes"];
    layout[of_type("PageNode")]["connections"]["outcome"] = json!(of_type("DataStoreDecisionNode"));

    let mut setup = Setup::new();
    setup.further_files = vec![
        ("push.json", connected.to_string()),
        ("oath.json", OATH_REGISTRATION.to_owned()),
        ("notes.txt", "not a journey".to_owned()),
    ];
    let server = setup.start();
    let query = |name: &str| format!("{REST}?authIndexType=service&authIndexValue={name}");
    let message = server.post_bytes(&query("oath_registration"), b"").refused(400);
    assert!(message.contains("Oath"), "{message}");

    let post = |step: &Value| server.post_json(&query(name), step).json();
    let first = server.post_bytes(&query(name), b"").json();
    let step = post(&fill_password(&first, USER, PASSWORD));
    assert_eq!(
        types(&step),
        ["TextOutputCallback", "TextOutputCallback", "HiddenValueCallback", "PollingWaitCallback"]
    );
    let phone = Phone::scan(&step);
    assert_eq!(phone.register(&server).status, 200);
    let step = post(&step);
    assert_eq!(output(&step, "ConfirmationCallback", "options"), &json!(["Send", "Skip"]));
    let step = post(&fill(&step, 0, json!(0)));
    let message = phone.only_message(&server);
    assert_eq!(message.claims["k"], "default");
    assert!(message.claims.get("x").is_none(), "context is not shared here");
    assert_eq!(message.claims["m"], "Login attempt from demo at ForgeRock");
    assert_eq!(phone.answer(&server, &message, json!({})).status, 200);
    assert!(post(&step)["tokenId"].is_string());
}

#[test]
fn an_export_of_one_tree_is_read_like_one_of_several() {
    let tree = shipped()["trees"][SHIPPED_NAME].clone();
    let mut single = tree.clone();
    single["meta"] = json!({"origin": "https://am.example"});
    let journeys = read(&single.to_string()).ok().unwrap();
    assert_eq!(journeys.len(), 1);
    assert_eq!((journeys[0].name.as_str(), journeys[0].nodes.len()), (SHIPPED_NAME, 10));
    assert_eq!(journeys[0].issuer, "Ping");

    let mut other = tree.clone();
    other["tree"]["_id"] = json!("Other");
    let several = json!({"meta": {}, "trees": {SHIPPED_NAME: tree, "Other": other}});
    assert_eq!(read(&several.to_string()).ok().unwrap().len(), 2);
}

#[test]
fn what_is_not_an_export_is_refused() {
    for text in [
        "",
        "{}",
        "[]",
        "nonsense",
        r#"{"trees": []}"#,
        r#"{"trees": {"a": {}}}"#,
        r#"{"tree": {}}"#,
        r#"{"trees": {"a": {"tree": {"_id": "a"}}}}"#,
    ] {
        let error = read(text).map_or_else(|error| error, |mut journeys| journeys.remove(0).faults.remove(0));
        assert!(matches!(&error, TreeError::NotAnExport(_)), "{text}");
        for word in ["struct", "expected", "invalid type", "i64", "missing field", "EOF"] {
            assert!(!error.to_string().contains(word), "{error}");
        }
    }
}

#[test]
fn a_journey_is_checked_as_a_whole_and_complaints_name_the_place() {
    let mut journey = shipped();
    journey["trees"][SHIPPED_NAME]["tree"]["entryNodeId"] = json!("missing");
    let TreeError::NoEntry { node, .. } = refused(&journey) else { panic!() };
    assert_eq!(node, "missing");

    let connect =
        |node_type: &str, outcome: &str, target: &str| Setup::new().connect(node_type, outcome, target).journey;
    let error = refused(&connect("PushWaitNode", "DONE", "nowhere"));
    let TreeError::Outcome { journey, node, outcome, problem } = &error else { panic!("{error}") };
    assert_eq!((journey.as_str(), outcome.as_str()), (SHIPPED_NAME, "DONE"));
    assert!(node.contains("Push Wait") && problem.contains("nowhere"), "{error}");
    for (node_type, outcome) in [
        ("PushWaitNode", "TIMEOUT"),
        ("PushAuthenticationSenderNode", "SKIPPED"),
        ("PushAuthenticationSenderNode", "FAILURE"),
        ("DataStoreDecisionNode", "TRUE"),
    ] {
        let error = refused(&connect(node_type, outcome, "70e691a5-1e33-4ac3-a356-e7b6d60d92e0"));
        assert!(matches!(&error, TreeError::Outcome { outcome: named, .. } if named == outcome), "{error}");
    }

    let mut journey = shipped();
    let id = node_id(&journey, "PushWaitNode");
    journey["trees"][SHIPPED_NAME]["nodes"].as_object_mut().unwrap().remove(&id);
    let error = refused(&journey).to_string();
    assert!(error.contains(&id) && error.contains("settings are missing"), "{error}");
}

#[test]
fn a_cycle_in_which_nobody_is_asked_is_refused() {
    let id = node_id(&shipped(), "DataStoreDecisionNode");
    let error = refused(&Setup::new().connect("DataStoreDecisionNode", "false", &id).journey);
    assert!(error.to_string().contains("leads back to itself"), "{error}");
    // The same by way of another node.
    let sender = node_id(&shipped(), "PushAuthenticationSenderNode");
    let two = Setup::new()
        .connect("DataStoreDecisionNode", "true", &sender)
        .connect("PushAuthenticationSenderNode", "NOT_REGISTERED", &id)
        .journey;
    assert!(refused(&two).to_string().contains("leads back to itself"));
    // A cycle through a page is fine, because the page waits for input.
    let page = node_id(&shipped(), "PageNode");
    let journey = Setup::new().connect("DataStoreDecisionNode", "false", &page).journey.to_string();
    assert!(read(&journey).ok().unwrap()[0].not_runnable.is_none());
}

#[test]
fn settings_out_of_range_are_refused_and_name_the_node() {
    for (node_type, key, value) in [
        ("PushAuthenticationSenderNode", "messageTimeout", json!(999)),
        ("PushAuthenticationSenderNode", "messageTimeout", json!(3_600_001)),
        ("PushAuthenticationSenderNode", "messageTimeout", json!("two minutes")),
        ("PushAuthenticationSenderNode", "pushType", json!("TELEPATHY")),
        ("PushAuthenticationSenderNode", "userMessage", json!({"english please": "x"})),
        ("PushWaitNode", "secondsToWait", json!(0)),
        ("PushWaitNode", "exitMessage", json!({"": "x"})),
        ("PushRegistrationNode", "timeout", json!(0)),
        ("PushRegistrationNode", "timeout", json!(3601)),
        ("PushRegistrationNode", "issuer", json!(" ")),
        ("PushRegistrationNode", "bgColor", json!("red")),
        ("PushRegistrationNode", "bgColor", json!("zzzzzz")),
        ("PushRegistrationNode", "imgUrl", json!("http://insecure.example/logo.png")),
        ("PushRegistrationNode", "imgUrl", json!("javascript:alert(1)")),
        ("PushRegistrationNode", "accountName", json!("SHOE_SIZE")),
        ("PushRegistrationNode", "scanQRCodeMessage", json!({"1234": "x"})),
        ("GetAuthenticatorAppNode", "appleLink", json!("javascript:alert(1)")),
        ("GetAuthenticatorAppNode", "googleLink", json!("")),
        ("RecoveryCodeCollectorDecisionNode", "recoveryCodeType", json!(null)),
        ("RetryLimitDecisionNode", "retryLimit", json!(-1)),
        ("PageNode", "nodes", json!([])),
        ("PageNode", "nodes", json!(null)),
        ("PageNode", "pageHeader", json!({"x y": "z"})),
    ] {
        let error = refused(&Setup::new().with(node_type, key, value.clone()).journey);
        let TreeError::Node { journey, node, .. } = &error else { panic!("{key} {value}: {error}") };
        assert_eq!(journey, SHIPPED_NAME);
        assert!(node.contains(&node_id(&shipped(), node_type)), "{error}");
        for word in ["i64", "u32", "expected", "invalid type", "unknown variant", "struct"] {
            assert!(!error.to_string().contains(word), "{error}");
        }
    }
}

#[test]
fn a_type_that_does_not_run_here_is_named_also_inside_of_a_page() {
    let mut journey = shipped();
    let page = node_id(&journey, "PageNode");
    journey["trees"][SHIPPED_NAME]["nodes"][&page]["nodes"][1]["nodeType"] = json!("ChoiceCollectorNode");
    let read = read(&journey.to_string()).ok().unwrap().remove(0);
    assert!(read.not_runnable.unwrap().contains("ChoiceCollectorNode"));
}

#[test]
fn recovery_codes_of_another_kind_are_kept_but_do_not_run_here() {
    let setup = Setup::new().with("RecoveryCodeCollectorDecisionNode", "recoveryCodeType", json!("OATH"));
    let read = read(&setup.journey.to_string()).ok().unwrap().remove(0);
    assert!(read.not_runnable.unwrap().contains("OATH"));
}

#[test]
fn disabled_and_inner_journeys_do_not_run_by_themselves() {
    for (key, value) in [("enabled", json!(false)), ("innerTreeOnly", json!(true))] {
        let mut journey = shipped();
        journey["trees"][SHIPPED_NAME]["tree"][key] = value;
        assert!(read(&journey.to_string()).ok().unwrap()[0].not_runnable.is_some(), "{key}");
    }
}

#[test]
fn outcomes_that_are_not_connected_are_a_warning() {
    let mut journey = shipped();
    let id = node_id(&journey, "PushWaitNode");
    let connections = &mut journey["trees"][SHIPPED_NAME]["tree"]["nodes"][&id]["connections"];
    connections.as_object_mut().unwrap().remove("EXITED");
    let warnings = read(&journey.to_string()).ok().unwrap().remove(0).warnings;
    let (open, unreachable): (Vec<&String>, _) = warnings.iter().partition(|warning| warning.contains("not connected"));
    assert_eq!(open.len(), 1);
    assert!(open[0].contains("EXITED") && open[0].contains("Push Wait"), "{warnings:?}");
    assert!(unreachable.iter().all(|warning| warning.contains("nothing leads to it")) && !unreachable.is_empty());
}

#[test]
fn a_folder_of_journeys_is_refused_with_the_files_name() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Journeys::load(&folder.path().join("missing")).err().unwrap();
    assert!(matches!(missing, JourneysError::Unreadable(..)));
    std::fs::write(folder.path().join("a.json"), SHIPPED).unwrap();
    std::fs::write(folder.path().join("b.json"), SHIPPED).unwrap();
    let twice = Journeys::load(folder.path()).ok().unwrap();
    let reason = twice.get(SHIPPED_NAME).unwrap().not_runnable.clone().unwrap();
    assert!(reason.contains("b.json"), "{reason}");
    assert!(twice.check_default(SHIPPED_NAME).is_err());
    std::fs::write(folder.path().join("b.json"), "{").unwrap();
    let broken = Journeys::load(folder.path()).ok().unwrap();
    assert!(broken.off().len() == 1 && broken.off()[0].contains("b.json"), "{:?}", broken.off());
    broken.check_default(SHIPPED_NAME).unwrap();
}

#[test]
fn the_default_journey_must_be_there_and_run() {
    for (name, file) in [("Unknown", SHIPPED), ("oath_registration", OATH_REGISTRATION)] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.json"), file).unwrap();
        let configuration = Configuration {
            default_journey: name.to_owned(),
            data: folder.path().join("data"),
            journeys: folder.path().to_owned(),
            ..Configuration::default()
        };
        let (clock, entropy) = (std::sync::Arc::new(SystemClock), std::sync::Arc::new(SystemEntropy::new()));
        let bound = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
        let refused = App::start(configuration, bound, clock, entropy, false).err().unwrap();
        assert!(
            matches!(&refused, StartError::Journeys(JourneysError::Default(named, _)) if named == name),
            "{refused}"
        );
    }
}

#[test]
fn a_configuration_is_refused_with_file_and_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.toml");
    assert!(matches!(Configuration::load(&file).unwrap_err(), ConfigurationError::Unreadable(..)));
    for (text, named) in [
        ("lisen = 1", "lisen"),
        ("listen = \"nowhere\"", "listen"),
        ("[push]\npull_for_everybody = true", "pull_for_everybody"),
        ("[sign_on]\nmessage_limit = 0", "sign_on.message_limit"),
        ("[sign_on]\nstep_minutes = -5", "sign_on.step_minutes"),
        ("[session]\nmaximum_minutes = 525601", "session.maximum_minutes"),
        ("realm = \"root\"", "realm"),
        ("realm = \"../x\"", "realm"),
        ("public_url = \"ftp://x/am\"", "public_url"),
        ("public_url = \"https://x/am?y\"", "public_url"),
        ("listen = \"[::]:80\"", "public_url"),
        ("= broken", "server.toml"),
    ] {
        std::fs::write(&file, text).unwrap();
        let error = Configuration::load(&file).unwrap_err();
        assert!(matches!(error, ConfigurationError::Invalid(..)));
        let message = error.to_string();
        assert!(message.contains(named) && message.contains("server.toml"), "{message}");
    }
    std::fs::write(&file, TEMPLATE).unwrap();
    let loaded = Configuration::load(&file).unwrap();
    assert_eq!(loaded.data, folder.path().join("data"), "relative to the file");
    assert_eq!(loaded.journeys, folder.path().join("journeys"));
}

#[test]
fn settings_may_stand_in_the_environment_or_in_files() {
    let with = |value: &str| Setup::new().with("PushRegistrationNode", "issuer", json!(value)).journey;
    let issuer = |value: &str| read(&with(value).to_string()).map(|mut journeys| journeys.remove(0).issuer);
    // Cargo sets the variable for its tests; the file is among this project's other vectors.
    let name = env!("CARGO_PKG_NAME");
    assert_eq!(issuer("${env:CARGO_PKG_NAME}").ok().unwrap(), name);
    assert_eq!(issuer("At ${env:CARGO_PKG_NAME} ${file:tests/vectors/journeys/issuer.txt}!").ok().unwrap(), {
        format!("At {name} Example Bank!")
    });
    for (value, part) in [
        ("${env:NO_SUCH_VARIABLE_HERE}", "NO_SUCH_VARIABLE_HERE"),
        ("${file:no/such/file}", "no/such/file"),
        ("${file:tests}", "tests"),
        ("${secret:x}", "${env:NAME}"),
        ("${env:HOME", "not closed"),
    ] {
        let error = refused(&with(value));
        let TreeError::Node { node, problem, .. } = &error else { panic!("{value}: {error}") };
        assert!(problem.contains(part) && node.contains("Push Registration"), "{value}: {error}");
    }
}

#[test]
fn numbers_and_choices_may_come_from_elsewhere_too() {
    let problem = |node: &str, key: &str, value: &str| {
        let read = read(&Setup::new().with(node, key, json!(value)).journey.to_string());
        let error = read.ok().unwrap().remove(0).faults.into_iter().next()?;
        let TreeError::Node { problem, .. } = error else { panic!("{key} = {value}: {error}") };
        Some(problem)
    };
    let sender = "PushAuthenticationSenderNode";
    assert_eq!(problem(sender, "messageTimeout", "60000"), None);
    // The minor version is too small for a time in milliseconds; the range error shows that it was read as a number.
    let minor = problem(sender, "messageTimeout", "${env:CARGO_PKG_VERSION_MINOR}").unwrap();
    assert!(minor.contains("in milliseconds"), "{minor}");
    assert_eq!(problem("RetryLimitDecisionNode", "retryLimit", "${env:CARGO_PKG_VERSION_MINOR}"), None);
    assert_eq!(problem(sender, "contextInfo", "true"), None);
    for wrong in ["yes", "", "1", "[true]", "\"true\""] {
        assert!(problem(sender, "contextInfo", wrong).is_some(), "{wrong}");
    }
    for wrong in ["soon", "", "60000 ms", "6e400", "true", "-1"] {
        assert!(problem(sender, "messageTimeout", wrong).is_some(), "{wrong}");
    }
    // Text stays text, even if it looks like a number.
    let issuer = Setup::new().with("PushRegistrationNode", "issuer", json!("007"));
    assert_eq!(read(&issuer.journey.to_string()).ok().unwrap().remove(0).issuer, "007");
}

#[test]
fn a_page_holds_what_only_asks() {
    for node_type in
        ["PushRegistrationNode", "PushAuthenticationSenderNode", "DataStoreDecisionNode", "AccountLockoutNode"]
    {
        let mut journey = shipped();
        let page = node_id(&journey, "PageNode");
        journey["trees"][SHIPPED_NAME]["nodes"][&page]["nodes"][1]["nodeType"] = json!(node_type);
        let read = read(&journey.to_string()).ok().unwrap().remove(0);
        assert!(read.not_runnable.unwrap().contains(&format!("{node_type} inside of a page")));
    }
}

#[test]
fn what_was_read_from_elsewhere_stands_in_no_message() {
    let name = env!("CARGO_PKG_NAME");
    let with = |key: &str| {
        let setup = Setup::new().with("PushRegistrationNode", key, json!("${env:CARGO_PKG_NAME}"));
        refused(&setup.journey).to_string()
    };
    for key in ["timeout", "bgColor", "accountName"] {
        let message = with(key);
        assert!(message.contains("Push Registration") && !message.contains(name), "{message}");
    }
}
