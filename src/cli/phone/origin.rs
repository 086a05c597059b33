//! Where a sign-on comes from, for the user to read: a name from a table, with the free text in JSON only.

use serde_json::{Value, json};

use crate::phone::Context;

/// Returns browser and address, as far as known, for the end of a line.
pub(super) fn describe(context: Option<&Context>) -> String {
    let Some(context) = context else { return String::new() };
    let browser = context.browser_name().map(|name| name.to_string());
    let address = context.address().map(|address| address.to_string());
    let parts: Vec<String> = [browser, address].into_iter().flatten().collect();
    if parts.is_empty() { String::new() } else { format!("  from {}", parts.join(", ")) }
}

/// Returns the context as sent, together with the name derived from it.
pub(super) fn show(context: &Context) -> Value {
    let mut value = json!(context);
    if let (Some(members), Some(name)) = (value.as_object_mut(), context.browser_name()) {
        members.insert("browser".to_owned(), json!(name.to_string()));
    }
    value
}
