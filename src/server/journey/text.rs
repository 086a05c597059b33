//! Localized texts in node settings: `{}` for the default, or `{locale: text}`, chosen by the browser's languages.

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
    /// Returns the text in the first of these languages that has one, then in English, then in any; the default if
    /// there is no text.
    pub fn choose<'a>(&'a self, languages: &[String], default: &'a str) -> &'a str {
        let known = || self.0.keys().map(String::as_str);
        let found = best_match(known, languages).or_else(|| lookup(known, "en"));
        let text = found.and_then(|locale| self.0.get(locale)).or_else(|| self.0.values().next());
        text.map_or(default, String::as_str)
    }
}

/// Returns the known language that best fits the wanted ones, which are in order of preference.
///
/// A language in a different script is chosen only if no wanted language is known in the wanted script.
pub fn best_match<'a, I: Iterator<Item = &'a str>>(known: impl Fn() -> I, wanted: &[String]) -> Option<&'a str> {
    let in_any_script = |tag: &String| known().find(|candidate| primary(candidate) == primary(tag));
    wanted.iter().find_map(|tag| lookup(&known, tag)).or_else(|| wanted.iter().find_map(in_any_script))
}

/// Looks up one language (RFC 4647 section 3.4): the tag itself, then shorter tags with the same script, then a known
/// variant in that script, then a close language. Tags must be normalized.
fn lookup<'a, I: Iterator<Item = &'a str>>(known: impl Fn() -> I, wanted: &str) -> Option<&'a str> {
    let script = script(wanted);
    let shorter = std::iter::successors(Some(wanted), |tag| tag.rsplit_once('-').map(|(shorter, _)| shorter));
    let exact = |tag: &str| known().find(|candidate| *candidate == tag && self::script(candidate) == script);
    let variant =
        |language: &str| known().find(|candidate| primary(candidate) == language && self::script(candidate) == script);
    let language = primary(wanted);
    shorter
        .into_iter()
        .find_map(exact)
        .or_else(|| variant(language))
        .or_else(|| close_languages(language).iter().find_map(|close| variant(close)))
}

fn primary(tag: &str) -> &str {
    tag.split('-').next().unwrap_or(tag)
}

/// Returns languages that readers of this one can also read: the other written forms of Norwegian, and older names of
/// languages.
fn close_languages(language: &str) -> &'static [&'static str] {
    match language {
        "no" => &["nb", "nn"],
        "nn" => &["nb", "no"],
        "nb" => &["no", "nn"],
        "he" => &["iw"],
        "iw" => &["he"],
        "id" => &["in"],
        "in" => &["id"],
        "tl" => &["fil"],
        "fil" => &["tl"],
        _ => &[],
    }
}

/// Returns the script of a normalized tag: the one in the tag, or the default from CLDR's likely subtags.
fn script(tag: &str) -> &str {
    let subtags = || tag.split('-').skip(1);
    if let Some(named) = subtags().find(|part| part.len() == 4 && part.bytes().all(|byte| byte.is_ascii_alphabetic())) {
        return if named == default_script(tag) { default_script(tag) } else { named };
    }
    let region = subtags().find(|part| part.len() == 2).unwrap_or_default();
    match (primary(tag), region) {
        ("zh", "tw" | "hk" | "mo") => "hant",
        ("pa", "pk") => "arab",
        ("sr", "me") => "latn",
        ("uz", "af") => "arab",
        _ => default_script(tag),
    }
}

fn default_script(tag: &str) -> &'static str {
    match primary(tag) {
        "zh" => "hans",
        "yue" => "hant",
        "sr" | "mn" | "ru" | "uk" | "bg" | "mk" | "be" | "kk" => "cyrl",
        "pa" => "guru",
        "ja" => "jpan",
        "ko" => "kore",
        "ar" | "fa" | "ur" => "arab",
        "he" | "iw" => "hebr",
        "hi" => "deva",
        "el" => "grek",
        "th" => "thai",
        _ => "latn",
    }
}

/// Returns the languages of an `Accept-Language` header (RFC 9110 section 12.5.4), best first, at most ten.
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
    fn scripts_and_close_languages_are_found() {
        let text = localised(r#"{"en": "English", "zh_CN": "Hans", "zh_TW": "Hant", "nb": "Norsk"}"#).unwrap();
        for (header, expected) in [
            ("zh-Hant", "Hant"),
            ("zh-Hant-HK", "Hant"),
            ("zh-HK", "Hant"),
            ("zh-MO", "Hant"),
            ("zh-TW", "Hant"),
            ("zh", "Hans"),
            ("zh-SG", "Hans"),
            ("zh-Hans-HK", "Hans"),
            ("no", "Norsk"),
            ("nn", "Norsk"),
            ("nn-NO, en;q=0.5", "Norsk"),
            ("nb-NO", "Norsk"),
            ("sv, en", "English"),
            ("en-GB, zh", "English"),
        ] {
            assert_eq!(text.choose(&accepted_languages(header), "default"), expected, "{header}");
        }
        let simplified = localised(r#"{"en": "English", "zh": "Hans"}"#).unwrap();
        assert_eq!(
            simplified.choose(&accepted_languages("zh-TW, en;q=0.5"), ""),
            "English",
            "a script of its own first"
        );
        assert_eq!(simplified.choose(&accepted_languages("zh-TW"), ""), "Hans");
        let serbian = localised(r#"{"sr": "Cyrillic", "sr-Latn": "Latin"}"#).unwrap();
        assert_eq!(serbian.choose(&accepted_languages("sr-Latn-RS"), ""), "Latin");
        assert_eq!(serbian.choose(&accepted_languages("sr-RS"), ""), "Cyrillic");
    }

    #[test]
    fn an_invalid_locale_is_an_error() {
        assert!(localised(r#"{"english please": "Hello"}"#).unwrap_err().to_string().contains("english please"));
    }
}
