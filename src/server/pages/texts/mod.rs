//! Every text of the pages, one file a language. Templates hold none.
//!
//! A language is a file beside `en.rs` with a `Texts` of its own, and a line in `LANGUAGES`; the compiler says what is
//! missing. Words in braces are filled in. Texts that journeys bring along are settings of nodes and are localised
//! there; of those that a node has without a setting, and of what it says when a sign-on fails, `journey` holds
//! translations by their English wording.

mod en;

use axum::http::{HeaderMap, header};

use crate::protocol::user_agent::BrowserName;
use crate::server::journey::text::{accepted_languages, best_match};

/// The languages that pages speak; the first where none is asked for.
const LANGUAGES: [&Texts; 1] = [&en::TEXTS];

/// The texts of one language.
pub(super) struct Texts {
    /// Its tag (RFC 5646), in lower case.
    pub(super) language: &'static str,
    /// Node texts: the English wording and that of this language. What is not listed stays English.
    pub(super) journey: &'static [(&'static str, &'static str)],

    // Titles of steps that have none of their own.
    pub(super) sign_in: &'static str,
    pub(super) your_codes: &'static str,
    pub(super) register: &'static str,
    pub(super) look_at_phone: &'static str,
    pub(super) not_sent: &'static str,
    pub(super) another_way: &'static str,
    pub(super) get_the_app: &'static str,
    pub(super) where_from: &'static str,

    // Steps.
    pub(super) next: &'static str,
    pub(super) proceed: &'static str,
    pub(super) new_tab: &'static str,
    pub(super) qr_label: &'static str,
    pub(super) qr_here: &'static str,
    pub(super) open_app: &'static str,
    pub(super) number_label: &'static str,
    pub(super) share_place: &'static str,
    pub(super) without_place: &'static str,
    /// `{time}`: minutes and seconds.
    pub(super) good_for: &'static str,
    /// `{time}`: minutes and seconds.
    pub(super) time_left: &'static str,
    pub(super) time_over: &'static str,

    // Recovery codes.
    pub(super) codes_about: &'static str,
    pub(super) codes_label: &'static str,
    pub(super) codes_kept: &'static str,
    pub(super) copy: &'static str,
    pub(super) copied: &'static str,
    pub(super) not_copied: &'static str,
    pub(super) download: &'static str,
    pub(super) print: &'static str,
    /// First line of the downloaded file; `{issuer}`.
    pub(super) codes_of: &'static str,
    pub(super) phone_added: &'static str,
    pub(super) not_mine_about: &'static str,
    pub(super) not_mine: &'static str,

    // The signed-in page.
    pub(super) signed_in: &'static str,
    pub(super) sign_out: &'static str,
    pub(super) frozen: &'static str,
    pub(super) frozen_about: &'static str,
    pub(super) denied: &'static str,
    /// Before the time.
    pub(super) denied_at: &'static str,
    /// Before the address.
    pub(super) denied_from: &'static str,
    /// Before the browser's name.
    pub(super) denied_with: &'static str,
    pub(super) notices: &'static str,
    /// `{phone}`.
    pub(super) notice_phone_added: &'static str,
    /// `{phone}`.
    pub(super) notice_phone_removed: &'static str,
    pub(super) notice_codes_made: &'static str,
    pub(super) notice_password_changed: &'static str,
    pub(super) notice_by_administrator: &'static str,
    pub(super) notice_not_you: &'static str,
    pub(super) notice_next: &'static str,
    pub(super) notice_dismiss: &'static str,
    pub(super) own_words: &'static str,
    pub(super) own_words_about: &'static str,
    pub(super) a_browser: &'static str,
    /// `{browser}` and `{system}`.
    pub(super) browser_on: &'static str,
    pub(super) phones: &'static str,
    pub(super) no_phones: &'static str,
    pub(super) android: &'static str,
    pub(super) ios: &'static str,
    pub(super) added: &'static str,
    pub(super) provisional: &'static str,
    pub(super) provisional_about: &'static str,
    pub(super) rename: &'static str,
    pub(super) name_label: &'static str,
    pub(super) name_hint: &'static str,
    pub(super) save: &'static str,
    pub(super) remove: &'static str,
    pub(super) remove_about: &'static str,
    pub(super) remove_now: &'static str,
    pub(super) add_phone: &'static str,
    pub(super) codes: &'static str,
    pub(super) codes_none: &'static str,
    pub(super) codes_one: &'static str,
    /// `{count}`.
    pub(super) codes_left: &'static str,
    pub(super) codes_replace: &'static str,
    pub(super) new_codes: &'static str,
    pub(super) back: &'static str,
    pub(super) done_renamed: &'static str,
    pub(super) done_removed: &'static str,
    pub(super) done_added: &'static str,
    pub(super) done_confirmed: &'static str,

