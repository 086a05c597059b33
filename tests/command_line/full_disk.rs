//! A server whose disk is full, or whose database another process holds. The test makes its own file system for the
//! full disk, which only root on Linux can do; elsewhere it reports that it did not run.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::rotation::{ROTATE, add_events, key, values};
use crate::setup::Server;

fn mount(arguments: &[&str], folder: &Path) -> bool {
    Command::new("mount").args(arguments).arg(folder).output().is_ok_and(|output| output.status.success())
}

/// A mounted folder; dropping the value unmounts it.
struct Mounted<'a>(&'a Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).output();
    }
}

/// Returns status, `Retry-After` and text of a call.
fn call(server: &Server, method: &str, path: &str) -> (u16, Option<String>, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let url = format!("http://{}{path}", server.address);
    let mut response = match method {
        "POST" => agent.post(&url).header("Content-Type", "application/json").send_empty().unwrap(),
        _ => agent.get(&url).call().unwrap(),
    };
    let retry = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    (response.status().as_u16(), retry, response.body_mut().read_to_string().unwrap())
}

/// Moves a stopped server's data to its own file system, if possible.
fn on_small_disk<'a>(server: &Server, data: &'a Path, options: &str) -> Option<Mounted<'a>> {
    let kept = server.folder.path().join("kept");
    std::fs::rename(data, &kept).unwrap();
    std::fs::create_dir(data).unwrap();
    if !mount(&["-t", "tmpfs", "-o", options, "tmpfs"], data) {
        return None;
    }
    for entry in std::fs::read_dir(&kept).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), data.join(entry.file_name())).unwrap();
    }
    Some(Mounted(data))
}

const AUTHENTICATE: &str = "/am/json/realms/root/realms/alpha/authenticate";
const READY: &str = "/am/json/health/ready";

#[test]
#[allow(clippy::print_stdout, reason = "says that the test was not run")]
fn on_a_full_disk_the_server_says_when_to_come_back_and_works_again_once_there_is_room() {
    let mut server = Server::start(|journey| journey, "");
    server.stop();
    let data = server.folder.path().join("data");
    let Some(_mounted) = on_small_disk(&server, &data, "size=1m,mode=700") else {
        println!("NOT RUN: this test makes a file system of its own, which only root on Linux can do");
        return;
    };
    server.resume();
    assert_eq!(call(&server, "GET", READY).0, 200);
    let filler = data.join("filler");
    let mut room = std::fs::File::create(&filler).unwrap();
    while std::io::Write::write_all(&mut room, &[1; 1024]).is_ok() {}

    let (status, retry, text) = call(&server, "GET", READY);
    assert_eq!((status, retry.is_some()), (503, true), "{text}");
    assert_eq!(call(&server, "GET", "/am/json/health/live").0, 200);
    let (status, step) = server.post(None);
    // The first step stores nothing; the one after the password does.
    if status == 200 {
        let mut step = step;
        step["callbacks"][0]["input"][0]["value"] = serde_json::json!("alice");
        step["callbacks"][1]["input"][0]["value"] = serde_json::json!(crate::setup::PASSWORD);
        let (status, answer) = server.post(Some(&step));
        assert_eq!(status, 503, "{answer}");
    } else {
        assert_eq!(status, 503, "{step}");
        assert!(call(&server, "POST", AUTHENTICATE).1.is_some(), "it says when to come back");
    }

    std::fs::remove_file(&filler).unwrap();
    drop(room);
    assert_eq!(call(&server, "GET", READY).0, 200);
    server.sign_on();
}

#[test]
fn a_probe_is_not_held_by_another_process_that_holds_the_database() {
    let server = Server::start(|journey| journey, "");
    let other = rusqlite::Connection::open(server.folder.path().join("data/server.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let began = Instant::now();
    let (status, retry, _) = call(&server, "GET", READY);
    assert_eq!((status, retry.is_some()), (503, true));
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    other.execute_batch("ROLLBACK").unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while call(&server, "GET", READY).0 != 200 {
        assert!(Instant::now() < until);
    }
}

#[test]
#[allow(clippy::print_stdout, reason = "says that the test was not run")]
fn a_rotation_that_finds_no_room_changes_nothing_and_works_once_there_is_some() {
    let mut server = Server::start(|journey| journey, "");
    server.stop();
    let data = server.folder.path().join("data");
    let Some(_mounted) = on_small_disk(&server, &data, "size=8m,mode=700") else {
        println!("NOT RUN: this test makes a file system of its own, which only root on Linux can do");
        return;
    };
    add_events(&server, 1_000);
    let before = values(&server);
    let filler = data.join("filler");
    // Space for nothing, for the key, for some of what is sealed again.
    for room in [0, 8, 48, 128] {
        let old = key(&server);
        let mut file = std::fs::File::create(&filler).unwrap();
        while std::io::Write::write_all(&mut file, &[1; 1024]).is_ok() {}
        file.set_len(file.metadata().unwrap().len().saturating_sub(room * 1024)).unwrap();
        let rotated = server.verb(&ROTATE, "");
        assert_eq!(rotated.value["error"]["code"], "store", "{room} KiB: {}", rotated.value);
        std::fs::remove_file(&filler).unwrap();
        drop(file);
        assert_eq!(values(&server), before, "{room} KiB");
        assert_eq!(key(&server), old, "{room} KiB");
        assert!(room > 0 || !data.join("server.key.new").exists(), "half a key");
    }
    let old = key(&server);
    server.verb(&ROTATE, "").done();
    assert_eq!(values(&server), before);
    assert_ne!(key(&server), old);
}
