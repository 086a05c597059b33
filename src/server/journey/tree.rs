//! Reads exported journeys (docs/journeys.md): a file with one tree or several, in AM's export format.
//!
//! Loading checks a journey as a whole, and every complaint names the tree, the node and the outcome. A journey that
//! has faults or needs something unsupported is kept, so that it can be listed and drawn, but does not run.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::known::{self, Findings};
use super::node::Node;
use super::nodes::{self, SettingError};
use super::settings::Settings;
use super::{form, placeholders, shape};
use crate::server::store::device_keys::KeyPolicy;

/// AM's fixed ID of the success node.
const SUCCESS: &str = "70e691a5-1e33-4ac3-a356-e7b6d60d92e0";
/// AM's fixed ID of the failure node.
const FAILURE: &str = "e301438c-0bd0-429c-ab0c-66126501069a";

/// A journey, read and checked.
pub struct Journey {
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: Option<String>,
    /// ID of the first node.
    pub entry: String,
    /// Its nodes, by ID.
    pub nodes: BTreeMap<String, Placed>,
    /// Oddities that do not keep it from running.
    pub warnings: Vec<String>,
    /// Faults. A journey with any fault does not run.
    pub faults: Vec<TreeError>,
    /// Why the journey cannot run here: all reasons, including its faults. `None` if it can.
    pub not_runnable: Option<String>,
    /// Issuer from its registration node, for the texts of other nodes.
    pub issuer: String,
    /// The strictest key policy of its registration nodes; also applied to invitations.
    pub key_policy: KeyPolicy,
    /// For how many days back its nodes check where and with which browser a user signed in; 0 if none does.
    pub familiar_days: i64,
}

/// A node in its place in a journey.
pub struct Placed {
    /// Display name.
    pub display_name: String,
    /// AM's type name.
    pub node_type: String,
    /// The node itself; `None` if its type is not supported here.
    pub node: Option<Box<dyn Node>>,
    /// Where each outcome leads.
    pub connections: BTreeMap<String, Target>,
}

/// Where an outcome leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The end: signed in.
    Success,
    /// The end: rejected.
    Failure,
    /// The node with this ID.
    Node(String),
}

