//! Get Authenticator App: links to the app in the stores.

use serde::Deserialize;
use url::Url;

use super::SettingError;
use crate::server::journey::callback::{Answers, Callback, Segment};
use crate::server::journey::node::{Context, Next, Node};
use crate::server::journey::text::Localised;
use crate::server::store::StoreError;

const DEFAULT_MESSAGE: &str = "Get the app from the {{appleLink}} or on {{googleLink}}.";
const DEFAULT_CONTINUE: &str = "Continue";
const APPLE_LABEL: &str = "Apple App Store";
const GOOGLE_LABEL: &str = "Google Play Store";

/// The Get Authenticator App node.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetAuthenticatorApp {
    apple_link: String,
    google_link: String,
    #[serde(default)]
    continue_label: Localised,
    #[serde(default)]
    message: Localised,
}

impl GetAuthenticatorApp {
    /// Checks what deserialization cannot: the links must be https.
    pub fn checked(self) -> Result<Self, SettingError> {
        for link in [&self.apple_link, &self.google_link] {
            if !Url::parse(link).is_ok_and(|url| url.scheme() == "https") {
                return Err(SettingError::Setting(format!("{link:?} is not an https link")));
            }
        }
        Ok(self)
    }

    fn segments(&self, mut text: &str) -> Vec<Segment> {
        let link = |label: &str, url: &str| Segment::Link { label: label.to_owned(), url: url.to_owned() };
        let places = [
            ("{{appleLink}}", link(APPLE_LABEL, &self.apple_link)),
            ("{{googleLink}}", link(GOOGLE_LABEL, &self.google_link)),
            ("{{appleLabel}}", Segment::Text(APPLE_LABEL.to_owned())),
            ("{{googleLabel}}", Segment::Text(GOOGLE_LABEL.to_owned())),
        ];
        let mut segments = Vec::new();
        loop {
            let next = places
                .iter()
                .filter_map(|(mark, segment)| text.split_once(mark).map(|(before, after)| (before, after, segment)))
                .min_by_key(|(before, _, _)| before.len());
            let Some((before, after, segment)) = next else {
                segments.push(Segment::Text(text.to_owned()));
                return segments;
            };
            segments.push(Segment::Text(before.to_owned()));
            segments.push(segment.clone());
            text = after;
        }
    }
}

impl Node for GetAuthenticatorApp {
    fn outcomes(&self) -> Vec<&'static str> {
        vec!["outcome"]
    }

    fn waits(&self) -> bool {
        true
    }

    fn run(&self, context: &mut Context<'_>, answers: Option<Answers>) -> Result<Next, StoreError> {
        if answers.is_some() {
            return Ok(Next::Outcome("outcome"));
        }
        Ok(Next::Ask(vec![
            Callback::Text(self.segments(context.choose(&self.message, DEFAULT_MESSAGE))),
            Callback::Confirmation { options: vec![context.choose(&self.continue_label, DEFAULT_CONTINUE).to_owned()] },
        ]))
    }
}
