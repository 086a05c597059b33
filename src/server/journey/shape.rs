//! The shape of a journey: unreachable nodes, endless cycles, and the chart.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::{Journey, Placed, Target, TreeError};

/// Returns the nodes that cannot be reached from the first one, by the names used in messages.
pub fn unreachable(entry: &str, nodes: &BTreeMap<String, Placed>) -> Vec<String> {
    let mut reached = BTreeSet::from([entry]);
    let mut open = vec![entry];
    while let Some(id) = open.pop() {
        for target in nodes.get(id).into_iter().flat_map(|placed| placed.connections.values()) {
            if let Target::Node(next) = target
                && reached.insert(next)
            {
                open.push(next);
            }
        }
    }
    let missed = nodes.iter().filter(|(id, _)| !reached.contains(id.as_str()));
    missed.map(|(id, placed)| format!("{} ({id})", placed.display_name)).collect()
}

/// Adds a fault for each node on a cycle in which no node waits, because such a cycle would run forever.
pub fn refuse_idle_cycles(journey: &str, nodes: &BTreeMap<String, Placed>, faults: &mut Vec<TreeError>) {
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
                faults.push(TreeError::Node {
                    journey: journey.to_owned(),
                    node: nodes.get(start).map_or_else(String::new, |node| format!("{} ({start})", node.display_name)),
                    problem: "it leads back to itself without a step at which anybody is asked".to_owned(),
                });
                break;
            }
            if reached.insert(id.clone()) {
                open.extend(next(&id));
            }
        }
    }
}

impl Journey {
    /// Returns the journey as a Mermaid flowchart.
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
        if let Some(entry) = numbers.get(self.entry.as_str()) {
            chart.push_str(&format!("    start --> n{entry}\n"));
        }
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
