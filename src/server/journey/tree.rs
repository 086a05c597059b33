//! Reading exported journeys (docs/journeys.md): one tree or several in a file, in the shape that AM exports.
//!
//! A journey is checked as a whole when it is loaded; every complaint names tree, node and outcome. A journey with a
//! node type that does not run here is kept, so that it can be listed and drawn, and refuses to run by name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::node::Node;
use super::nodes::{self, SettingError};
use super::reference;
use crate::server::store::device_keys::KeyPolicy;

/// The fixed id of success.
const SUCCESS: &str = "70e691a5-1e33-4ac3-a356-e7b6d60d92e0";
/// The fixed id of failure.
const FAILURE: &str = "e301438c-0bd0-429c-ab0c-66126501069a";

/// A journey, read and checked.
pub struct Journey {
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: Option<String>,
    /// The node it begins with.
    pub entry: String,
    /// Its nodes by id.
    pub nodes: BTreeMap<String, Placed>,
    /// What is odd about it, and does not keep it from running.
    pub warnings: Vec<String>,
    /// Why it does not run here, where it does not.
    pub not_runnable: Option<String>,
    /// Issuer that its registration node names, for texts of other nodes.
    pub issuer: String,
    /// What its registration nodes ask of a phone's key, the strictest of them, for invitations.
    pub key_policy: KeyPolicy,
    /// Days for which its nodes ask from where and with what a user signed on; 0 where none does.
    pub familiar_days: i64,
}

/// A node at its place in a journey.
pub struct Placed {
    /// The name shown for it.
    pub display_name: String,
    /// AM's type name.
    pub node_type: String,
    /// The node itself; absent when its type does not run here.
    pub node: Option<Box<dyn Node>>,
    /// Where each outcome leads.
    pub connections: BTreeMap<String, Target>,
}

/// Where an outcome leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The end, signed on.
    Success,
    /// The end, refused.
    Failure,
    /// The node with this id.
    Node(String),
}

/// Why a journey file was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// Not JSON, or not of the shape of an export.
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
    /// A node has a wrong setting or is missing.
    #[error("journey {journey:?}, node {node:?}: {problem}")]
    Node {
        /// The journey.
        journey: String,
        /// The node's shown name and id.
        node: String,
        /// What is wrong.
        problem: String,
    },
    /// An outcome leads nowhere, or does not exist.
    #[error("journey {journey:?}, node {node:?}, outcome {outcome:?}: {problem}")]
    Outcome {
        /// The journey.
        journey: String,
        /// The node's shown name and id.
        node: String,
        /// The outcome.
        outcome: String,
        /// What is wrong.
        problem: String,
    },
}

