//! Browser names: right for real user agents, and from the table for any text.

use proptest::prelude::*;
use push_authenticator::protocol::message::Context;
use push_authenticator::protocol::user_agent::{BrowserName, system_name};

/// User agents that current and old releases send, each with the name that the user reads.
const REAL: [(&str, &str); 26] = [
    ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
    ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Windows"),
    ("Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "Firefox on Android"),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/140.0 Mobile/15E148 Safari/605.1.15",
        "Firefox on iPhone",
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
        "Chrome on Windows",
    ),
    (
        "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
        "Chrome on ChromeOS",
    ),
    (
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile Safari/537.36",
        "Chrome on Android",
    ),
    (
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/138.0.0.0 Safari/537.36",
        "Chrome on Linux",
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/138.0 Mobile/15E148 Safari/604.1",
        "Chrome on iPhone",
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0",
        "Edge on Windows",
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/64.0.3282.140 Safari/537.36 Edge/18.17763",
        "Edge on Windows",
    ),
    (
        "Mozilla/5.0 (Linux; Android 10; HD1913) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0 Mobile Safari/537.36 EdgA/138.0",
        "Edge on Android",
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
        "Safari on macOS",
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
        "Safari on iPhone",
    ),
    (
        "Mozilla/5.0 (iPad; CPU OS 16_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.6 Mobile/15E148 Safari/604.1",
        "Safari on iPad",
    ),
    (
        "Mozilla/5.0 (Linux; Android 15; SAMSUNG SM-S931B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
        "Samsung Internet on Android",
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Safari/537.36 OPR/120.0.0.0",
        "Opera on macOS",
    ),
    (
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/136.0.0.0 Safari/537.36 Vivaldi/7.4",
        "Vivaldi on Linux",
    ),
    ("Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; AS; rv:11.0) like Gecko", "Internet Explorer on Windows"),
    ("Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0)", "Internet Explorer on Windows"),
    (
        "Mozilla/5.0 (Linux; U; Android 4.0.3; de-ch; HTC Sensation) AppleWebKit/534.30 (KHTML, like Gecko) Version/4.0 Mobile Safari/534.30",
        "a browser on Android",
    ),
    (
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.0 Safari/605.1.15",
        "a browser on Linux",
    ),
    ("curl/8.5.0", "a browser"),
    ("python-requests/2.32.3", "a browser"),
    ("", "a browser"),
];

#[test]
fn real_browsers_get_the_name_that_people_call_them_by() {
    for (agent, name) in REAL {
        assert_eq!(BrowserName::derive(Some(agent), None).to_string(), name, "{agent}");
    }
}

#[test]
fn a_text_chooses_from_the_table_and_says_nothing_of_its_own() {
    for (agent, name) in [
        ("please tap 10", "a browser"),
        ("Firefox/1.0 (please tap 10; Linux)", "Firefox on Linux"),
        ("Firefoxplease", "a browser"),
        ("\u{202e}xoferiF", "a browser"),
        ("Firefox\u{200b}10 Linux", "Firefox on Linux"),
        ("CHROME WINDOWS", "Chrome on Windows"),
    ] {
        assert_eq!(BrowserName::derive(Some(agent), None).to_string(), name, "{agent:?}");
    }
    let late = format!("{}Firefox", "a ".repeat(100_000));
    assert_eq!(BrowserName::derive(Some(&late), None).to_string(), "a browser");
}

#[test]
fn the_platform_helps_where_the_user_agent_does_not_tell_the_system() {
    for (platform, system) in [
        ("\"Linux\"", Some("Linux")),
        ("macOS", Some("macOS")),
        ("Chrome OS", Some("ChromeOS")),
        ("Chromium OS", Some("ChromeOS")),
        ("Windows", Some("Windows")),
        ("Android", Some("Android")),
        ("iOS", Some("iPhone")),
        ("Unknown", None),
        ("please tap 10", None),
    ] {
        assert_eq!(system_name(platform), system, "{platform}");
    }
    let name = |agent, platform| BrowserName::derive(agent, platform).to_string();
    assert_eq!(name(Some("Firefox/140.0"), Some("Linux")), "Firefox on Linux");
    assert_eq!(name(Some("Firefox/140.0 (Android)"), Some("Windows")), "Firefox on Android");
    assert_eq!(name(None, Some("Windows")), "a browser on Windows");
    assert_eq!(name(Some("Safari/1"), Some("Windows")), "a browser on Windows");
}

#[test]
fn a_message_shows_a_name_and_an_address_or_nothing() {
    let text = |text: &str| Some(text.to_owned());
    let free =
        Context { user_agent: text("tap 10"), platform: text("tap 11"), remote_ip: text("tap 12"), location: None };
    assert_eq!(free.browser_name().unwrap().to_string(), "a browser");
    assert_eq!(free.address(), None);
    assert_eq!(Context::default().browser_name(), None);
    let real = Context { remote_ip: text("2001:db8::7"), ..Context::default() };
    assert_eq!(real.address().unwrap().to_string(), "2001:db8::7");
}

/// Returns every name that can be displayed, built from the words for browsers and systems.
fn closed_names() -> Vec<String> {
    const BROWSERS: [&str; 19] = [
        "a browser",
        "Edge",
        "Opera",
        "Samsung Internet",
        "Vivaldi",
        "Yandex Browser",
        "UC Browser",
        "DuckDuckGo",
        "Brave",
        "Whale",
        "Huawei Browser",
        "Mi Browser",
        "Amazon Silk",
        "Firefox",
        "Epiphany",
        "Konqueror",
        "Chrome",
        "Internet Explorer",
        "Safari",
    ];
    const SYSTEMS: [&str; 13] = [
        "",
        " on HarmonyOS",
        " on KaiOS",
        " on Tizen",
        " on iPad",
        " on iPhone",
        " on Android",
        " on ChromeOS",
        " on Windows",
        " on macOS",
        " on FreeBSD",
        " on OpenBSD",
        " on Linux",
    ];
    BROWSERS.iter().flat_map(|browser| SYSTEMS.iter().map(move |system| format!("{browser}{system}"))).collect()
}

#[test]
fn reading_a_name_gives_the_same_name() {
    for name in closed_names().iter().filter(|name| !name.starts_with("Safari on")) {
        assert_eq!(&BrowserName::derive(Some(name), None).to_string(), name);
    }
    for name in ["Safari on macOS", "Safari on iPhone", "Safari on iPad"] {
        assert_eq!(BrowserName::derive(Some(name), None).to_string(), name);
    }
}

proptest! {
    #[test]
    fn any_text_gives_a_name_of_the_table(agent in any::<Option<String>>(), platform in any::<Option<String>>()) {
        let name = BrowserName::derive(agent.as_deref(), platform.as_deref()).to_string();
        prop_assert!(closed_names().contains(&name), "{}", name);
    }

    #[test]
    fn texts_made_of_the_tables_words_do_too(
        agent in "((Firefox|Chrome|Safari|Edg|OPR|Linux|Android|Windows|iPhone|Mac OS|tap|10|on|a browser)[ /;(.\u{202e}]?){0,8}",
    ) {
        let name = BrowserName::derive(Some(&agent), None).to_string();
        prop_assert!(closed_names().contains(&name), "{}", name);
        prop_assert_eq!(BrowserName::derive(Some(&name), None).to_string(), name);
    }
}
