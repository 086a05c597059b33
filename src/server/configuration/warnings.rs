//! What a configuration allows and may still not mean. Knows journeys by one question that is answered for it.

use super::{AttestationSettings, Configuration};
use crate::server::push::HintOnly;

impl Configuration {
    /// What is allowed and may still not be meant. `asks_for_keys`: whether any journey has phones register with a key.
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
        [proxy, no_keys, no_relay].into_iter().flatten().chain(attestation).map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
