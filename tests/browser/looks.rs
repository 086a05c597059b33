//! Inspects a page: light, dark and narrow, with axe-core's rules, and a picture of each.

use std::path::Path;

use axum::http::Method;
use base64::Engine as _;
use fantoccini::wd::WebDriverCompatibleCommand;
use serde_json::{Value, json};
use url::Url;

use crate::harness::{Browser, screenshots};

/// A command of the browser's own protocol, passed on by its driver.
#[derive(Debug)]
struct DevTools {
    name: &'static str,
    parameters: Value,
}

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base_url: &Url, session_id: Option<&str>) -> Result<Url, url::ParseError> {
        base_url.join(&format!("session/{}/goog/cdp/execute", session_id.unwrap_or_default()))
    }

    fn method_and_body(&self, _request_url: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({"cmd": self.name, "params": self.parameters}).to_string()))
    }
}

/// Returns the source of axe-core.
fn axe() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node/node_modules/axe-core/axe.min.js");
    std::fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("{}: {error}; `npm ci` in tests/node installs it", file.display()))
}

impl Browser {
    pub async fn dev_tools(&self, name: &'static str, parameters: Value) -> Value {
        self.client.issue_cmd(DevTools { name, parameters }).await.unwrap()
    }

    /// Gives the window the width of this screen, and this color scheme.
    async fn emulate(&self, width: u32, scheme: &str) {
        let metrics = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600});
        self.dev_tools("Emulation.setDeviceMetricsOverride", metrics).await;
        self.dev_tools("Emulation.setTouchEmulationEnabled", json!({"enabled": width < 600})).await;
        // Without motion: nobody chose a color halfway between two schemes.
        let features = json!({"features": [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]});
        self.dev_tools("Emulation.setEmulatedMedia", features).await;
    }

    /// Shows the open page in light and dark, wide and at 360 pixels. Asserts that axe-core finds nothing, that nothing
    /// scrolls sideways, and that there is one first heading and a title; saves a picture of each.
    pub async fn look_closely(&self, step: &str) {
        let axe = axe();
        for (look, width, scheme) in
            [("light", 1280, "light"), ("dark", 1280, "dark"), ("narrow", 360, "light"), ("narrow-dark", 360, "dark")]
        {
            self.emulate(width, scheme).await;
            self.client.execute(&axe, vec![]).await.unwrap();
            let run = "const done = arguments[0];
                axe.run().then((found) => done({
                    violations: found.violations.map((rule) => [rule.id, rule.nodes.map((node) => node.html + node.failureSummary)]),
                    passed: found.passes.length,
                    sideways: document.documentElement.scrollWidth - document.documentElement.clientWidth,
                    headings: document.querySelectorAll('h1').length,
                    title: document.title,
                }), (problem) => done(String(problem)));";
            let seen = self.client.execute_async(run, vec![]).await.unwrap();
            assert_eq!(seen["violations"], json!([]), "{step}, {look}: {seen:#}");
            assert!(seen["passed"].as_u64().unwrap() > 10, "the rules were applied: {seen}");
            assert_eq!(seen["sideways"], 0, "{step}, {look}: it scrolls sideways");
            assert_eq!(seen["headings"], 1, "{step}");
            assert!(seen["title"].as_str().unwrap().ends_with(" - Ping"), "{seen}");
            let picture = self.dev_tools("Page.captureScreenshot", json!({"captureBeyondViewport": true})).await;
            let bytes = base64::engine::general_purpose::STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
            std::fs::write(screenshots().join(format!("page-{step}-{look}.png")), bytes).unwrap();
        }
        self.emulate(1280, "light").await;
    }

    /// Returns the computed value of a style property of the element.
    pub async fn style(&self, selector: &str, property: &str) -> String {
        let script = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]];";
        let value = self.client.execute(script, vec![json!(selector), json!(property)]).await.unwrap();
        value.as_str().unwrap().to_owned()
    }
}
