//! Data for the templates of the signed-in pages.

use askama::Template;
use serde::Deserialize;

use super::layout::Layout;
use super::texts::Texts;
use crate::protocol::user_agent::BrowserName;
use crate::secret::SecretText;
use crate::server::recovery_codes::in_groups;
use crate::server::rfc3339::rfc3339;
use crate::server::store::devices::Device;
use crate::server::store::fraud_reports::Denial;
use crate::server::store::notices::{Notice, NoticeKind};

/// The change that was just made, as reported to the next page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::server) enum Done {
    Renamed,
    Removed,
    Added,
    Confirmed,
}

impl Done {
    /// Returns its name in a URL.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Renamed => "renamed",
            Self::Removed => "removed",
            Self::Added => "added",
            Self::Confirmed => "confirmed",
        }
    }
}

/// A phone, as its owner sees it.
struct Phone {
    id: String,
    name: String,
    kind: &'static str,
    /// RFC 3339.
    registered_at: String,
    provisional: bool,
}

impl Phone {
    fn registered(&self) -> String {
        without_script(&self.registered_at)
    }
}

/// Formats a time (RFC 3339) for pages without scripts: date, hour and minute, in UTC.
fn without_script(time: &str) -> String {
    let text = |range| time.get(range).unwrap_or_default();
    format!("{} {} UTC", text(0..10), text(11..16))
}

/// A sign-on that the user denied as someone else's.
struct Denied {
    /// RFC 3339.
    at: String,
    address: Option<String>,
    /// Name of the browser, if it is a known one.
    browser: Option<String>,
    /// What the browser says about itself: free text, shown only on request.
    user_agent: Option<String>,
}

impl Denied {
    fn new(t: &Texts, denial: Denial) -> Self {
        let Denial { at, origin } = denial;
        let browser = origin.user_agent.as_deref().map(|agent| t.browser(BrowserName::derive(Some(agent), None)));
        Self { at: rfc3339(at), address: origin.address, browser, user_agent: origin.user_agent }
    }

    fn moment(&self) -> String {
        without_script(&self.at)
    }
}

/// A change to notify the user of.
struct Changed {
    text: String,
    /// RFC 3339.
    at: String,
    by_administrator: bool,
}

impl Changed {
    fn new(t: &Texts, notice: Notice) -> Self {
        let text = match notice.kind {
            NoticeKind::DeviceAdded => t.notice_phone_added,
            NoticeKind::DeviceRemoved => t.notice_phone_removed,
            NoticeKind::RecoveryCodesMade => t.notice_codes_made,
            NoticeKind::PasswordChanged => t.notice_password_changed,
        };
        let name = notice.device.map(|(_, name)| name).unwrap_or_default();
        let (text, at) = (text.replace("{phone}", &name), rfc3339(notice.at));
        Self { text, at, by_administrator: notice.by_administrator }
    }

    fn moment(&self) -> String {
        without_script(&self.at)
    }
}

/// A user's phones and recovery codes, as shown on several pages.
pub(super) struct Owned {
    t: &'static Texts,
    phones: Vec<Phone>,
    codes: String,
    may_add: bool,
    token: String,
    /// The page to return to; empty for the profile.
    from: &'static str,
    done: Option<&'static str>,
    /// The last sign-on that the user denied as someone else's.
    denied: Option<Denied>,
    /// Changes that the user has not dismissed, newest first.
    changes: Vec<Changed>,
    /// Number of the newest change.
    seen: i64,
}

impl Owned {
    #[allow(clippy::too_many_arguments, reason = "one page is made from what was found")]
    pub(super) fn new(
        t: &'static Texts,
        devices: Vec<Device>,
        codes_left: u32,
        may_add: bool,
        token: String,
        from: &'static str,
        done: Option<Done>,
        denied: Option<Denial>,
        notices: Vec<(i64, Notice)>,
    ) -> Self {
        let phones = devices
            .into_iter()
            .map(|device| Phone {
                kind: if device.device_type == "ios" { t.ios } else { t.android },
                registered_at: rfc3339(device.registered_at),
                provisional: device.provisional_journey.is_some(),
                id: device.id,
                name: device.name,
            })
            .collect();
        let codes = match codes_left {
            0 => t.codes_none.to_owned(),
            1 => t.codes_one.to_owned(),
            more => t.codes_left.replace("{count}", &more.to_string()),
        };
        let done = done.map(|done| match done {
            Done::Renamed => t.done_renamed,
            Done::Removed => t.done_removed,
            Done::Added => t.done_added,
            Done::Confirmed => t.done_confirmed,
        });
        let seen = notices.first().map(|(number, _)| *number).unwrap_or_default();
        let changes = notices.into_iter().map(|(_, notice)| Changed::new(t, notice)).collect();
        Self {
            t,
            phones,
            codes,
            may_add,
            token,
            from,
            done,
            denied: denied.map(|denial| Denied::new(t, denial)),
            changes,
            seen,
        }
    }
}

/// The profile of the signed-in user.
#[derive(Template)]
#[template(path = "profile.html")]
pub(super) struct ProfilePage {
    pub(super) layout: Layout,
    pub(super) user: String,
    /// Whether pushes are frozen because the user denied a sign-on as someone else's.
    pub(super) frozen: bool,
    pub(super) owned: Owned,
}

/// The page after a sign-in with a recovery code.
#[derive(Template)]
#[template(path = "lost_phone.html")]
pub(super) struct LostPage {
    pub(super) layout: Layout,
    pub(super) owned: Owned,
}

/// New recovery codes.
#[derive(Template)]
#[template(path = "new_codes.html")]
pub(super) struct CodesPage {
    layout: Layout,
    codes: Vec<String>,
    codes_of: String,
}

impl CodesPage {
    pub(super) fn new(layout: Layout, codes: &[SecretText]) -> Self {
        let codes = codes.iter().map(in_groups).collect();
        Self { codes_of: layout.t.codes_of.replace("{issuer}", &layout.issuer), layout, codes }
    }
}

/// The page before a change that needs a second factor.
#[derive(Template)]
#[template(path = "step_up.html")]
pub(super) struct StepUpPage {
    pub(super) layout: Layout,
    /// Whether a push can be sent; otherwise the user must sign in again.
    pub(super) by_push: bool,
    pub(super) token: String,
    pub(super) start: String,
}
