//! The administrator who runs a command, as named in the audit log.

use crate::protocol::text;

/// Returns the administrator: `cli:` and the user name of the process, plus the calling user under sudo, as in
/// `cli:root (sudo ada)`.
pub(super) fn actor() -> String {
    let id = user_id();
    let name = id.map_or_else(|| "unknown".to_owned(), |id| user_name(id).unwrap_or_else(|| format!("uid {id}")));
    // Trust the variable only as root, where sudo sets it: anyone else can set it to anything.
    let caller = std::env::var("SUDO_USER").ok().filter(|_| id == Some(0));
    match caller.map(|caller| text::clean(&caller, 64)).filter(|caller| !caller.is_empty() && *caller != name) {
        Some(caller) => format!("cli:{name} (sudo {caller})"),
        None => format!("cli:{name}"),
    }
}

/// Returns the process's user ID. The standard library has no safe call for it, so it reads the owner of a file of the
/// process.
#[cfg(unix)]
fn user_id() -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    if let Ok(process) = std::fs::metadata("/proc/self") {
        return Some(process.uid());
    }
    // On systems without /proc, use the owner of a file that this process creates.
    let file = std::env::temp_dir().join(format!("push-authenticator-{}", std::process::id()));
    let made = std::fs::OpenOptions::new().write(true).create_new(true).open(&file).ok()?;
    let owner = made.metadata().ok().map(|metadata| metadata.uid());
    let _ = std::fs::remove_file(&file);
    owner
}

#[cfg(not(unix))]
fn user_id() -> Option<u32> {
    None
}

/// Looks up a user ID in /etc/passwd.
fn user_name(id: u32) -> Option<String> {
    let accounts = std::fs::read_to_string("/etc/passwd").ok()?;
    let name = accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then_some(name)
    })?;
    Some(text::clean(name, 64)).filter(|name| !name.is_empty())
}
