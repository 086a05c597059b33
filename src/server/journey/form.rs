//! Checks the structure of an exported journey and describes what is wrong for people.

use serde_json::{Map, Value};

/// Returns everything that is wrong with a journey's structure; empty if it can be read.
pub fn problems(journey: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let Some(tree) = journey.get("tree").and_then(Value::as_object) else {
        return vec!["it has no \"tree\"".to_owned()];
    };
    for member in ["_id", "entryNodeId"] {
        if !tree.get(member).is_some_and(Value::is_string) {
            problems.push(format!("its tree needs {member:?}, a text"));
        }
    }
    if !tree.get("description").is_none_or(|value| value.is_null() || value.is_string()) {
        problems.push("the description of its tree must be a text".to_owned());
    }
    for member in ["enabled", "innerTreeOnly"] {
        let is_flag = |value: &Value| value.is_boolean() || matches!(value.as_str(), Some("true" | "false"));
        if !tree.get(member).is_none_or(is_flag) {
            problems.push(format!("{member} of its tree must be true or false"));
        }
    }
    match tree.get("nodes") {
        Some(Value::Object(nodes)) => nodes.iter().for_each(|(id, node)| look_at_node(id, node, &mut problems)),
        _ => problems.push("its tree needs \"nodes\", an object with a node for each id".to_owned()),
    }
    for member in ["nodes", "innerNodes"] {
        if !journey.get(member).is_none_or(Value::is_object) {
            problems.push(format!("its {member:?} must be an object with the settings for each id"));
        }
    }
    problems
}

fn look_at_node(id: &str, node: &Value, problems: &mut Vec<String>) {
    let empty = Map::new();
    let members = node.as_object().unwrap_or(&empty);
    if !members.get("nodeType").is_some_and(Value::is_string) {
        problems.push(format!("the node {id:?} needs a \"nodeType\", a text"));
    }
    if !members.get("displayName").is_none_or(Value::is_string) {
        problems.push(format!("the displayName of the node {id:?} must be a text"));
    }
    let are_connections =
        |value: &Value| value.as_object().is_some_and(|connections| connections.values().all(Value::is_string));
    if !members.get("connections").is_none_or(are_connections) {
        problems.push(format!("the connections of the node {id:?} must name a node's id for each outcome"));
    }
}
