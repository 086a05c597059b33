//! Data for the template of a step.

use askama::Template;

use super::layout::Layout;
use super::texts::Texts;
use crate::ports::EpochMilliseconds;
use crate::secret::Reason;
use crate::server::journey::callback::{Callback, Segment};
use crate::server::push::Withheld;
use crate::server::qr;
use crate::server::recovery_codes::in_groups;
use crate::server::sign_on::StepReply;

/// Name of the hidden value that holds the text of the QR code.
const REGISTRATION: &str = "mfaDeviceRegistration";

/// A step of a sign-on.
#[derive(Template)]
#[template(path = "step.html")]
pub(super) struct StepPage {
    layout: Layout,
    title: String,
    description: Option<String>,
    problem: Option<String>,
    action: String,
    auth_id: String,
    elements: Vec<Element>,
    waits: bool,
    has_buttons: bool,
    next_label: &'static str,
    countdown: Option<Countdown>,
    added_device: Option<String>,
    codes_of: String,
    /// The text of the QR code, for a link that opens the app.
    registration: Option<String>,
    in_session: bool,
    /// Whether no message was sent, so that there is nothing to wait for.
    withheld: bool,
}

/// One element of the page.
enum Element {
    Name { name: String, label: String, autocomplete: &'static str, first: bool },
    Password { name: String, label: String },
    Text { text: String, links: Vec<(String, String)> },
    Codes { codes: Vec<String> },
    Qr { svg: String },
    Number { value: String },
    Wait { message: String },
    Withheld(WithheldText),
    Buttons { name: String, options: Vec<String> },
    Location { name: String, message: String },
}

/// Why no message was sent and what happens next: the text before a time, the time, and the text after it.
struct WithheldText {
    reason: String,
    before: String,
    /// RFC 3339; empty if there is none.
    time: String,
    /// The time, if scripts are off.
    clock: String,
    after: String,
    way_out: String,
}

impl WithheldText {
    fn new(t: &Texts, withheld: Withheld, exit: &str, now: EpochMilliseconds) -> Self {
        let texts = withheld.texts(now);
        let wait = t.of_journey(texts.wait).replace("{count}", &texts.count.to_string());
        let next = t.of_journey(texts.next).replace("{wait}", &wait);
        let (before, after) = next.split_once("{time}").unwrap_or((&next, ""));
        Self {
            reason: t.of_journey(texts.reason),
            before: before.to_owned(),
            after: after.to_owned(),
            clock: if texts.time.is_empty() { String::new() } else { texts.clock() },
            way_out: t.of_journey(texts.way_out).replace("{exit}", exit),
            time: texts.time,
        }
    }
}

/// The time left for what the step waits for.
struct Countdown {
    seconds: i64,
    /// The time, if scripts are off.
    text: String,
}

impl Countdown {
    fn new(t: &Texts, left: EpochMilliseconds) -> Self {
        let seconds = (left / 1000).max(0);
        let time = format!("{}:{:02}", seconds / 60, seconds % 60);
        Self { seconds, text: t.good_for.replace("{time}", &time) }
    }
}

impl StepPage {
    pub(super) fn new(layout: Layout, step: StepReply, action: String, now: EpochMilliseconds) -> Self {
        let t = layout.t;
        let waits = step.callbacks.iter().any(|callback| matches!(callback, Callback::PollingWait { .. }));
        let withheld = step.details.withheld.as_deref().copied();
        let default_title = if withheld.is_some() { t.not_sent } else { default_title(t, &step.callbacks) };
        let exit = step.callbacks.iter().find_map(first_option).map(|option| t.of_journey(option)).unwrap_or_default();
        let (has_password, has_codes) = (
            step.callbacks.iter().any(|callback| matches!(callback, Callback::Password { .. })),
            step.callbacks.iter().any(|callback| matches!(callback, Callback::RecoveryCodes(_))),
        );
        let asks_place = step.callbacks.iter().any(|callback| matches!(callback, Callback::DeviceProfile { .. }));
        let registration = step.callbacks.iter().find_map(registration);
        let elements: Vec<Element> = step
            .callbacks
            .into_iter()
            .enumerate()
            .filter_map(|(index, callback)| match (callback, withheld) {
                (Callback::PollingWait { .. }, Some(withheld)) => {
                    Some(Element::Withheld(WithheldText::new(t, withheld, &exit, now)))
                }
                (callback, _) => element(t, index, callback, has_password),
            })
            .collect();
        Self {
            title: step.texts.header.unwrap_or_else(|| default_title.to_owned()),
            description: step.texts.description,
            problem: step.details.problem.map(|problem| t.of_journey(&problem)),
            action,
            auth_id: step.auth_id,
            waits,
            has_buttons: elements.iter().any(|element| matches!(element, Element::Buttons { .. })),
            next_label: match (has_codes, asks_place) {
                (true, _) => t.codes_kept,
                (false, true) => t.without_place,
                (false, false) => t.next,
            },
            countdown: step.details.expires_at.map(|expires_at| Countdown::new(t, expires_at - now)),
            added_device: step.details.added_device,
            codes_of: t.codes_of.replace("{issuer}", &layout.issuer),
            registration,
            in_session: step.details.purpose.is_some(),
            withheld: withheld.is_some(),
            elements,
            layout,
        }
    }
}

fn default_title(t: &'static Texts, callbacks: &[Callback]) -> &'static str {
    let is = |test: fn(&Callback) -> bool| callbacks.iter().any(test);
    if is(|callback| matches!(callback, Callback::Password { .. })) {
        t.sign_in
    } else if is(|callback| matches!(callback, Callback::RecoveryCodes(_))) {
        t.your_codes
    } else if is(|callback| registration(callback).is_some()) {
        t.register
    } else if is(|callback| matches!(callback, Callback::PollingWait { .. })) {
        t.look_at_phone
    } else if is(|callback| matches!(callback, Callback::Name { .. })) {
        t.another_way
    } else if is(|callback| matches!(callback, Callback::DeviceProfile { .. })) {
        t.where_from
    } else if is(|callback| matches!(callback, Callback::Text(_))) {
        t.get_the_app
    } else {
        t.sign_in
    }
}

fn element(t: &Texts, index: usize, callback: Callback, has_password: bool) -> Option<Element> {
    let name = format!("IDToken{}", index + 1);
    Some(match callback {
        Callback::Name { prompt } => Element::Name {
            name,
            label: t.of_journey(&prompt),
            autocomplete: if has_password { "username" } else { "off" },
            first: index == 0,
        },
        Callback::Password { prompt } => Element::Password { name, label: t.of_journey(&prompt) },
        Callback::Text(segments) => text_and_links(t, segments),
        // Only for AM's own pages. This page draws the QR code from the hidden value.
        Callback::QrScript(_) => return None,
        Callback::RecoveryCodes(codes) => Element::Codes { codes: codes.iter().map(in_groups).collect() },
        Callback::HiddenValue { id, value } if id == REGISTRATION => {
            // If the text is too long for a QR code, the link below it remains.
            Element::Qr { svg: qr::draw(value.expose(Reason::HandOver)).unwrap_or_default() }
        }
        Callback::HiddenValue { value, .. } => Element::Number { value: value.expose(Reason::HandOver).to_owned() },
        Callback::PollingWait { message, .. } => Element::Wait { message: t.of_journey(&message) },
        Callback::Confirmation { options } => {
            Element::Buttons { name, options: options.iter().map(|option| t.of_journey(option)).collect() }
        }
        Callback::DeviceProfile { message, .. } => Element::Location { name, message: t.of_journey(&message) },
    })
}

/// Returns the text as one sentence, with its links below as buttons, large enough for a thumb.
fn text_and_links(t: &Texts, segments: Vec<Segment>) -> Element {
    let (mut text, mut links) = (String::new(), Vec::new());
    let only_text = segments.len() == 1;
    for segment in segments {
        match segment {
            Segment::Text(part) if only_text => text = t.of_journey(&part),
            Segment::Text(part) => text.push_str(&part),
            Segment::Link { label, url } => {
                text.push_str(&label);
                links.push((label, url));
            }
        }
    }
    Element::Text { text, links }
}

/// Returns the label of the first button, if the callback has buttons.
fn first_option(callback: &Callback) -> Option<&str> {
    match callback {
        Callback::Confirmation { options } => options.first().map(String::as_str),
        _ => None,
    }
}

/// Returns the text of the QR code, if the callback has one.
fn registration(callback: &Callback) -> Option<String> {
    match callback {
        Callback::HiddenValue { id, value } if id == REGISTRATION => Some(value.expose(Reason::HandOver).to_owned()),
        _ => None,
    }
}
