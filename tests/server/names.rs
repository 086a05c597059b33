//! Names and passwords are compared by meaning, not by spelling.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use argon2::{Argon2, PasswordHasher as _};
use rusqlite::Connection;

use push_authenticator::ports::SystemEntropy;
use push_authenticator::server::store::StoreError;
use push_authenticator::server::store::user_names::{self, Renamed};
use push_authenticator::server::{StartError, open_data};

use crate::at_rest::configuration;
use crate::harness::*;

const COMPOSED: &str = "j\u{f6}rg@example.org";
const DECOMPOSED: &str = "jo\u{308}rg@example.org";

#[test]
fn a_user_signs_on_by_any_spelling_of_name_and_password() {
    let server = start();
    server.add_user(COMPOSED, "p\u{e4}ss w\u{f6}rd", None);
    let names = [COMPOSED, DECOMPOSED, "JO\u{308}RG@Example.ORG", "\u{ff2a}\u{f6}rg@example.org"];
    for name in names {
        for password in ["p\u{e4}ss w\u{f6}rd", "pa\u{308}ss\u{a0}wo\u{308}rd"] {
            assert_eq!(server.sign_on_as(name, password).status, 200, "{name} {password}");
        }
    }
    for wrong in ["P\u{e4}ss w\u{f6}rd", "pass word", "p\u{e4}ssw\u{f6}rd"] {
        assert_eq!(server.sign_on_as(COMPOSED, wrong).status, 401, "{wrong}");
    }
}

#[test]
fn a_hash_of_the_former_form_counts_and_is_replaced_at_the_next_success() {
    let server = start();
    server.add_user("zoe", "unused", None);
    let typed = "pa\u{308}ss";
    let hash = Argon2::default().hash_password_with_salt(typed.as_bytes(), b"sixteen bytes ok").unwrap().to_string();
    Connection::open(server.database_file())
        .unwrap()
        .execute("UPDATE user SET password_hash = ?1 WHERE name = 'zoe'", [&hash])
        .unwrap();
    assert_eq!(server.sign_on_as("zoe", "pass").status, 401);
    assert_eq!(server.text("SELECT password_hash FROM user WHERE name = 'zoe'"), hash);
    assert_eq!(server.sign_on_as("zoe", typed).status, 200);
    let replaced = server.text("SELECT password_hash FROM user WHERE name = 'zoe'");
    assert_ne!(replaced, hash);
    assert_eq!(server.sign_on_as("zoe", "p\u{e4}ss").status, 200);
    assert_eq!(server.text("SELECT password_hash FROM user WHERE name = 'zoe'"), replaced, "once is enough");
}

#[test]
fn names_that_collide_stop_the_migration_and_renaming_one_lets_it_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let configuration = configuration(folder.path());
    let frozen = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/store");
    std::fs::create_dir(&configuration.data).unwrap();
    let (file, key) = (configuration.data.join("server.db"), configuration.data.join("server.key"));
    std::fs::copy(frozen.join("version-5.db"), &file).unwrap();
    std::fs::copy(frozen.join("version-5.key"), &key).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let add = "INSERT INTO user (name, password_hash, created_at) VALUES (?1, 'x', 1)";
    let old = Connection::open(&file).unwrap();
    for name in [COMPOSED, DECOMPOSED] {
        old.execute(add, [name]).unwrap();
    }
    old.execute("INSERT INTO retry VALUES (?1, 'node', 2)", [DECOMPOSED]).unwrap();
    drop(old);

    let refused = open_data(&configuration, &SystemEntropy::new()).err().unwrap();
    let StartError::Store(StoreError::NamesCollide(list)) = &refused else { panic!("{refused}") };
    assert!(list.contains("j\\u{f6}rg@example.org") && list.contains("jo\\u{308}rg@example.org"), "{list}");
    assert!(refused.to_string().contains("user rename"), "{refused}");
    let look = || Connection::open(&file).unwrap();
    let version: i32 = look().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, 5, "nothing was changed");

    assert_eq!(user_names::rename(&file, "nobody", "x").unwrap(), Renamed::NoSuchUser);
    assert_eq!(user_names::rename(&file, DECOMPOSED, "J\u{d6}RG@example.org").unwrap(), Renamed::Taken);
    assert_eq!(user_names::rename(&file, DECOMPOSED, "j\u{f6}rg.2@example.org").unwrap(), Renamed::Done);
    open_data(&configuration, &SystemEntropy::new()).unwrap();
    let database = look();
    let retries: i64 = database
        .query_row("SELECT count FROM retry WHERE user = 'j\u{f6}rg.2@example.org'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(retries, 2, "what is the user's went along");
    let without: i64 = database.query_row("SELECT count(*) FROM user WHERE key IS NULL", [], |row| row.get(0)).unwrap();
    assert_eq!(without, 0);
}

#[test]
fn the_database_and_its_folder_are_closed_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let configuration = configuration(folder.path());
    let mode = |file: &Path| std::fs::metadata(file).unwrap().permissions().mode() & 0o777;
    let opened = open_data(&configuration, &SystemEntropy::new()).unwrap();
    for name in ["server.db", "server.db-wal", "server.db-shm"] {
        assert_eq!(mode(&configuration.data.join(name)), 0o600, "{name}");
    }
    drop(opened);
    let file = configuration.data.join("server.db");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::set_permissions(&configuration.data, std::fs::Permissions::from_mode(0o755)).unwrap();
    let _opened = open_data(&configuration, &SystemEntropy::new()).unwrap();
    assert_eq!((mode(&file), mode(&configuration.data)), (0o600, 0o700));
}
