//! Page Node: shows several collectors on one page.

use serde::Deserialize;

use super::SettingError;
use crate::server::journey::callback::Answers;
use crate::server::journey::node::{Context, Next, Node, PageTexts};
use crate::server::journey::text::Localised;
use crate::server::store::StoreError;

/// The page's own settings. The tree reader creates the children.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    #[serde(default)]
    page_header: Localised,
    #[serde(default)]
    page_description: Localised,
    #[serde(default)]
    stage: Option<String>,
}

/// The Page Node.
pub struct Page {
    settings: Settings,
    children: Vec<Box<dyn Node>>,
}

impl Page {
    /// Creates a page. It needs at least one child, and only the last child may have more than one outcome.
    pub fn new(settings: Settings, children: Vec<Box<dyn Node>>) -> Result<Self, SettingError> {
        let decides_early = children.iter().rev().skip(1).any(|child| child.outcomes().len() != 1);
        if children.is_empty() || decides_early {
            return Err(SettingError::Setting(
                "a page needs children, and only the last may have more than one outcome".to_owned(),
            ));
        }
        Ok(Self { settings, children })
    }
}

impl Node for Page {
    fn outcomes(&self) -> Vec<&'static str> {
        self.children.last().map(|child| child.outcomes()).unwrap_or_default()
    }

    fn waits(&self) -> bool {
        self.children.iter().any(|child| child.waits())
    }

    fn page_texts(&self, languages: &[String]) -> PageTexts {
        let text =
            |localised: &Localised| Some(localised.choose(languages, "").to_owned()).filter(|text| !text.is_empty());
        PageTexts {
            header: text(&self.settings.page_header),
            description: text(&self.settings.page_description),
            stage: self.settings.stage.clone(),
        }
    }

    fn run(&self, context: &mut Context<'_>, answers: Option<Answers>) -> Result<Next, StoreError> {
        // The number of callbacks of each child tells how many of the posted answers belong to it.
        let mut asked = Vec::new();
        for child in &self.children {
            match child.run(context, None)? {
                Next::Ask(callbacks) => asked.push(callbacks),
                Next::Outcome(_) => asked.push(Vec::new()),
                other => return Ok(other),
            }
        }
        let Some(mut answers) = answers else {
            return Ok(Next::Ask(asked.into_iter().flatten().collect()));
        };
        let mut last = Next::Outcome("outcome");
        for (child, callbacks) in self.children.iter().zip(asked) {
            last = child.run(context, Some(answers.split_first(callbacks.len())))?;
        }
        Ok(last)
    }
}
