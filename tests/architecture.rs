//! Reads the sources and fails on any import that violates the module table in `src/lib.rs`. Also checks that a phone
//! app's dependency tree stays small and that no file exceeds the length limit.
//!
//! Works on words rather than grammar: it blanks comments and strings, and resolves every path that begins with
//! `crate`, `super`, or `self`, including grouped imports, to the module it names. Every check is itself tested against
//! a seeded violation.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's helpers, which may stop it")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Longest source file, in lines.
const LONGEST_FILE: usize = 450;

/// What the modules under a path must not mention. `rooms` are module paths from the crate root and everything below
/// them; `words` are names of crates or paths in other crates.
struct Rule {
    /// The modules that the rule covers: this path and everything below.
    within: &'static str,
    /// Modules below it that are exempt.
    except: &'static [&'static str],
    rooms: &'static [&'static str],
    words: &'static [&'static str],
}

const RULES: &[Rule] = &[
    Rule {
        within: "secret",
        except: &[],
        rooms: &["ports", "protocol", "phone", "ffi", "server", "cli"],
        words: &["rusqlite", "uniffi", "axum", "tokio", "ureq"],
    },
    Rule {
        within: "ports",
        except: &[],
        rooms: &["secret", "protocol", "phone", "ffi", "server", "cli"],
        words: &["rusqlite", "uniffi", "axum", "tokio", "ureq"],
    },
    Rule {
        within: "protocol",
        except: &[],
        rooms: &["ports", "phone", "ffi", "server", "cli"],
        words: &[
            "ring::rand",
            "std::fs",
            "std::net::Tcp",
            "std::net::Udp",
            "std::time",
            "rusqlite",
            "uniffi",
            "axum",
            "tokio",
            "ureq",
        ],
    },
    Rule {
        within: "phone",
        except: &[],
        rooms: &["ffi", "server", "cli"],
        words: &["uniffi", "axum", "tokio", "hyper", "reqwest", "ureq", "std::net"],
    },
    Rule { within: "phone", except: &["phone::vault"], rooms: &[], words: &["rusqlite"] },
    Rule { within: "phone", except: &["phone::vault::seal"], rooms: &[], words: &["ring::aead"] },
    // Within the phone, the vault may use only `credential`, `account`, and itself.
    Rule {
        within: "phone::vault",
        except: &[],
        rooms: &[
            "phone::accounts",
            "phone::activation",
            "phone::approval",
            "phone::codes",
            "phone::date",
            "phone::device_key",
            "phone::enrolment",
            "phone::error",
            "phone::consent",
            "phone::history",
            "phone::log",
            "phone::notification",
            "phone::outbox",
            "phone::pull",
            "phone::receive",
            "phone::removal",
            "phone::rewrap",
            "phone::token",
            "phone::Phone",
            "phone::PhoneError",
        ],
        words: &[],
    },
    Rule {
        within: "ffi",
        except: &[],
        rooms: &["server", "cli"],
        words: &["rusqlite", "ring::aead", "axum", "tokio", "ureq"],
    },
    Rule { within: "server", except: &[], rooms: &["phone", "ffi", "cli"], words: &["uniffi"] },
    Rule { within: "server", except: &["server::http"], rooms: &[], words: &["ureq", "rustls", "rustls_native_certs"] },
    Rule {
        within: "server::webhook",
        except: &[],
        rooms: &["server::push", "server::journey", "server::sign_on", "server::api", "server::pages"],
        words: &["tokio", "axum"],
    },
    Rule { within: "server::http", except: &[], rooms: &["secret", "ports", "protocol", "server"], words: &["tokio"] },
    // The signer depends only on cryptography and its HTTP request.
    Rule {
        within: "server::push::sns::signature",
        except: &[],
        rooms: &["protocol", "server"],
        words: &["ring::aead", "ring::rand", "url", "serde", "std::net", "std::fs"],
    },
    // Attestation depends only on certificates and settings, and is the only module that parses certificates.
    Rule {
        within: "server::attestation",
        except: &[],
        rooms: &[
            "server::api",
            "server::configuration",
            "server::journey",
            "server::keys",
            "server::pages",
            "server::push",
            "server::sign_on",
            "server::store",
        ],
        words: &["axum", "tokio", "ring::aead", "ring::rand", "std::net"],
    },
    Rule { within: "server", except: &["server::attestation"], rooms: &[], words: &["x509_parser"] },
    Rule { within: "server", except: &["server::store"], rooms: &[], words: &["rusqlite"] },
    Rule { within: "server", except: &["server::keys"], rooms: &[], words: &["ring::aead"] },
    Rule { within: "server::journey", except: &[], rooms: &["server::api", "server::pages"], words: &["axum"] },
    Rule { within: "cli", except: &[], rooms: &["ffi"], words: &["uniffi", "rusqlite"] },
];