/// Why a journey file was rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// Not JSON, or not an export.
    #[error("not a journey export: {0}")]
    NotAnExport(String),
    /// The journey's first node is missing.
    #[error("journey {journey:?}: its first node {node:?} is missing")]
    NoEntry {
        /// The journey.
        journey: String,
        /// The missing node.
        node: String,
    },
    /// The journey begins at an end node.
    #[error("journey {journey:?}: it has no first node, because it begins at an end")]
    BeginsAtEnd {
        /// The journey.
        journey: String,
    },
    /// A node is missing or has a wrong setting.
    #[error("journey {journey:?}, node {node:?}: {problem}")]
    Node {
        /// The journey.
        journey: String,
        /// Display name and ID of the node.
        node: String,
        /// The problem.
        problem: String,
    },
    /// An outcome does not exist or leads nowhere.
    #[error("journey {journey:?}, node {node:?}, outcome {outcome:?}: {problem}")]
    Outcome {
        /// The journey.
        journey: String,
        /// Display name and ID of the node.
        node: String,
        /// The outcome.
        outcome: String,
        /// The problem.
        problem: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tree {
    tree: Layout,
    #[serde(default)]
    nodes: BTreeMap<String, Value>,
    #[serde(default)]
    inner_nodes: BTreeMap<String, Value>,
    /// Findings about members of `tree` that are not read here.
    #[serde(skip)]
    findings: Findings,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layout {
    #[serde(rename = "_id")]
    id: String,
    entry_node_id: String,
    description: Option<String>,
    #[serde(default = "enabled")]
    enabled: bool,
    #[serde(default)]
    inner_tree_only: bool,
    nodes: BTreeMap<String, LayoutNode>,
}

fn enabled() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LayoutNode {
    #[serde(default)]
    connections: BTreeMap<String, String>,
    #[serde(default)]
    display_name: String,
    node_type: String,
}

impl LayoutNode {
    /// Returns the node's name in messages.
    fn shown(&self, id: &str) -> String {
        format!("{} ({id})", self.display_name)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageChild {
    #[serde(rename = "_id")]
    id: String,
    node_type: String,
}

/// Reads the journeys of an export. Paths in settings are relative to `folder`.
///
/// Returns an error only if the journeys cannot be told apart; faults of a single journey are recorded in that journey.
pub fn read(json: &str, folder: &Path) -> Result<Vec<Journey>, TreeError> {
    read_value(parse(json)?, folder)
}

/// Parses the JSON of a file, with or without a byte order mark.
pub(super) fn parse(json: &str) -> Result<Value, TreeError> {
    let json = json.strip_prefix('\u{feff}').unwrap_or(json);
    serde_json::from_str(json).map_err(|error| {
        let problem = if error.is_eof() { "the file ends too early" } else { "this is not valid JSON" };
        TreeError::NotAnExport(format!("line {}, column {}: {problem}", error.line(), error.column()))
    })
}

/// Reads the journeys of a parsed export.
pub(super) fn read_value(export: Value, folder: &Path) -> Result<Vec<Journey>, TreeError> {
    let refuse = |problem: &str| Err(TreeError::NotAnExport(problem.to_owned()));
    let Value::Object(mut members) = export else { return refuse("it is not a JSON object") };
    let is_tree = |value: &Value| value.get("tree").is_some_and(Value::is_object);
    let trees = match members.remove("trees") {
        Some(Value::Object(trees)) => trees,
        Some(_) => return refuse("its \"trees\" are not an object with a journey for each name"),
        None if members.contains_key("tree") => {
            let tree =
                Tree::read(Value::Object(members)).map_err(|problems| TreeError::NotAnExport(problems.join("; ")))?;
            return Ok(vec![tree.check(folder)]);
        }
        // A map of journeys, as written by frodo 3.0.
        None if members.values().any(is_tree) => {
            members.retain(|name, _| name != "meta");
            members
        }
        None => return refuse("it has neither \"trees\" nor \"tree\""),
    };
    let journeys = trees.into_iter().map(|(name, tree)| match Tree::read(tree) {
        Ok(tree) => tree.check(folder),
        Err(problems) => Journey::unreadable(name, problems),
    });
    Ok(journeys.collect())
}

impl Tree {
    /// Reads a tree, or returns everything that is wrong with its structure.
    fn read(mut tree: Value) -> Result<Self, Vec<String>> {
        if let Some(layout) = tree.get_mut("tree") {
            placeholders::fill_in(layout, Path::new(""), &mut Vec::new()).map_err(|problem| vec![problem])?;
        }
        let problems = form::problems(&tree);
        if !problems.is_empty() {
            return Err(problems);
        }
        let findings = tree.get("tree").and_then(Value::as_object).map(known::look_at_tree).unwrap_or_default();
        let read = Self::deserialize(Settings(tree));
        let mut read = read.map_err(|_| vec!["it does not have the form of an exported journey".to_owned()])?;
        read.findings = findings;
        Ok(read)
    }

    /// Checks a tree as a whole. Paths in settings are relative to `folder`.
    fn check(self, folder: &Path) -> Journey {
        let name = self.tree.id.clone();
        let mut reasons = Vec::new();
        if !self.tree.enabled {
            reasons.push("it is disabled".to_owned());
        }
        if self.tree.inner_tree_only {
            reasons.push("it runs only inside of another journey".to_owned());
        }
        reasons.extend(self.findings.reasons.iter().cloned());
        let mut warnings: Vec<String> =
            self.findings.warnings.iter().map(|warning| format!("journey {name:?}: {warning}")).collect();
        let mut faults = Vec::new();
        let mut placed = BTreeMap::new();
        for (id, layout) in &self.tree.nodes {
            let shown = layout.shown(id);
            let mut findings = Findings::default();
            let node = match self.make(id, &layout.node_type, folder, &mut findings) {
                Ok(node) => Some(node),
                Err(SettingError::UnknownType(unknown)) => {
                    reasons.push(format!("its node {shown:?} is of the type {unknown:?}"));
                    None
                }
                Err(SettingError::Setting(problem)) => {
                    faults.push(TreeError::Node { journey: name.clone(), node: shown.clone(), problem });
                    None
                }
            };
            reasons.extend(findings.reasons.iter().map(|reason| format!("its node {shown:?}: {reason}")));
            warnings
                .extend(findings.warnings.iter().map(|warning| format!("journey {name:?}, node {shown:?}: {warning}")));
            let connections = self.connect(&name, &shown, layout, node.as_deref(), &mut warnings, &mut faults);
            let node = Placed {
                display_name: layout.display_name.clone(),
                node_type: layout.node_type.clone(),
                node,
                connections,
            };
            placed.insert(id.clone(), node);
        }
        let entry = self.tree.entry_node_id;
        if entry == SUCCESS || entry == FAILURE {
            faults.push(TreeError::BeginsAtEnd { journey: name.clone() });
        } else if !placed.contains_key(&entry) {
            faults.push(TreeError::NoEntry { journey: name.clone(), node: entry.clone() });
        } else {
            warnings.extend(
                shape::unreachable(&entry, &placed)
                    .into_iter()
                    .map(|shown| format!("journey {name:?}, node {shown:?}: nothing leads to it")),
            );
        }
        shape::refuse_idle_cycles(&name, &placed, &mut faults);
        reasons.extend(faults.iter().map(ToString::to_string));
        let issuer = placed
            .values()
            .find_map(|node| node.node.as_ref().and_then(|node| node.issuer()))
            .unwrap_or("ForgeRock")
            .to_owned();
        let key_policies = placed.values().filter_map(|node| node.node.as_ref().and_then(|node| node.key_policy()));
        let key_policy = key_policies.max_by_key(|policy| policy.demand).unwrap_or_default();
        let familiar_days = placed.values().filter_map(|node| node.node.as_ref()).map(|node| node.familiar_days());
        let familiar_days = familiar_days.max().unwrap_or(0);
        Journey {
            name,
            description: self.tree.description,
            entry,
            nodes: placed,
            warnings,
            faults,
            not_runnable: (!reasons.is_empty()).then(|| reasons.join("; ")),
            issuer,
            key_policy,
            familiar_days,
        }
    }

    fn make(
        &self,
        id: &str,
        node_type: &str,
        folder: &Path,
        findings: &mut Findings,
    ) -> Result<Box<dyn Node>, SettingError> {
        if !nodes::runs_here(node_type) {
            return Err(SettingError::UnknownType(node_type.to_owned()));
        }
        let mut settings = self
            .nodes
            .get(id)
            .or_else(|| self.inner_nodes.get(id))
            .cloned()
            .ok_or_else(|| SettingError::Setting("its settings are missing".to_owned()))?;
        let mut filled = Vec::new();
        placeholders::fill_in(&mut settings, folder, &mut filled).map_err(SettingError::Setting)?;
        let found = known::look_at_settings(node_type, &settings);
        findings.reasons.extend(found.reasons);
        findings.warnings.extend(found.warnings);
        self.make_with(node_type, &settings, folder, findings).map_err(|error| match error {
            SettingError::Setting(problem) => SettingError::Setting(placeholders::conceal(&problem, &filled)),
            SettingError::UnknownType(unknown) => SettingError::UnknownType(placeholders::conceal(&unknown, &filled)),
        })
    }

    fn make_with(
        &self,
        node_type: &str,
        settings: &Value,
        folder: &Path,
        findings: &mut Findings,
    ) -> Result<Box<dyn Node>, SettingError> {
        if node_type != "PageNode" {
            return nodes::make(node_type, settings);
        }
        let children: Vec<PageChild> = settings
            .get("nodes")
            .cloned()
            .and_then(|children| serde_json::from_value(children).ok())
            .ok_or_else(|| SettingError::Setting("the page's children are missing".to_owned()))?;
        let children = children
            .iter()
            .map(|child| match child.node_type.as_str() {
                "PageNode" => Err(SettingError::Setting("a page cannot hold a page".to_owned())),
                // A page runs its children again each time it is shown, so running a child must have no side effects.
                other if nodes::may_stand_in_a_page(other) => self.make(&child.id, other, folder, findings),
                other => Err(SettingError::UnknownType(format!("{other} inside of a page"))),
            })
            .collect::<Result<_, _>>()?;
        nodes::make_page(settings, children)
    }

    fn connect(
        &self,
        journey: &str,
        shown: &str,
        layout: &LayoutNode,
        node: Option<&dyn Node>,
        warnings: &mut Vec<String>,
        faults: &mut Vec<TreeError>,
    ) -> BTreeMap<String, Target> {
        let outcomes = node.map(|node| node.outcomes());
        let complain = |outcome: &str, problem: String| TreeError::Outcome {
            journey: journey.to_owned(),
            node: shown.to_owned(),
            outcome: outcome.to_owned(),
            problem,
        };
        let mut connections = BTreeMap::new();
        for (outcome, target) in &layout.connections {
            if outcomes.as_ref().is_some_and(|known| !known.contains(&outcome.as_str())) {
                let known = outcomes.as_ref().map(|known| known.join(", ")).unwrap_or_default();
                faults.push(complain(outcome, format!("the node has no such outcome; it has {known}")));
                continue;
            }
            let target = match target.as_str() {
                SUCCESS => Target::Success,
                FAILURE => Target::Failure,
                id if self.tree.nodes.contains_key(id) => Target::Node(id.to_owned()),
                id => {
                    faults.push(complain(outcome, format!("it leads to {id:?}, which is not in the journey")));
                    continue;
                }
            };
            connections.insert(outcome.clone(), target);
        }
        for outcome in outcomes.unwrap_or_default() {
            if !layout.connections.contains_key(outcome) {
                warnings.push(format!(
                    "journey {journey:?}, node {shown:?}, outcome {outcome:?}: not connected; reaching it is a failure"
                ));
            }
        }
        connections
    }
}

impl Journey {
    /// Returns a placeholder for a journey whose structure is invalid.
    fn unreadable(name: String, problems: Vec<String>) -> Self {
        let fault = TreeError::NotAnExport(format!("journey {name:?}: {}", problems.join("; ")));
        Self {
            name,
            description: None,
            entry: FAILURE.to_owned(),
            nodes: BTreeMap::new(),
            warnings: Vec::new(),
            not_runnable: Some(fault.to_string()),
            faults: vec![fault],
            issuer: "ForgeRock".to_owned(),
            key_policy: KeyPolicy::default(),
            familiar_days: 0,
        }
    }

    /// Adds a reason why the journey does not run.
    pub(super) fn switch_off(&mut self, reason: &str) {
        self.not_runnable = Some(match self.not_runnable.take() {
            Some(former) => format!("{former}; {reason}"),
            None => reason.to_owned(),
        });
    }
}
