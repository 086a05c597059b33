//! The Unicode form of a host name, to show next to the ASCII form that is contacted.

use idna::domain_to_unicode;
use unicode_security::MixedScript as _;

use crate::protocol::text::is_hidden;

/// A host whose name has non-ASCII letters (RFC 5890), as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnicodeHost {
    /// The name in Unicode, with the port if there is one.
    pub name: String,
    /// Whether a label of the name mixes scripts (UTS #39 section 5.1), as lookalike names do.
    pub mixes_scripts: bool,
}

impl UnicodeHost {
    /// Returns the Unicode form of `host` (`host` or `host:port`, in ASCII form), or `None` if it has none that can be
    /// shown.
    pub fn of(host: &str) -> Option<Self> {
        let (name, port) = host.rsplit_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
        let (unicode, valid) = domain_to_unicode(name);
        if valid.is_err() || unicode == name || unicode.chars().any(is_hidden) {
            return None;
        }
        let mixes_scripts = unicode.split('.').any(|label| !label.is_single_script());
        Some(Self { name: port.map_or_else(|| unicode.clone(), |port| format!("{unicode}:{port}")), mixes_scripts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unicode(host: &str) -> Option<(String, bool)> {
        UnicodeHost::of(host).map(|host| (host.name, host.mixes_scripts))
    }

    #[test]
    fn a_name_in_other_letters_is_shown_in_them() {
        assert_eq!(unicode("am.xn--mnchen-3ya.example"), Some(("am.münchen.example".to_owned(), false)));
        assert_eq!(unicode("xn--e1afmkfd.example:8443"), Some(("пример.example:8443".to_owned(), false)));
        // Japanese uses three scripts, which UTS #39 treats as one.
        assert_eq!(unicode("xn--u9j0c3ap0lyi6ft560aojd.example").map(|(_, mixes)| mixes), Some(false));
    }

    #[test]
    fn scripts_mixed_within_a_part_are_told() {
        // The first letter of "аpple" is Cyrillic.
        assert_eq!(unicode("xn--pple-43d.example"), Some(("аpple.example".to_owned(), true)));
        // Different labels may use different scripts.
        assert_eq!(unicode("am.xn--e1afmkfd.example").map(|(_, mixes)| mixes), Some(false));
    }

    #[test]
    fn what_is_ascii_or_an_address_or_no_name_is_not_shown_twice() {
        for host in
            ["am.example.com", "am.example.com:8443", "127.0.0.1:80", "[::1]:8080", "[::1]", "xn--zz.example", ""]
        {
            assert_eq!(unicode(host), None, "{host}");
        }
    }
}