#[derive(Deserialize)]
struct Export {
    trees: Option<BTreeMap<String, Tree>>,
    #[serde(flatten)]
    single: Option<Tree>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tree {
    tree: Layout,
    #[serde(default)]
    nodes: BTreeMap<String, Value>,
    #[serde(default)]
    inner_nodes: BTreeMap<String, Value>,
    /// What was read from elsewhere.
    #[serde(skip)]
    filled: Vec<String>,
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
    /// How messages call the node.
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

/// Reads the journeys of one export. `folder` is what paths in its settings start from.
pub fn read(json: &str, folder: &Path) -> Result<Vec<Journey>, TreeError> {
    let export: Export = serde_json::from_str(json).map_err(|error| TreeError::NotAnExport(error.to_string()))?;
    let trees: Vec<Tree> = match (export.trees, export.single) {
        (Some(trees), _) => trees.into_values().collect(),
        (None, Some(tree)) => vec![tree],
        (None, None) => return Err(TreeError::NotAnExport("it has neither \"trees\" nor \"tree\"".to_owned())),
    };
    trees.into_iter().map(|tree| tree.fill_in(folder)?.check()).collect()
}

impl Tree {
    /// Fills in what the settings refer to.
    fn fill_in(mut self, folder: &Path) -> Result<Self, TreeError> {
        for (id, settings) in self.nodes.iter_mut().chain(&mut self.inner_nodes) {
            reference::fill_in(settings, folder, &mut self.filled).map_err(|problem| {
                let shown = self.tree.nodes.get(id).map_or_else(|| id.clone(), |node| node.shown(id));
                TreeError::Node { journey: self.tree.id.clone(), node: shown, problem }
            })?;
        }
        Ok(self)
    }

    fn check(self) -> Result<Journey, TreeError> {
        let name = self.tree.id.clone();
        let mut not_runnable = match &self.tree {
            Layout { enabled: false, .. } => Some("it is disabled".to_owned()),
            Layout { inner_tree_only: true, .. } => Some("it runs only inside of another journey".to_owned()),
            _ => None,
        };
        let mut warnings = Vec::new();
        let mut placed = BTreeMap::new();
        for (id, layout) in &self.tree.nodes {
            let shown = layout.shown(id);
            let node = match self.make(id, &layout.node_type) {
                Ok(node) => Some(node),
                Err(SettingError::UnknownType(unknown)) => {
                    not_runnable.get_or_insert(format!("its node {shown:?} is of the type {unknown:?}"));
                    None
                }
                Err(SettingError::Setting(problem)) => {
                    let problem = reference::conceal(&problem, &self.filled);
                    return Err(TreeError::Node { journey: name, node: shown, problem });
                }
            };
            let connections = self.connect(&name, &shown, layout, node.as_deref(), &mut warnings)?;
            let node = Placed {
                display_name: layout.display_name.clone(),
                node_type: layout.node_type.clone(),
                node,
                connections,
            };
            placed.insert(id.clone(), node);
        }
        if !placed.contains_key(&self.tree.entry_node_id) {
            return Err(TreeError::NoEntry { journey: name, node: self.tree.entry_node_id });
        }
        refuse_idle_cycles(&name, &placed)?;
        let issuer = placed
            .values()
            .find_map(|node| node.node.as_ref().and_then(|node| node.issuer()))
            .unwrap_or("ForgeRock")
            .to_owned();
        let key_policies = placed.values().filter_map(|node| node.node.as_ref().and_then(|node| node.key_policy()));
        let key_policy = key_policies.max_by_key(|policy| policy.demand).unwrap_or_default();
        let familiar_days = placed.values().filter_map(|node| node.node.as_ref()).map(|node| node.familiar_days());
        let familiar_days = familiar_days.max().unwrap_or(0);
        Ok(Journey {
            name,
            description: self.tree.description,
            entry: self.tree.entry_node_id,
            nodes: placed,
            warnings,
            not_runnable,
            issuer,
            key_policy,
            familiar_days,
        })
    }

    fn make(&self, id: &str, node_type: &str) -> Result<Box<dyn Node>, SettingError> {
        let settings = self
            .nodes
            .get(id)
            .or_else(|| self.inner_nodes.get(id))
            .ok_or_else(|| SettingError::Setting("its settings are missing".to_owned()))?;
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
                // A page asks its children again whenever it is shown, so none may do anything by being asked.
                other if nodes::may_stand_in_a_page(other) => self.make(&child.id, other),
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
    ) -> Result<BTreeMap<String, Target>, TreeError> {
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
                let known = outcomes.unwrap_or_default().join(", ");
                return Err(complain(outcome, format!("the node has no such outcome; it has {known}")));
            }
            let target = match target.as_str() {
                SUCCESS => Target::Success,
                FAILURE => Target::Failure,
                id if self.tree.nodes.contains_key(id) => Target::Node(id.to_owned()),
                id => return Err(complain(outcome, format!("it leads to {id:?}, which is not in the journey"))),
            };
            connections.insert(outcome.clone(), target);
        }
        for outcome in outcomes.unwrap_or_default() {
            if !connections.contains_key(outcome) {
                warnings.push(format!(
                    "journey {journey:?}, node {shown:?}, outcome {outcome:?}: not connected; reaching it is a failure"
                ));
            }
        }
        Ok(connections)
    }
}

/// A cycle in which no node waits would run without end.
fn refuse_idle_cycles(journey: &str, nodes: &BTreeMap<String, Placed>) -> Result<(), TreeError> {
    let next = |id: &str| -> Vec<String> {
        nodes
            .get(id)
            .filter(|placed| placed.node.as_ref().is_some_and(|node| !node.waits()))
            .map(|placed| {
                placed
                    .connections
                    .values()
                    .filter_map(|target| match target {
                        Target::Node(id) => Some(id.clone()),
                        Target::Success | Target::Failure => None,
                    })
                    .collect()
            })
            .unwrap_or_default()
    };
    for start in nodes.keys() {
        let mut reached = BTreeSet::new();
        let mut open = next(start);
        while let Some(id) = open.pop() {
            if id == *start {
                return Err(TreeError::Node {
                    journey: journey.to_owned(),
                    node: nodes.get(start).map_or_else(String::new, |node| format!("{} ({start})", node.display_name)),
                    problem: "it leads back to itself without a step at which anybody is asked".to_owned(),
                });
            }
            if reached.insert(id.clone()) {
                open.extend(next(&id));
            }
        }
    }
    Ok(())
}

impl Journey {
    /// The journey as a Mermaid flow chart.
    pub fn graph(&self) -> String {
        let numbers: BTreeMap<&str, usize> =
            self.nodes.keys().enumerate().map(|(number, id)| (id.as_str(), number)).collect();
        let label = |text: &str| text.replace('"', "'");
        let mut chart =
            String::from("flowchart LR\n    start((Start))\n    success(((Success)))\n    failure(((Failure)))\n");
        for (id, placed) in &self.nodes {
            let number = numbers.get(id.as_str()).copied().unwrap_or_default();
            chart.push_str(&format!("    n{number}[\"{}\"]\n", label(&placed.display_name)));
        }
        let entry = numbers.get(self.entry.as_str()).copied().unwrap_or_default();
        chart.push_str(&format!("    start --> n{entry}\n"));
        for (id, placed) in &self.nodes {
            let from = numbers.get(id.as_str()).copied().unwrap_or_default();
            for (outcome, target) in &placed.connections {
                let to = match target {
                    Target::Success => "success".to_owned(),
                    Target::Failure => "failure".to_owned(),
                    Target::Node(id) => format!("n{}", numbers.get(id.as_str()).copied().unwrap_or_default()),
                };
                chart.push_str(&format!("    n{from} -->|\"{}\"| {to}\n", label(outcome)));
            }
        }
        chart
    }
}
