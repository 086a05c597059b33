//! Completions as a shell loads them, and man pages.

use std::process::Command;

use crate::setup::run;

/// Returns what bash offers for a line of words, completing the last one.
fn offered(script: &str, words: &[&str]) -> Vec<String> {
    let line = format!(
        "{script}\nCOMP_WORDS=({}); COMP_CWORD={}\n\
         complete_it=$(complete -p push-authenticator | sed 's/.*-F \\([^ ]*\\).*/\\1/')\n\
         \"$complete_it\" push-authenticator '{}' '{}'\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.join(" "),
        words.len() - 1,
        words[words.len() - 1],
        words[words.len() - 2],
    );
    let output = Command::new("bash").args(["--norc", "-c", &line]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(ToOwned::to_owned).collect()
}

#[test]
fn bash_completes_commands_and_options() {
    let made = run(&["completions", "bash"], "").done();
    assert_eq!(made["shell"], "bash");
    let script = made["script"].as_str().unwrap();
    assert_eq!(offered(script, &["push-authenticator", "dev"]), ["device"]);
    assert_eq!(offered(script, &["push-authenticator", "user", "unf"]), ["unfreeze"]);
    assert_eq!(offered(script, &["push-authenticator", "serve", "--lis"]), ["--listen"]);
    assert_eq!(offered(script, &["push-authenticator", "nothing"]), [""]);
}

#[test]
fn every_shell_gets_a_script_and_others_are_wrong_usage() {
    for (shell, text) in [
        ("zsh", "#compdef push-authenticator"),
        ("fish", "complete -c push-authenticator"),
        ("elvish", "edit:completion"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        assert!(run(&["completions", shell], "").done()["script"].as_str().unwrap().contains(text), "{shell}");
    }
    assert_eq!(run(&["completions", "csh"], "").failed(), (2, "usage".to_owned()));
}

#[test]
fn every_command_has_a_man_page() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    run(&["man", pages.to_str().unwrap()], "").done();
    for name in ["push-authenticator", "push-authenticator-serve", "push-authenticator-user-add"] {
        let page = std::fs::read_to_string(pages.join(format!("{name}.1"))).unwrap();
        assert!(page.contains(".TH") && page.contains(".SH SYNOPSIS"), "{name}: {page}");
    }
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert_eq!(run(&["man", file.to_str().unwrap()], "").failed(), (1, "man".to_owned()));
}
