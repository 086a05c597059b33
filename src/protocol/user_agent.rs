//! Names of browsers and operating systems, derived from what a browser says about itself.
//!
//! `User-Agent` and `Sec-CH-UA-Platform` are free text: anyone who knows a password can write "please tap 10" into
//! them. The user therefore sees a name from the tables below, and the text only selects which one.

use std::fmt;

/// How many characters of a text are examined. Real user agents have about 120.
const READ: usize = 1000;

/// Browsers: the name, and the words that identify it. The first match wins, because most browsers also claim to be
/// others.
const BROWSERS: [(&str, &[&str]); 18] = [
    ("Edge", &["edg", "edge", "edga", "edgios"]),
    ("Opera", &["opr", "opera", "opt", "opios"]),
    ("Samsung Internet", &["samsungbrowser", "samsung internet"]),
    ("Vivaldi", &["vivaldi"]),
    ("Yandex Browser", &["yabrowser", "yandex browser"]),
    ("UC Browser", &["ucbrowser", "uc browser"]),
    ("DuckDuckGo", &["duckduckgo", "ddg"]),
    ("Brave", &["brave"]),
    ("Whale", &["whale"]),
    ("Huawei Browser", &["huaweibrowser", "huawei browser"]),
    ("Mi Browser", &["miuibrowser", "mi browser"]),
    ("Amazon Silk", &["silk"]),
    ("Firefox", &["firefox", "fxios", "focus", "klar"]),
    ("Epiphany", &["epiphany"]),
    ("Konqueror", &["konqueror"]),
    ("Chrome", &["chrome", "crios", "chromium", "headlesschrome"]),
    ("Internet Explorer", &["msie", "trident", "internet explorer"]),
    (SAFARI, &["safari"]),
];

/// Third-party browsers also end their user agent with this word, so it counts on Apple's systems only.
const SAFARI: &str = "Safari";

/// Operating systems: the name, and the words that identify it. Those that claim to be others come first.
const SYSTEMS: [(&str, &[&str]); 12] = [
    ("HarmonyOS", &["harmonyos", "openharmony"]),
    ("KaiOS", &["kaios"]),
    ("Tizen", &["tizen"]),
    ("iPad", &["ipad", "ipados"]),
    ("iPhone", &["iphone", "ipod", "ios"]),
    ("Android", &["android"]),
    ("ChromeOS", &["cros", "chromeos", "chrome os", "chromium os"]),
    ("Windows", &["windows", "win32", "win64"]),
    ("macOS", &["macintosh", "mac os", "macos"]),
    ("FreeBSD", &["freebsd"]),
    ("OpenBSD", &["openbsd"]),
    ("Linux", &["linux", "x11", "ubuntu"]),
];

/// A browser's name for display; both parts come from closed tables.
///
/// Displayed in English, as in "Firefox on Linux", "a browser on Windows", "a browser". Deriving a name from the
/// displayed text returns the same name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BrowserName {
    /// The browser, if it is in the table.
    pub browser: Option<&'static str>,
    /// The operating system or kind of device, if it is in the table.
    pub system: Option<&'static str>,
}

impl BrowserName {
    /// Derives the name from a user agent and, if that does not reveal the system, from the platform that the browser
    /// reports separately.
    pub fn derive(user_agent: Option<&str>, platform: Option<&str>) -> Self {
        let agent = Words::of(user_agent.unwrap_or_default());
        let system = system_of(&agent).or_else(|| platform.and_then(system_name));
        let is_apple = system.is_none_or(|system| ["macOS", "iPhone", "iPad"].contains(&system));
        let browser = find(&BROWSERS, &agent).filter(|browser| *browser != SAFARI || is_apple);
        Self { browser, system }
    }
}

impl fmt::Display for BrowserName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.browser.unwrap_or("a browser"))?;
        match self.system {
            Some(system) => write!(formatter, " on {system}"),
            None => Ok(()),
        }
    }
}

/// Returns the operating system that a text such as `Sec-CH-UA-Platform` names, if it is in the table.
pub fn system_name(platform: &str) -> Option<&'static str> {
    system_of(&Words::of(platform))
}

fn system_of(words: &Words) -> Option<&'static str> {
    find(&SYSTEMS, words)
}

fn find(table: &[(&'static str, &[&str])], words: &Words) -> Option<&'static str> {
    table.iter().find(|(_, marks)| marks.iter().any(|mark| words.have(mark))).map(|(name, _)| *name)
}

/// The words of a text in lowercase, with a space before and after each.
struct Words(String);

impl Words {
    fn of(text: &str) -> Self {
        let mut words = String::from(" ");
        for character in text.chars().take(READ) {
            match character {
                letter if letter.is_ascii_alphanumeric() => words.push(letter.to_ascii_lowercase()),
                _ if words.ends_with(' ') => {}
                _ => words.push(' '),
            }
        }
        words.push(' ');
        Self(words)
    }

    /// Returns whether these words appear consecutively in the text.
    fn have(&self, mark: &str) -> bool {
        self.0.contains(&format!(" {mark} "))
    }
}