    // After a recovery code.
    pub(super) lost_title: &'static str,
    pub(super) lost_about: &'static str,
    pub(super) lost_skip: &'static str,

    // Before a change.
    pub(super) confirm_title: &'static str,
    pub(super) confirm_about: &'static str,
    pub(super) confirm_by_push: &'static str,
    pub(super) confirm_push: &'static str,
    pub(super) confirm_by_sign_on: &'static str,
    pub(super) confirm_sign_on: &'static str,

    // What went wrong, and what to do next.
    pub(super) start_again: &'static str,
    pub(super) failed_title: &'static str,
    pub(super) failed_next: &'static str,
    pub(super) not_added_title: &'static str,
    pub(super) not_confirmed_title: &'static str,
    pub(super) unchanged_next: &'static str,
    pub(super) stopped_title: &'static str,
    pub(super) not_offered: &'static str,
    pub(super) not_offered_next: &'static str,
    pub(super) not_valid: &'static str,
    pub(super) stale: &'static str,
    pub(super) stale_next: &'static str,
    pub(super) too_often: &'static str,
    pub(super) too_often_next: &'static str,
    /// `{minutes}`.
    pub(super) too_many_attempts: &'static str,
    pub(super) too_many_attempts_next: &'static str,
    pub(super) busy: &'static str,
    pub(super) broken_title: &'static str,
    pub(super) broken: &'static str,
    pub(super) no_room: &'static str,
    pub(super) broken_next: &'static str,
    pub(super) outdated_title: &'static str,
    pub(super) outdated: &'static str,
    pub(super) outdated_next: &'static str,
    pub(super) foreign_title: &'static str,
    pub(super) foreign: &'static str,
    pub(super) foreign_next: &'static str,
    pub(super) not_found_title: &'static str,
    pub(super) no_page: &'static str,
    pub(super) no_realm: &'static str,
    pub(super) no_device: &'static str,
    pub(super) no_device_next: &'static str,
    pub(super) unreadable: &'static str,
    pub(super) address_next: &'static str,
}

impl Texts {
    /// The name of a browser for the user to read.
    pub(super) fn browser(&self, name: BrowserName) -> String {
        let browser = name.browser.unwrap_or(self.a_browser);
        name.system.map_or_else(
            || browser.to_owned(),
            |system| self.browser_on.replace("{browser}", browser).replace("{system}", system),
        )
    }

    /// A node's text in this language.
    pub(super) fn of_journey(&self, text: &str) -> String {
        let translated = self.journey.iter().find(|(english, _)| *english == text).map(|(_, own)| *own);
        translated.unwrap_or(text).to_owned()
    }
}

/// The texts for a request's `Accept-Language`.
pub(super) fn texts(headers: &HeaderMap) -> &'static Texts {
    let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    choose(&LANGUAGES, &wanted.map(accepted_languages).unwrap_or_default()).unwrap_or(&en::TEXTS)
}

/// The one of `known` that fits the wanted languages best; else the first.
fn choose<'a>(known: &[&'a Texts], wanted: &[String]) -> Option<&'a Texts> {
    let language = best_match(|| known.iter().map(|texts| texts.language), wanted);
    known.iter().find(|texts| Some(texts.language) == language).or(known.first()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHER: Texts =
        Texts { language: "de-ch", journey: &[("User Name", "Benutzername")], next: "Weiter", ..en::TEXTS };

    #[test]
    fn the_browsers_languages_choose() {
        let chosen = |header: &str| choose(&[&en::TEXTS, &OTHER], &accepted_languages(header)).unwrap().next;
        assert_eq!(chosen("de-CH"), "Weiter");
        assert_eq!(chosen("fr, de;q=0.8, en;q=0.5"), "Weiter");
        assert_eq!(chosen("en-GB, de"), "Next");
        assert_eq!(chosen("fr"), "Next");
        assert_eq!(chosen(""), "Next");
    }

    #[test]
    fn node_texts_are_translated_by_their_english_wording() {
        assert_eq!(OTHER.of_journey("User Name"), "Benutzername");
        assert_eq!(OTHER.of_journey("An operator's own"), "An operator's own");
        assert_eq!(en::TEXTS.of_journey("User Name"), "User Name");
    }
}
