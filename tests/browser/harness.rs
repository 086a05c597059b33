//! Starts the demo and a browser, and reads and clicks in both panes.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

/// How long a page may take to show what it should.
const PATIENCE: Duration = Duration::from_secs(90);

/// A process that ends with the test.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub struct Demo {
    _process: Process,
    pub address: Value,
    pub data: tempfile::TempDir,
}

/// Starts the demo on a free port; `change` may edit the journey's text first.
pub fn start_demo(change: impl FnOnce(String) -> String) -> Demo {
    let data = tempfile::tempdir().unwrap();
    let journeys = data.path().join("journeys");
    std::fs::create_dir(&journeys).unwrap();
    let journey = change(push_authenticator::server::journey::SHIPPED.to_owned());
    std::fs::write(journeys.join("Login with Push MFA.journey.json"), journey).unwrap();
    let mut process = Command::new(env!("CARGO_BIN_EXE_push-authenticator"))
        .args(["--json", "demo", "--listen", "127.0.0.1:0", "--data"])
        .arg(data.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    Demo { _process: Process(process), address: serde_json::from_str(&line).unwrap(), data }
}

pub struct Browser {
    pub client: Client,
    _driver: Process,
    _profile: tempfile::TempDir,
    name: &'static str,
}

/// Starts a separate browser for this test.
pub async fn start_browser(name: &'static str, width: u32, height: u32) -> Browser {
    let mut driver = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver is needed: tests/run.sh installs it");
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port: u16 = lines
        .by_ref()
        .map(Result::unwrap)
        .find_map(|line| line.split("on port ").nth(1)?.trim_end_matches('.').parse().ok().filter(|port| *port != 0))
        .expect("chromedriver tells its port");
    // A closed pipe would end the driver at its next line.
    std::thread::spawn(move || lines.for_each(drop));
    let profile = tempfile::tempdir().unwrap();
    let arguments = json!([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        format!("--user-data-dir={}", profile.path().display()),
        format!("--window-size={width},{height}"),
    ]);
    let Value::Object(capabilities) = json!({"goog:chromeOptions": {"args": arguments}}) else { unreachable!() };
    let client = ClientBuilder::new(HttpConnector::new())
        .capabilities(capabilities)
        .connect(&format!("http://127.0.0.1:{port}"))
        .await
        .unwrap();
    Browser { client, _driver: Process(driver), _profile: profile, name }
}

impl Browser {
    /// Returns the element in the current pane, once it is there.
    pub async fn find(&self, selector: &str) -> Element {
        self.client.wait().at_most(PATIENCE).for_element(Locator::Css(selector)).await.unwrap_or_else(|error| {
            panic!("{selector} did not appear: {error}");
        })
    }

    pub async fn text(&self, selector: &str) -> String {
        self.find(selector).await.text().await.unwrap()
    }

    pub async fn count(&self, selector: &str) -> usize {
        self.client.find_all(Locator::Css(selector)).await.unwrap().len()
    }

    /// Switches to the left pane.
    pub async fn page(&self) {
        self.client.enter_parent_frame().await.unwrap();
        self.find("iframe").await.enter_frame().await.unwrap();
    }

    /// Switches to the right pane.
    pub async fn phone(&self) {
        self.client.enter_parent_frame().await.unwrap();
    }

    /// Waits until the left pane has this heading.
    pub async fn heading(&self, wanted: &str) {
        let until = Instant::now() + PATIENCE;
        let mut seen = String::new();
        while Instant::now() < until {
            self.page().await;
            if let Ok(element) = self.client.find(Locator::Css("h1")).await
                && let Ok(text) = element.text().await
            {
                seen = text;
                if seen == wanted {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.picture("unexpected").await;
        panic!("the page shows {seen:?} and not {wanted:?}");
    }

    /// Presses the button with this label in the current pane, once it is there.
    pub async fn press(&self, label: &str) {
        let path = format!("//button[normalize-space()='{label}'] | //a[normalize-space()='{label}']");
        let found = self.client.wait().at_most(PATIENCE).for_element(Locator::XPath(&path)).await;
        match found {
            Ok(button) => button.click().await.unwrap(),
            Err(error) => {
                self.picture("unexpected").await;
                panic!("there is no button {label:?}: {error}");
            }
        }
    }

    pub async fn type_into(&self, selector: &str, text: &str) {
        self.find(selector).await.send_keys(text).await.unwrap();
    }

    /// Saves a picture of the whole window.
    pub async fn picture(&self, step: &str) {
        let picture = self.client.screenshot().await.unwrap();
        let folder = screenshots();
        std::fs::write(folder.join(format!("{}-{step}.png", self.name)), picture).unwrap();
    }

    /// Enters name and password on the left.
    pub async fn sign_on(&self, demo: &Demo) {
        self.heading("Sign In").await;
        self.type_into("#IDToken1", "demo").await;
        self.type_into("#IDToken2", demo.address["password"].as_str().unwrap()).await;
        self.press("Next").await;
    }

    /// Scans the QR code on the left with the phone on the right, and confirms the preview.
    pub async fn scan(&self) {
        self.heading("Register your phone").await;
        self.phone().await;
        self.press("Scan").await;
        self.find("#preview .card").await;
        self.picture("preview").await;
        self.press("Add account").await;
    }

    /// Signs in for the first time: app, QR code, recovery codes. Returns the recovery codes and stops before the
    /// number.
    pub async fn register(&self, demo: &Demo) -> Vec<String> {
        self.sign_on(demo).await;
        self.heading("Get the app").await;
        self.picture("get-the-app").await;
        self.press("Continue").await;
        self.heading("Register your phone").await;
        self.picture("qr-code").await;
        self.scan().await;
        self.heading("Your recovery codes").await;
        self.picture("recovery-codes").await;
        let mut codes = Vec::new();
        for element in self.client.find_all(Locator::Css(".codes code")).await.unwrap() {
            codes.push(element.text().await.unwrap());
        }
        self.press("I have kept my codes").await;
        codes
    }

    /// Returns the number that the page shows.
    pub async fn number(&self) -> String {
        self.heading("Look at your phone").await;
        self.text(".number").await
    }

    /// Switches to the phone once it shows the message with this number and no older one; returns the numbers it
    /// offers.
    pub async fn arrived(&self, number: &str) -> Vec<String> {
        self.phone().await;
        let script = "return [...document.querySelectorAll('.numbers button')].map((button) => button.textContent);";
        let until = Instant::now() + PATIENCE;
        loop {
            let shown = self.client.execute(script, vec![]).await.unwrap();
            let offered: Vec<String> = serde_json::from_value(shown).unwrap();
            if offered.len() == 3 && offered.iter().any(|each| each == number) {
                return offered;
            }
            assert!(Instant::now() < until, "the phone shows {offered:?} and not {number}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Taps the number on the phone that `choose` picks from the three that came with this one.
    pub async fn tap(&self, number: &str, choose: impl Fn(&[String]) -> String) {
        let offered = self.arrived(number).await;
        self.picture("number").await;
        self.press(&choose(&offered)).await;
    }
}

/// Returns `target/screenshots`, next to the built programs.
pub fn screenshots() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_push-authenticator"));
    let folder = program.ancestors().nth(2).unwrap().join("screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