/// A source file: its module path, and its text without comments and strings.
struct Source {
    file: String,
    module: Vec<String>,
    code: String,
}

impl Source {
    fn new(file: &str, text: &str) -> Self {
        let mut module: Vec<String> = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if module.last().is_some_and(|last| last == "mod" || last == "lib") {
            module.pop();
        }
        Self { file: file.to_owned(), module, code: without_comments_and_strings(text) }
    }

    fn module_path(&self) -> String {
        self.module.join("::")
    }

    /// Returns every path within this crate that the file mentions, from the crate root.
    fn own_paths(&self) -> BTreeSet<String> {
        let mut paths = BTreeSet::new();
        let tokens = tokens(&self.code);
        let mut at = 0;
        while at < tokens.len() {
            let begins = matches!(tokens[at].as_str(), "crate" | "super" | "self")
                && tokens.get(at + 1).is_some_and(|next| next == "::")
                && (at == 0 || tokens[at - 1] != "::");
            if begins {
                let mut found = Vec::new();
                at = read_tree(&tokens, at, &[], &mut found);
                paths.extend(found.iter().map(|path| self.resolve(path)));
            } else {
                at += 1;
            }
        }
        paths
    }

    /// Resolves a path to one from the crate root. In an inline test module, `super` is one level deeper; such a path
    /// resolves to the parent, which is a module or its ancestor and is checked all the same.
    fn resolve(&self, path: &[String]) -> String {
        let mut resolved = match path.first().map(String::as_str) {
            Some("super" | "self") => self.module.clone(),
            _ => Vec::new(),
        };
        for word in path {
            match word.as_str() {
                "crate" | "self" => {}
                "super" => {
                    resolved.pop();
                }
                word => resolved.push(word.to_owned()),
            }
        }
        resolved.join("::")
    }

    fn mentions(&self, word: &str) -> bool {
        let words: Vec<&str> = word.split("::").collect();
        let tokens = tokens(&self.code);
        let mut found = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            if tokens[at] == words[0] && (at == 0 || tokens[at - 1] != "::") {
                at = read_tree(&tokens, at, &[], &mut found);
            } else {
                at += 1;
            }
        }
        // The last word of a rule may be a prefix of a name, as in `std::net::Tcp`.
        found.iter().any(|path| {
            path.len() >= words.len()
                && words.iter().zip(path).enumerate().all(|(index, (word, there))| {
                    if index > 0 && index + 1 == words.len() { there.starts_with(word) } else { there == word }
                })
        })
    }
}

/// Reads a path and the paths in its braces, and returns where it ends.
fn read_tree(tokens: &[String], mut at: usize, prefix: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let mut path = prefix.to_vec();
    loop {
        match tokens.get(at).map(String::as_str) {
            Some("{") => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token != "}") {
                    if tokens[at] == "," {
                        at += 1;
                    } else {
                        let before = at;
                        at = read_tree(tokens, at, &path, found);
                        at = at.max(before + 1);
                    }
                }
                return at + 1;
            }
            Some(word) if is_word(word) || word == "*" => {
                path.push(word.to_owned());
                at += 1;
            }
            _ => {
                found.push(path);
                return at;
            }
        }
        if tokens.get(at).is_some_and(|token| token == "::") {
            at += 1;
        } else {
            found.push(path);
            return at;
        }
    }
}

