//! Warnings about settings that are allowed but may not be intended.

use url::{Host, Url};

use super::{AttestationSettings, Configuration};
use crate::server::push::HintOnly;

impl Configuration {
    /// Returns warnings about settings that are allowed but may not be intended. `asks_for_keys` tells whether any
    /// journey asks phones to register a device key.
    pub fn warnings(&self, asks_for_keys: bool) -> Vec<String> {
        let behind_a_proxy = self.public_url.as_ref().is_some_and(|url| url.scheme() == "https");
        let warning = "trusted_proxies is empty and public_url is https: attempts from all browsers count as the proxy's, and \
                       phones are shown its address";
        let proxy = (behind_a_proxy && self.trusted_proxies.is_empty()).then_some(warning);
        let hints = self.push.hint_only != HintOnly::Off;
        let no_keys = (hints && !asks_for_keys).then_some(
            "push.hint_only is for phones with a key, and no journey asks for one (deviceKey of Push Registration): every \
             push over a relay holds the whole message",
        );
        let no_relay = (hints && self.push.sns.is_none())
            .then_some("push.hint_only does nothing without [push.sns]: phones fetch their messages anyway");
        let attestation = self.push.attestation.as_ref().map(AttestationSettings::warnings).unwrap_or_default();
        let rest = [proxy, no_keys, no_relay].into_iter().flatten().chain(attestation).map(str::to_owned);
        rest.chain(self.cross_site_warnings()).collect()
    }

    /// Returns a warning for each origin on a site other than this server's, if the session cookie is not sent across
    /// sites.
    fn cross_site_warnings(&self) -> Vec<String> {
        let Some(public) = self.public_url.as_ref().filter(|_| !self.session.cross_site_cookie) else {
            return Vec::new();
        };
        let other_site = |origin: &&String| Url::parse(origin).is_ok_and(|origin| !is_same_site(&origin, public));
        let warn = |origin| {
            format!(
                "cross_origin holds {origin}, which is another site than public_url: browsers keep the session cookie \
                 from its pages unless session.cross_site_cookie is true"
            )
        };
        self.cross_origin.iter().filter(other_site).map(warn).collect()
    }
}

/// Returns whether both URLs belong to the same site: the same scheme, and the same host or registrable domain.
///
/// Uses a simple rule instead of the public suffix list: the registrable domain is the last two labels, or the last
/// three if the last label has two letters and the one before it at most three, as in `example.co.uk`.
fn is_same_site(one: &Url, other: &Url) -> bool {
    let (Some(one_host), Some(other_host)) = (one.host(), other.host()) else { return false };
    let same_host = match (&one_host, &other_host) {
        (Host::Domain(one), Host::Domain(other)) => registrable(one) == registrable(other),
        _ => one_host == other_host,
    };
    same_host && one.scheme() == other.scheme()
}

fn registrable(host: &str) -> Vec<&str> {
    let mut labels = host.trim_end_matches('.').rsplit('.');
    let mut last: Vec<&str> = labels.by_ref().take(2).collect();
    if matches!(last.as_slice(), [country, kind] if country.len() == 2 && kind.len() <= 3) {
        last.extend(labels.next());
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_of_another_site_is_warned_of_unless_cookies_cross() {
        let warned = |public: &str, origin: &str, more: &str| {
            let text = format!("public_url = \"{public}/am\"\ncross_origin = [\"{origin}\"]\n{more}");
            let configuration = toml::from_str::<Configuration>(&text).unwrap();
            configuration.warnings(false).concat().contains("cross_site_cookie")
        };
        assert!(!warned("https://login.example.com", "https://app.example.com", ""));
        assert!(!warned("https://login.example.com", "https://example.com:8443", ""));
        assert!(!warned("https://login.example.co.uk", "https://app.example.co.uk", ""));
        assert!(warned("https://login.example.co.uk", "https://app.other.co.uk", ""));
        assert!(warned("https://login.example.com", "https://app.example.org", ""));
        assert!(warned("https://login.example.com", "http://app.example.com", ""), "another scheme is another site");
        assert!(!warned("https://a.example.com", "https://b.example.org", "[session]\ncross_site_cookie = true"));
    }

    #[test]
    fn hints_that_reach_nobody_are_warned_of() {
        let read = |text: &str| toml::from_str::<Configuration>(text).unwrap();
        assert!(read("").warnings(false).is_empty());
        let sns = "[push.sns]\ncredentials_file = \"sns.json\"";
        let hints = read(&format!("[push]\nhint_only = \"where-known\"\n{sns}"));
        assert_eq!(hints.push.hint_only, HintOnly::WhereKnown);
        assert!(hints.warnings(true).is_empty());
        assert!(hints.warnings(false).concat().contains("no journey asks for one"));
        assert!(read("[push]\nhint_only = \"where-known\"").warnings(true).concat().contains("[push.sns]"));
        assert!(toml::from_str::<Configuration>("[push]\nhint_only = true").is_err(), "neither off nor where-known");
    }
}
