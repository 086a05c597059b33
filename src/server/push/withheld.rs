//! Why no sign-on request was sent to a user's phones, and until when none is; with the words for the user.

use serde::{Deserialize, Serialize};

use crate::ports::EpochMilliseconds;
use crate::server::rfc3339::rfc3339;

const MINUTE: EpochMilliseconds = 60_000;

/// Why nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WithheldReason {
    /// The user denied a sign-on as somebody else's.
    Frozen,
    /// The user denied several, or tapped wrong numbers.
    CoolingDown,
    /// The user got as many as may be sent.
    OverBudget,
    /// None of the user's phones has a key that is good enough, or all have one that is not.
    NoKey,
}

impl WithheldReason {
    /// Returns its name in the audit log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Frozen => "frozen",
            Self::CoolingDown | Self::OverBudget => "over-budget",
            Self::NoKey => "no-device-key",
        }
    }
}

/// A sign-on request that was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withheld {
    /// Why not.
    pub reason: WithheldReason,
    /// When the reason ends; absent where no time ends it.
    pub until: Option<EpochMilliseconds>,
}

/// The words for the user, as templates by which a page finds its own language's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithheldTexts {
    /// Why nothing was sent.
    pub reason: &'static str,
    /// What comes next; `{time}` is [`time`](Self::time), `{wait}` is [`wait`](Self::wait).
    pub next: &'static str,
    /// How to go on; `{exit}` is the exit button's label.
    pub way_out: &'static str,
    /// When the reason ends, RFC 3339 in UTC; empty where nothing depends on it.
    pub time: String,
    /// How long that is from now; `{count}` is [`count`](Self::count).
    pub wait: &'static str,
    /// Minutes, hours or days.
    pub count: EpochMilliseconds,
    /// Whether it ends on the same day (UTC).
    pub is_today: bool,
}

impl Withheld {
    /// Whether the reason has ended.
    pub fn is_over(&self, now: EpochMilliseconds) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// Returns the words for the user.
    pub fn texts(&self, now: EpochMilliseconds) -> WithheldTexts {
        let reason = match self.reason {
            WithheldReason::Frozen => "A sign-in request was denied on your phone as not yours.",
            WithheldReason::CoolingDown => "Several sign-in requests were denied on your phone.",
            WithheldReason::OverBudget => "Too many sign-in requests were sent to your phone.",
            WithheldReason::NoKey => "None of your phones has the key that is needed here.",
        };
        let next = match (self.until, self.reason) {
            (Some(until), _) if until <= now => "Requests can be sent again now. Start again to get one.",
            (Some(_), _) => "No more are sent until {time}, {wait}.",
            (None, WithheldReason::Frozen) => "No more are sent until an administrator allows it.",
            (None, _) => "No request was sent.",
        };
        let until = self.until.filter(|until| now < *until);
        let (wait, count) = until.map_or(("", 0), |until| wait_text(until - now));
        let time = until.map(rfc3339).unwrap_or_default();
        let is_today = time.get(..10) == rfc3339(now).get(..10);
        let way_out = "To go on in another way, choose \"{exit}\".";
        WithheldTexts { reason, next, way_out, time, wait, count, is_today }
    }

    /// Returns the words in English, for programs that show a text as it is.
    pub fn in_english(&self, now: EpochMilliseconds, exit: &str) -> String {
        let texts = self.texts(now);
        let wait = texts.wait.replace("{count}", &texts.count.to_string());
        let next = texts.next.replace("{time}", &texts.clock()).replace("{wait}", &wait);
        format!("{} {next} {}", texts.reason, texts.way_out.replace("{exit}", exit))
    }
}

impl WithheldTexts {
    /// Returns the time as it is read without a script: hour and minute in UTC, with the date unless it is today.
    pub fn clock(&self) -> String {
        let part = |range| self.time.get(range).unwrap_or_default();
        if self.is_today { format!("{} UTC", part(11..16)) } else { format!("{} {} UTC", part(0..10), part(11..16)) }
    }
}

/// A time that has to be waited, rounded up so that nobody comes too early.
fn wait_text(left: EpochMilliseconds) -> (&'static str, EpochMilliseconds) {
    let minutes = (left + MINUTE - 1) / MINUTE;
    let (hours, days) = ((minutes + 59) / 60, (minutes + 24 * 60 - 1) / (24 * 60));
    match (minutes, hours) {
        (..=1, _) => ("in about a minute", 1),
        (..60, _) => ("in about {count} minutes", minutes),
        (_, ..=1) => ("in about an hour", 1),
        (_, ..=36) => ("in about {count} hours", hours),
        _ => ("in about {count} days", days),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-12-01T14:00:20Z.
    const NOW: EpochMilliseconds = 1_796_133_620_000;

    fn english(reason: WithheldReason, wait: Option<EpochMilliseconds>) -> String {
        Withheld { reason, until: wait.map(|wait| NOW + wait) }.in_english(NOW, "Exit")
    }

    #[test]
    fn times_are_written_for_people() {
        let over_budget = |wait| english(WithheldReason::OverBudget, Some(wait));
        assert_eq!(
            over_budget(4 * MINUTE + 40_000),
            "Too many sign-in requests were sent to your phone. No more are sent until 14:05 UTC, in about 5 minutes. \
             To go on in another way, choose \"Exit\"."
        );
        for (wait, text) in [
            (1, "14:00 UTC, in about a minute."),
            (MINUTE, "14:01 UTC, in about a minute."),
            (MINUTE + 1, "14:01 UTC, in about 2 minutes."),
            (59 * MINUTE + 1, "15:59 UTC, in about an hour.".trim_start_matches("15:59 UTC, ")),
            (61 * MINUTE, "15:01 UTC, in about 2 hours."),
            (11 * 60 * MINUTE, "until 2026-12-02 01:00 UTC, in about 11 hours."),
            (72 * 60 * MINUTE, "until 2026-12-04 14:00 UTC, in about 3 days."),
            (0, "Requests can be sent again now. Start again to get one."),
            (-MINUTE, "Requests can be sent again now. Start again to get one."),
        ] {
            assert!(over_budget(wait).contains(text), "{} {text}", over_budget(wait));
        }
    }

    #[test]
    fn every_reason_says_what_it_is_and_none_shows_a_placeholder() {
        use WithheldReason::{CoolingDown, Frozen, NoKey, OverBudget};
        for (reason, words) in
            [(Frozen, "not yours"), (CoolingDown, "denied"), (OverBudget, "Too many"), (NoKey, "key")]
        {
            for wait in [None, Some(MINUTE), Some(-1)] {
                let text = english(reason, wait);
                assert!(text.contains(words) && !text.contains(['{', '}']), "{text}");
            }
        }
        assert!(english(Frozen, None).contains("an administrator"));
    }
}