fn is_word(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphanumeric() || first == '_')
}

fn tokens(code: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first.is_alphanumeric() || first == '_' {
            rest.find(|each: char| !(each.is_alphanumeric() || each == '_')).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        tokens.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    tokens
}

/// Blanks line comments, block comments, strings, and characters.
fn without_comments_and_strings(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    let starts = |at: usize, what: &str| what.chars().enumerate().all(|(i, c)| characters.get(at + i) == Some(&c));
    while let Some(&character) = characters.get(at) {
        if starts(at, "//") {
            while characters.get(at).is_some_and(|each| *each != '\n') {
                at += 1;
            }
        } else if starts(at, "/*") {
            at += 2;
            while at < characters.len() && !starts(at, "*/") {
                at += 1;
            }
            at += 2;
        } else if let Some(hashes) = raw_string(&characters, at) {
            let end = format!("\"{}", "#".repeat(hashes));
            at += hashes + 2;
            while at < characters.len() && !starts(at, &end) {
                at += 1;
            }
            at += end.len();
            code.push(' ');
        } else if character == '"' {
            at += 1;
            while characters.get(at).is_some_and(|each| *each != '"') {
                at += if characters[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
            code.push(' ');
        } else if character == '\'' && characters.get(at + 1) == Some(&'\\') {
            at += 3;
            while characters.get(at).is_some_and(|each| *each != '\'') {
                at += 1;
            }
            at += 1;
        } else if character == '\'' && characters.get(at + 2) == Some(&'\'') {
            at += 3;
        } else {
            code.push(character);
            at += 1;
        }
    }
    code
}

/// Returns the number of hashes if a raw string starts here.
fn raw_string(characters: &[char], at: usize) -> Option<usize> {
    let in_a_word = at > 0 && (characters[at - 1].is_alphanumeric() && characters[at - 1] != 'b');
    if characters.get(at) != Some(&'r') || in_a_word {
        return None;
    }
    let hashes = characters[at + 1..].iter().take_while(|each| **each == '#').count();
    (characters.get(at + 1 + hashes) == Some(&'"')).then_some(hashes)
}

fn is_within(path: &str, room: &str) -> bool {
    path == room || path.strip_prefix(room).is_some_and(|rest| rest.starts_with("::"))
}

/// Returns what a source mentions in violation of the table.
fn violations(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    let module = source.module_path();
    let paths = source.own_paths();
    for rule in RULES {
        if !is_within(&module, rule.within) || rule.except.iter().any(|except| is_within(&module, except)) {
            continue;
        }
        for room in rule.rooms {
            // A folder may have a rule separate from its parent module's and still consist of several files.
            let is_own = |path: &str| is_within(rule.within, room) && is_within(path, rule.within);
            for path in paths.iter().filter(|path| is_within(path, room) && !is_own(path)) {
                found.push(format!("{} ({}) mentions {path}", source.file, rule.within));
            }
        }
        for word in rule.words {
            if source.mentions(word) {
                found.push(format!("{} ({}) mentions {word}", source.file, rule.within));
            }
        }
    }
    if module.is_empty() && source.mentions("rusqlite") {
        found.push(format!("{} mentions rusqlite", source.file));
    }
    // Nodes must not use each other: reject everything under `nodes` except the node itself.
    if let Some(node) = module.strip_prefix("server::journey::nodes::") {
        for path in &paths {
            if let Some(other) = path.strip_prefix("server::journey::nodes::")
                && other.split("::").next() != node.split("::").next()
                && other.starts_with(|first: char| first.is_lowercase())
            {
                found.push(format!("{} (a node) mentions the node {other}", source.file));
            }
        }
    }
    found
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Returns all library sources by path under `src`, with their text.
fn sources() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&folder, &mut files);
    files.sort();
    files
        .iter()
        .map(|path| {
            let name = path.strip_prefix(&folder).unwrap().to_string_lossy().replace('\\', "/");
            (name, fs::read_to_string(path).unwrap())
        })
        .filter(|(name, _)| !name.starts_with("bin/"))
        .collect()
}

#[test]
fn rooms_import_what_the_table_allows() {
    let sources = sources();
    assert!(sources.len() > 50, "the sources were found");
    for room in ["secret", "ports", "protocol", "phone", "ffi", "server", "cli"] {
        assert!(
            sources.iter().any(|(file, text)| is_within(&Source::new(file, text).module_path(), room)),
            "no source of {room} was found"
        );
    }
    let found: Vec<String> = sources.iter().flat_map(|(file, text)| violations(&Source::new(file, text))).collect();
    assert!(found.is_empty(), "imports against the room table:\n{}", found.join("\n"));
}

#[test]
fn seeded_violations_are_found() {
    let seeded = [
        ("secret.rs", "use crate::ports::Clock;"),
        ("ports.rs", "use crate::secret::SecretBytes;"),
        ("protocol/jws.rs", "use crate::phone::Phone;"),
        ("protocol/jws.rs", "use super::super::ports::Clock;"),
        ("protocol/jws.rs", "use crate::{secret::Reason, ports::{Clock, Entropy}};"),
        ("protocol/jws.rs", "use ring::{hmac, rand::SystemRandom};"),
        ("protocol/jws.rs", "fn f() { std::time::Duration::ZERO; }"),
        ("protocol/uri.rs", "use std::net::{IpAddr, TcpStream};"),
        ("phone/mod.rs", "use crate::server::App;"),
        ("phone/outbox.rs", "fn f() { crate::cli::run([]); }"),
        ("phone/outbox.rs", "fn f() { ureq::get(\"x\"); }"),
        ("phone/outbox.rs", "use rusqlite::Connection;"),
        ("phone/vault/mod.rs", "use ring::aead::LessSafeKey;"),
        ("phone/vault/mod.rs", "use super::enrolment::Preview;"),
        ("phone/vault/outbox.rs", "use super::super::{credential::Id, consent::Evidence};"),
        ("phone/vault/outbox.rs", "use crate::phone::PhoneError;"),
        ("ffi/mod.rs", "use rusqlite::Connection;"),
        ("ffi/mod.rs", "use crate::server::App;"),
        ("server/mod.rs", "use crate::phone::Phone;"),
        ("server/push/mod.rs", "use crate::{ports::Clock, phone};"),
        ("server/push/mod.rs", "#[uniffi::export] fn f() {}"),
        ("server/push/mod.rs", "use rusqlite::params;"),
        ("server/push/device_key.rs", "use x509_parser::prelude::X509Certificate;"),
        ("server/attestation/android.rs", "use crate::server::store::device_keys::DeviceKey;"),
        ("server/push/sns/calls.rs", "fn f() { ureq::get(\"x\"); }"),
        ("server/webhook/sender.rs", "fn f() { ureq::get(\"x\"); }"),
        ("server/webhook/mod.rs", "use super::push::Effect;"),
        ("server/http.rs", "use super::push::Effect;"),
        ("server/http/trust.rs", "use super::super::push::Effect;"),
        ("server/ca_file.rs", "use rustls::RootCertStore;"),
        ("server/push/sns/signature.rs", "use super::credentials::Credentials;"),
        ("server/push/sns/signature.rs", "use crate::server::store::Store;"),
        ("server/store/mod.rs", "use ring::aead;"),
        ("server/journey/engine.rs", "use axum::Json;"),
        ("server/journey/nodes/page.rs", "use super::push_wait::PushWait;"),
        ("server/journey/nodes/page.rs", "use crate::server::journey::nodes::push_wait;"),
        ("server/mod.rs", "use crate::cli;"),
        ("cli/mod.rs", "use crate::ffi::Authenticator;"),
        ("lib.rs", "use rusqlite::Connection;"),
    ];
    for (file, text) in seeded {
        assert!(!violations(&Source::new(file, text)).is_empty(), "not found in {file}: {text}");
    }
}

#[test]
fn what_is_allowed_is_no_violation() {
    let allowed = [
        ("protocol/jws.rs", "// use crate::phone::Phone;\n/* rusqlite */ const A: &str = \"crate::phone::Phone\";"),
        ("protocol/jws.rs", "const A: &str = r#\"\"crate::phone::Phone\"#; use crate::secret::Reason;"),
        ("protocol/jws.rs", "const QUOTE: char = '\"'; use ring::hmac; const OTHER: char = '\\''; use std::fmt;"),
        ("phone/vault/mod.rs", "use super::credential::Id; use rusqlite::Connection; pub(super) use seal::Sealer;"),
        ("phone/vault/seal.rs", "use ring::aead::{self, LessSafeKey}; use super::VaultError;"),
        ("phone/mod.rs", "pub use outbox::{HttpRequest, Delivery}; use crate::{ports::Clock, protocol::jws};"),
        ("server/store/mod.rs", "use rusqlite::Connection; use super::keys::Keys; fn f(phone: u8, cli: u8) {}"),
        ("server/http.rs", "use ureq::Agent; use url::Url;"),
        ("server/http/tls_failure.rs", "use super::trust::Trust; use rustls::CertificateError;"),
        (
            "server/push/sns/signature.rs",
            "use ring::{digest, hmac}; use crate::{ports::EpochMilliseconds, secret::Reason};",
        ),
        ("server/journey/nodes/page.rs", "use super::SettingError; use crate::server::journey::node::Node;"),
    ];
    for (file, text) in allowed {
        assert_eq!(violations(&Source::new(file, text)), Vec::<String>::new(), "{file}: {text}");
    }
}

#[test]
fn no_file_grows_beyond_the_limit() {
    let too_long: Vec<String> =
        sources().into_iter().filter(|(_, text)| text.lines().count() > LONGEST_FILE).map(|(file, _)| file).collect();
    assert!(too_long.is_empty(), "longer than {LONGEST_FILE} lines, make each a folder of the same name: {too_long:?}");
}

/// Returns the names of the crates in a build with these features.
fn dependency_tree(features: &[&str]) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["tree", "--offline", "--locked", "-e", "normal", "--prefix", "none", "--format", "{p}"])
        .args(features)
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo tree failed: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_phone_app_gets_no_runtime_no_server_and_no_tls() {
    let phone = dependency_tree(&["--no-default-features", "--features", "ffi"]);
    assert!(phone.contains("push-authenticator") && phone.contains("uniffi") && phone.contains("rusqlite"));
    for unwanted in [
        "tokio",
        "axum",
        "hyper",
        "rustls",
        "rustls-native-certs",
        "webpki-roots",
        "ureq",
        "native-tls",
        "openssl",
        "reqwest",
        "clap",
        "x509-parser",
        "asn1-rs",
        "ciborium",
    ] {
        assert!(!phone.contains(unwanted), "{unwanted} came into the phone's build");
    }
    let everything = dependency_tree(&[]);
    for wanted in ["tokio", "axum", "ureq", "rustls", "rustls-native-certs", "x509-parser", "asn1-rs"] {
        assert!(everything.contains(wanted), "the check could not find {wanted} where it is");
    }
    assert!(!everything.contains("webpki-roots"), "the machine says whom it trusts, and no list is compiled in");
}

#[test]
fn the_tests_that_the_table_of_states_names_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    rust_files(&root.join("tests"), &mut files);
    let tests: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let table = fs::read_to_string(root.join("docs/states.md")).unwrap();
    let named: Vec<&str> =
        table.split('`').filter(|text| text.matches('_').count() > 2 && !text.contains([' ', '\n'])).collect();
    assert!(named.len() > 30, "{named:?}");
    for name in named {
        assert!(tests.contains(&format!("fn {name}()")), "docs/states.md names {name}, which is no test");
    }
}
