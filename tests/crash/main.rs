//! Processes killed mid-operation. A child of this program performs one operation of the phone on a real vault and is
//! killed (SIGKILL) at a random moment within the operation's measured duration. Afterwards the vault must open,
//! nothing acknowledged may be lost, and no message may be answered twice.
//!
//! `KILLS=N` sets the number of kills. `CRASH_SEED=N` repeats the random choices of a run, which prints its seed; the
//! actual moments depend on the machine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::disallowed_methods, reason = "lengths of operations are measured with the system's clock")]

mod operations;
#[allow(dead_code, reason = "shared with the tests of the phone, which use more of it")]
#[path = "../phone/support.rs"]
mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use operations::{OPERATIONS, Operation};
use tempfile::TempDir;

/// Minimum number of kills in a run, unless the environment variable `KILLS` says otherwise.
const KILLS: usize = 10;
/// More tries than this at one operation mean that something is wrong with the measurement.
const LONGEST_TRY: usize = 1000;
/// Time between the child's being ready and its start, so that it can be killed before.
const PAUSE: Duration = Duration::from_millis(3);

const OPERATION: &str = "CRASH_OPERATION";
const FOLDER: &str = "CRASH_FOLDER";

/// The child: performs the operation and reports what is acknowledged. On its own, it is not a test.
#[test]
fn child() {
    let (Ok(name), Some(folder)) = (std::env::var(OPERATION), std::env::var_os(FOLDER)) else { return };
    let operation = OPERATIONS.iter().find(|operation| operation.name == name).unwrap();
    let say = |word: &str| {
        let mut output = std::io::stdout().lock();
        output.write_all(format!("@{word}\n").as_bytes()).unwrap();
        output.flush().unwrap();
    };
    (operation.run)(Path::new(&folder), &|word| {
        if word == "begin" {
            say("ready");
            std::thread::sleep(PAUSE);
        }
        say(word);
    });
}

#[test]
fn nothing_acknowledged_is_lost_whenever_the_process_is_killed() {
    let seed = std::env::var("CRASH_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64
    });
    println!("crash: CRASH_SEED={seed}");
    let mut random = Random(seed);
    let wanted = std::env::var("KILLS").map_or(KILLS, |kills| kills.parse().expect("KILLS is a number"));
    // Each operation gets its share of kills, at least half of them inside it.
    let (mut kills, share) = (0, wanted.div_ceil(OPERATIONS.len()));
    let inside_wanted = share.div_ceil(2);
    for operation in &OPERATIONS {
        let template = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        (operation.prepare)(template.path());
        let length = measure(operation, template.path());
        let (mut before, mut inside, mut after) = (0, 0, 0);
        while before + inside + after < share || inside < inside_wanted {
            match kill_once(operation, template.path(), length, &mut random) {
                Moment::Before => before += 1,
                Moment::Inside => inside += 1,
                Moment::After => after += 1,
            }
            assert!(before + inside + after < LONGEST_TRY, "{}: hardly ever killed inside", operation.name);
        }
        kills += before + inside + after;
        println!(
            "crash: {:<10} takes {:>7.3} ms; killed {before} times before, {inside} inside, {after} after",
            operation.name,
            length.as_secs_f64() * 1000.0
        );
    }
    println!("crash: {kills} kills; each time the vault opened with all that was acknowledged");
    assert!(kills >= wanted);
}

/// The moment at which a child was killed, judged by what it had reported.
enum Moment {
    Before,
    Inside,
    After,
}

fn kill_once(operation: &Operation, template: &Path, length: Duration, random: &mut Random) -> Moment {
    let folder = copy(template);
    let (mut child, mut lines) = start(operation, folder.path());
    // From a little before the start to a little after the end.
    let at = random.between(-0.1, 1.15);
    wait_for(&mut lines, if at < 0.0 { "@ready" } else { "@begin" });
    if at >= 0.0 {
        wait_precisely(length.mul_f64(at));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let mut said = vec![];
    while let Some(line) = next_line(&mut lines) {
        said.push(line.trim_start_matches('@').to_owned());
    }
    let moment = match (at < 0.0 && !said.contains(&"begin".to_owned()), said.iter().any(|word| word == "end")) {
        (true, _) => Moment::Before,
        (false, false) => Moment::Inside,
        (false, true) => Moment::After,
    };
    check_file(folder.path());
    (operation.check)(folder.path(), &said);
    moment
}

/// Returns the operation's duration: the median of several undisturbed runs. Also checks what they leave behind.
fn measure(operation: &Operation, template: &Path) -> Duration {
    let mut lengths: Vec<Duration> = (0..9)
        .map(|_| {
            let folder = copy(template);
            let (mut child, mut lines) = start(operation, folder.path());
            wait_for(&mut lines, "@begin");
            let began = Instant::now();
            let mut said = vec![];
            while let Some(line) = next_line(&mut lines) {
                said.push(line.trim_start_matches('@').to_owned());
                if line == "@end" {
                    break;
                }
            }
            let length = began.elapsed();
            assert!(child.wait().unwrap().success(), "{} failed by itself", operation.name);
            (operation.check)(folder.path(), &said);
            length
        })
        .collect();
    lengths.sort();
    lengths[lengths.len() / 2]
}

/// Asks SQLite whether the file is intact. Works on a copy, so that the phone finds the file as the kill left it.
fn check_file(folder: &Path) {
    let copied = copy(folder);
    let file = copied.path().join("vault");
    if file.exists() {
        let sql = rusqlite::Connection::open(file).unwrap();
        let word: String = sql.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(word, "ok");
    }
}

fn copy(template: &Path) -> TempDir {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for entry in std::fs::read_dir(template).unwrap() {
        let from: PathBuf = entry.unwrap().path();
        // The index that another process has mapped; SQLite rebuilds it from the log.
        if !from.ends_with("vault-shm") {
            std::fs::copy(&from, folder.path().join(from.file_name().unwrap())).unwrap();
        }
    }
    folder
}

type Lines = BufReader<std::process::ChildStdout>;

fn start(operation: &Operation, folder: &Path) -> (Child, Lines) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture", "--test-threads=1"])
        .env(OPERATION, operation.name)
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    (child, lines)
}

/// Returns the next line that the child itself wrote, skipping the output of its test harness.
fn next_line(lines: &mut Lines) -> Option<String> {
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        // The harness writes its `test child ... ` before the first of them, without ending the line.
        if let Some(at) = line.find('@')
            && line.ends_with('\n')
        {
            return Some(line[at..].trim_end().to_owned());
        }
    }
}

fn wait_for(lines: &mut Lines, word: &str) {
    while next_line(lines).expect("the child ended by itself") != word {}
}

/// Sleeps for most of the time and watches the clock for the rest.
fn wait_precisely(duration: Duration) {
    let until = Instant::now() + duration;
    std::thread::sleep(duration.saturating_sub(Duration::from_micros(200)));
    while Instant::now() < until {
        std::hint::spin_loop();
    }
}

/// Splitmix64: small, and deterministic for a given seed.
struct Random(u64);

impl Random {
    fn between(&mut self, low: f64, high: f64) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        low + (high - low) * (mixed >> 11) as f64 / (1u64 << 53) as f64
    }
}
