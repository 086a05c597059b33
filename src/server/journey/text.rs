//! Texts in node settings: `{}` for the default or `{locale: text}`, chosen by the browser's languages.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A text in several languages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>")]
pub struct Localised(BTreeMap<String, String>);

impl TryFrom<BTreeMap<String, String>> for Localised {
    type Error = String;

    fn try_from(texts: BTreeMap<String, String>) -> Result<Self, String> {
        texts
            .into_iter()
            .map(|(locale, text)| {
                let normal = normalise(&locale);
                if is_locale(&normal) { Ok((normal, text)) } else { Err(format!("{locale:?} is not a locale")) }
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl Localised {
    /// The text for the first language that there is one for, then English, then any; the default where there is none.
    pub fn choose<'a>(&'a self, languages: &[String], default: &'a str) -> &'a str {
        let wanted = languages.iter().map(String::as_str).chain(["en"]);
        for language in wanted {
            if let Some(text) = self.0.get(language) {
                return text;
            }
            let primary = language.split('-').next().unwrap_or(language);
            let close = self.0.iter().find(|(locale, _)| locale.split('-').next() == Some(primary));
            if let Some((_, text)) = close {
                return text;
            }
        }
        self.0.values().next().map_or(default, String::as_str)
    }
}

/// The languages of an `Accept-Language` header (RFC 9110 section 12.5.4), best first, at most ten.
pub fn accepted_languages(header: &str) -> Vec<String> {
    let mut languages: Vec<(u32, String)> = header
        .split(',')
        .filter_map(|part| {
            let (tag, parameters) = part.split_once(';').unwrap_or((part, ""));
            let weight: f64 = match parameters.trim().strip_prefix("q=") {
                Some(quality) => quality.trim().parse().ok()?,
                None => 1.0,
            };
            let tag = normalise(tag.trim());
            (is_locale(&tag) && weight > 0.0).then_some(((weight.min(1.0) * 1000.0) as u32, tag))
        })
        .take(10)
        .collect();
    languages.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    languages.into_iter().map(|(_, tag)| tag).collect()
}

fn normalise(locale: &str) -> String {
    locale.replace('_', "-").to_ascii_lowercase()
}

fn is_locale(locale: &str) -> bool {
    let mut parts = locale.split('-');
    let primary_is_fine = parts
        .next()
        .is_some_and(|part| (2..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_lowercase()));
    primary_is_fine
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn localised(json: &str) -> Result<Localised, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn the_browsers_order_decides() {
        let text = localised(r#"{"en": "Hello", "fr-CA": "Allô", "de": "Hallo"}"#).unwrap();
        let choose = |header: &str| text.choose(&accepted_languages(header), "default").to_owned();
        assert_eq!(choose("de;q=0.5, fr"), "Allô");
        assert_eq!(choose("de-CH, fr"), "Hallo");
        assert_eq!(choose("it"), "Hello");
        assert_eq!(choose("*;q=0"), "Hello");
        assert_eq!(Localised::default().choose(&[], "default"), "default");
    }

    #[test]
    fn an_invalid_locale_is_an_error() {
        assert!(localised(r#"{"english please": "Hello"}"#).unwrap_err().to_string().contains("english please"));
    }
}
