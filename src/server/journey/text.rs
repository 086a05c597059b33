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
    /// Returns the text for the first of these languages that there is one for ([`lookup`]), then English, then any; the
    /// default where there is none.
    pub fn choose<'a>(&'a self, languages: &[String], default: &'a str) -> &'a str {
        let there: Vec<&str> = self.0.keys().map(String::as_str).collect();
        let wanted = languages.iter().map(String::as_str).chain(["en"]);
        let found = wanted.into_iter().find_map(|language| lookup(language, &there));
        let text = found.and_then(|language| self.0.get(language));
        text.or_else(|| self.0.values().next()).map_or(default, String::as_str)
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

/// Returns which of the languages that are there a wanted one finds: RFC 4647 lookup (section 3.4), which cuts subtags from
/// the end. Chinese and others that are written in two scripts find a region of the same script only; `no` and `nn`
/// find `nb`. Where only regional texts are there, a language without a match finds the first of its own script.
pub fn lookup<'a>(wanted: &str, there: &[&'a str]) -> Option<&'a str> {
    let mut range = wanted;
    loop {
        if let Some(found) = there.iter().find(|language| **language == range)
            && same_script(wanted, found)
        {
            return Some(found);
        }
        let Some((shorter, _)) = range.rsplit_once('-') else { break };
        // A subtag of one letter goes with the one after it.
        range = match shorter.rsplit_once('-') {
            Some((before, single)) if single.len() == 1 => before,
            _ => shorter,
        };
    }
    let primary = primary_of(wanted);
    let close = there.iter().find(|language| primary_of(language) == primary && same_script(wanted, language));
    close.copied().or_else(|| match primary {
        "no" | "nn" => lookup("nb", there),
        "nb" => there.iter().find(|language| primary_of(language) == "no").copied(),
        _ => None,
    })
}

fn primary_of(language: &str) -> &str {
    language.split('-').next().unwrap_or(language)
}

fn same_script(one: &str, other: &str) -> bool {
    script_of(one) == script_of(other)
}

/// Returns the script of a language that is written in more than one: as it says, else as its region writes it (CLDR's likely
/// subtags); the empty text for all other languages.
fn script_of(language: &str) -> &str {
    let (primary, subtags) = (primary_of(language), || language.split('-').skip(1));
    if let Some(script) = subtags().find(|subtag| subtag.len() == 4 && subtag.bytes().all(|it| it.is_ascii_lowercase()))
    {
        return script;
    }
    let in_region = |regions: &[&str]| subtags().any(|subtag| regions.contains(&subtag));
    match primary {
        "zh" | "yue" if in_region(&["tw", "hk", "mo"]) => "hant",
        "yue" if !in_region(&["cn"]) => "hant",
        "zh" | "yue" => "hans",
        "sr" if in_region(&["me", "ro", "tr"]) => "latn",
        "sr" => "cyrl",
        "uz" | "az" if in_region(&["af", "ir"]) => "arab",
        "uz" | "az" => "latn",
        "pa" if in_region(&["pk"]) => "arab",
        "pa" => "guru",
        _ => "",
    }
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
    fn a_language_finds_its_own_script() {
        let text =
            localised(r#"{"en": "E", "zh_CN": "S", "zh_TW": "T", "nb": "N", "sr-Latn": "L", "pt-BR": "P"}"#).unwrap();
        for (header, chosen) in [
            ("zh-TW", "T"),
            ("zh-HK", "T"),
            ("zh-Hant", "T"),
            ("zh-Hant-MO", "T"),
            ("zh", "S"),
            ("zh-SG", "S"),
            ("zh-Hans-HK", "S"),
            ("zh-Hans", "S"),
            ("no", "N"),
            ("nn", "N"),
            ("nn-NO", "N"),
            ("nb-NO", "N"),
            ("sr", "E"),
            ("sr-Latn-RS", "L"),
            ("sr-ME", "L"),
            ("pt", "P"),
            ("pt-PT", "P"),
            ("ja, no;q=0.5", "N"),
            ("zh-Hant-x-private", "T"),
        ] {
            assert_eq!(text.choose(&accepted_languages(header), "default"), chosen, "{header}");
        }
        let simplified = localised(r#"{"en": "E", "zh-Hans": "S"}"#).unwrap();
        assert_eq!(simplified.choose(&accepted_languages("zh-TW"), ""), "E", "another script is another text");
        assert_eq!(localised(r#"{"no": "N", "en": "E"}"#).unwrap().choose(&accepted_languages("nb"), ""), "N");
    }

    #[test]
    fn an_invalid_locale_is_an_error() {
        assert!(localised(r#"{"english please": "Hello"}"#).unwrap_err().to_string().contains("english please"));
    }
}
