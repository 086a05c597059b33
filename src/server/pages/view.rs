//! What the templates are filled with.

use askama::Template;

use crate::secret::Reason;
use crate::server::journey::callback::{Callback, Segment};
use crate::server::qr;
use crate::server::sign_on::StepReply;

/// A step of a journey.
#[derive(Template)]
#[template(path = "step.html")]
pub(super) struct StepPage {
    title: String,
    description: Option<String>,
    action: String,
    auth_id: String,
    elements: Vec<Element>,
    waits: bool,
    has_buttons: bool,
    next_label: &'static str,
}

/// A message with a way back to the start.
#[derive(Template)]
#[template(path = "notice.html")]
pub(super) struct NoticePage<'a> {
    pub(super) title: &'a str,
    pub(super) message: &'a str,
    pub(super) start: String,
}

/// Who is signed in.
#[derive(Template)]
#[template(path = "profile.html")]
pub(super) struct ProfilePage<'a> {
    pub(super) title: &'a str,
    pub(super) user: String,
    pub(super) token: String,
}

/// One piece of a step's page.
enum Element {
    Name { name: String, label: String, autocomplete: &'static str, first: bool },
    Password { name: String, label: String },
    Text { segments: Vec<Segment> },
    Codes { codes: Vec<String> },
    Qr { svg: String, uri: String },
    Number { value: String },
    Wait { message: String },
    Buttons { name: String, options: Vec<String> },
    Location { name: String, message: String },
}

impl StepPage {
    pub(super) fn new(step: StepReply, action: String) -> Self {
        let waits = step.callbacks.iter().any(|callback| matches!(callback, Callback::PollingWait { .. }));
        let default_title = default_title(&step.callbacks);
        let (has_password, has_codes) = (
            step.callbacks.iter().any(|callback| matches!(callback, Callback::Password { .. })),
            step.callbacks.iter().any(|callback| matches!(callback, Callback::RecoveryCodes(_))),
        );
        let asks_location = step.callbacks.iter().any(|callback| matches!(callback, Callback::DeviceProfile { .. }));
        let elements: Vec<Element> = step
            .callbacks
            .into_iter()
            .enumerate()
            .filter_map(|(index, callback)| element(index, callback, has_password))
            .collect();
        Self {
            title: step.texts.header.unwrap_or_else(|| default_title.to_owned()),
            description: step.texts.description,
            action,
            auth_id: step.auth_id,
            waits,
            has_buttons: elements.iter().any(|element| matches!(element, Element::Buttons { .. })),
            next_label: if has_codes {
                "I have kept my codes"
            } else if asks_location {
                "Continue without"
            } else {
                "Next"
            },
            elements,
        }
    }
}

fn default_title(callbacks: &[Callback]) -> &'static str {
    let is = |test: fn(&Callback) -> bool| callbacks.iter().any(test);
    if is(|callback| matches!(callback, Callback::Password { .. })) {
        "Sign In"
    } else if is(|callback| matches!(callback, Callback::RecoveryCodes(_))) {
        "Your recovery codes"
    } else if is(|callback| matches!(callback, Callback::HiddenValue { id, .. } if id == "mfaDeviceRegistration")) {
        "Register your phone"
    } else if is(|callback| matches!(callback, Callback::PollingWait { .. })) {
        "Look at your phone"
    } else if is(|callback| matches!(callback, Callback::Name { .. })) {
        "Sign in another way"
    } else if is(|callback| matches!(callback, Callback::DeviceProfile { .. })) {
        "Where are you?"
    } else if is(|callback| matches!(callback, Callback::Text(_))) {
        "Get the app"
    } else {
        "Sign In"
    }
}

fn element(index: usize, callback: Callback, has_password: bool) -> Option<Element> {
    let name = format!("IDToken{}", index + 1);
    Some(match callback {
        Callback::Name { prompt } => Element::Name {
            name,
            label: prompt,
            autocomplete: if has_password { "username" } else { "off" },
            first: index == 0,
        },
        Callback::Password { prompt } => Element::Password { name, label: prompt },
        Callback::Text(segments) => Element::Text { segments },
        Callback::RecoveryCodes(codes) => {
            Element::Codes { codes: codes.iter().map(|code| code.expose(Reason::HandOver).to_owned()).collect() }
        }
        Callback::HiddenValue { id, value } if id == "mfaDeviceRegistration" => {
            let uri = value.expose(Reason::HandOver).to_owned();
            // The link below it serves where the text is too long for a code.
            Element::Qr { svg: qr::draw(&uri).unwrap_or_default(), uri }
        }
        Callback::HiddenValue { value, .. } => Element::Number { value: value.expose(Reason::HandOver).to_owned() },
        Callback::PollingWait { message, .. } => Element::Wait { message },
        Callback::Confirmation { options } => Element::Buttons { name, options },
        Callback::DeviceProfile { message, .. } => Element::Location { name, message },
    })
}
