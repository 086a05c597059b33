//! Ping's login widget on a page of another origin: the npm package `@forgerock/login-widget`, unmodified.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use serde_json::{Value, json};

use crate::harness::{Browser, Process, screenshots, start_browser};
use crate::phone::Phone;

const PASSWORD: &str = "correct horse";

struct Server {
    _process: Process,
    _folder: tempfile::TempDir,
    /// Its address, as in `http://127.0.0.1:8080/am/`.
    base_url: String,
}

impl Server {
    /// Returns what the server says about a session token.
    fn validated(&self, token: &str) -> Value {
        let address = format!("{}json/realms/root/realms/alpha/sessions/?_action=validate", self.base_url);
        let mut response = ureq::post(address).header("iPlanetDirectoryPro", token).send_empty().unwrap();
        response.body_mut().read_json().unwrap()
    }
}

/// Starts a server with one user; pages of this origin may call its REST API.
fn start_server(origin: &str) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let login = folder.path().join("login");
    let file = login.join("server.toml");
    let program = || Command::new(env!("CARGO_BIN_EXE_push-authenticator"));
    assert!(program().arg("--json").arg("init").arg(&login).stdout(Stdio::null()).status().unwrap().success());
    let template = std::fs::read_to_string(&file).unwrap();
    let allowing = template.replace("cross_origin = []", &format!("cross_origin = [{origin:?}]"));
    assert_ne!(allowing, template);
    std::fs::write(&file, allowing).unwrap();
    let mut adding = program()
        .args(["--json", "user", "add", "ada", "--password-stdin", "--config"])
        .arg(&file)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    adding.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
    assert!(adding.wait().unwrap().success());
    let mut process = program()
        .args(["--json", "serve", "--listen", "127.0.0.1:0", "--config"])
        .arg(&file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let listening: Value = serde_json::from_str(&line).unwrap();
    let base_url = format!("http://{}/am/", listening["listening"].as_str().unwrap());
    Server { _process: Process(process), _folder: folder, base_url }
}

/// Serves the page and the widget's files; returns the page's origin.
async fn serve_page() -> String {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node/node_modules/@forgerock/login-widget");
    let file = |path: PathBuf, kind: &'static str| {
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}. Run: npm ci --prefix tests/node", path.display()));
        get(async move || ([(CONTENT_TYPE, kind)], text))
    };
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/widget.html");
    let router = Router::new()
        .route("/", file(page, "text/html"))
        .route("/index.js", file(package.join("index.js"), "text/javascript"))
        .route("/widget.css", file(package.join("widget.css"), "text/css"));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    origin
}

impl Browser {
    /// Waits until the page shows this text; returns everything that it shows.
    async fn shows(&self, wanted: &str) -> String {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let shown = self.client.execute("return document.body.innerText", vec![]).await.unwrap();
            let shown = shown.as_str().unwrap().to_owned();
            if shown.contains(wanted) {
                return shown;
            }
            if Instant::now() > until {
                self.picture("unexpected").await;
                panic!("the page shows {shown:?} and not {wanted:?}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Submits name and password.
    async fn give(&self, password: &str) {
        self.shows("Sign In").await;
        self.type_into("#IDToken1", "ada").await;
        self.type_into("#IDToken2", password).await;
        self.press("Next").await;
    }

    /// Returns the number from the text that the widget shows while it waits.
    async fn number_in_text(&self) -> String {
        let shown = self.shows("Tap the number [").await;
        shown.split_once('[').unwrap().1.split_once(']').unwrap().0.to_owned()
    }

    /// Waits until the widget reports a session; returns its token.
    async fn session(&self) -> String {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let journey = self.client.execute("return window.journey", vec![]).await.unwrap();
            if journey["successful"] == true {
                assert_eq!(journey["response"]["realm"], "/alpha");
                return journey["response"]["tokenId"].as_str().unwrap().to_owned();
            }
            assert!(Instant::now() < until, "there is no session: {journey}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Signs out by the cookie, as the widget does; the session ends, and the page starts over.
    async fn sign_out(&self, server: &Server, token: &str) {
        assert_eq!(server.validated(token), json!({"valid": true, "uid": "ada", "realm": "/alpha"}));
        self.client.execute("return window.signOut()", vec![]).await.unwrap();
        assert_eq!(server.validated(token), json!({"valid": false}));
        self.shows("Sign In").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_login_widget_registers_a_phone_and_signs_on() {
    let origin = serve_page().await;
    let server = start_server(&origin);
    let browser = start_browser("widget", 900, 1200).await;
    let phone = Phone::new();
    browser.client.goto(&format!("{origin}/?server={}", server.base_url)).await.unwrap();

    // The first time: the app, the QR code as the widget draws it, the recovery codes, the number.
    browser.give(PASSWORD).await;
    browser.shows("Get the app from the Apple App Store or on Google Play Store.").await;
    assert_eq!(browser.count("a[href^='https://apps.apple.com/'], a[href^='https://play.google.com/']").await, 2);
    browser.press("Continue").await;
    // It has this size once it is drawn.
    browser.find("canvas[width='400']").await;
    browser.shows("Waiting for the phone...").await;
    browser.picture("qr-code").await;
    phone.scan_picture(&screenshots().join("widget-qr-code.png"));
    browser.shows("lose your device, which has been named: Command line phone").await;
    // Longer than a polling interval: the recovery codes stay until the user has saved them.
    tokio::time::sleep(Duration::from_secs(7)).await;
    browser.picture("recovery-codes").await;
    let codes = "return [...document.querySelectorAll('ol li')].map((each) => each.textContent.trim())";
    let codes: Vec<String> = serde_json::from_value(browser.client.execute(codes, vec![]).await.unwrap()).unwrap();
    assert_eq!(codes.len(), 10);
    assert!(codes.iter().all(|code| code.len() == 13), "{codes:?}");
    browser.press("Next").await;
    let number = browser.number_in_text().await;
    browser.picture("number").await;
    // Longer than a polling interval: the number stays until the phone has answered.
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert_eq!(browser.number_in_text().await, number);
    let (id, numbers) = phone.newest();
    assert!(numbers.contains(&number), "{number} is not among {numbers:?}");
    phone.verb(&["approve", &id, "--number", &number]);
    let token = browser.session().await;
    // Longer than a polling interval: no other sign-on starts in place of the finished one.
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert_eq!(browser.session().await, token);
    browser.sign_out(&server, &token).await;

    // Denied, and a wrong number: the widget says so and starts over.
    browser.give(PASSWORD).await;
    browser.number_in_text().await;
    phone.verb(&["deny", &phone.newest().0]);
    browser.shows("The sign-on was refused on the phone.").await;
    browser.picture("denied").await;
    browser.give(PASSWORD).await;
    let number = browser.number_in_text().await;
    let (id, numbers) = phone.newest();
    let other = numbers.iter().find(|each| **each != number).unwrap();
    let (approved, said) = phone.tried(&["approve", &id, "--number", other]);
    assert!(!approved && said.to_string().contains("The number does not match."), "{said}");
    browser.shows("A wrong number was tapped on the phone.").await;
    browser.give("wrong horse").await;
    browser.shows("The user name or the password is wrong.").await;

    // *Exit* leads to a recovery code.
    browser.give(PASSWORD).await;
    browser.number_in_text().await;
    browser.press("Exit").await;
    browser.shows("Recovery Code").await;
    browser.type_into("#IDToken1", &codes[0]).await;
    browser.press("Next").await;
    let token = browser.session().await;
    browser.sign_out(&server, &token).await;

    // On this page the widget calls nothing but the realm's REST API; calls that the page's policy blocks count, too.
    let called = "return performance.getEntriesByType('resource').map((each) => each.name)
        .filter((name) => !window.blocked.includes(name))";
    let called: Vec<String> = serde_json::from_value(browser.client.execute(called, vec![]).await.unwrap()).unwrap();
    let realm = format!("{}json/realms/root/realms/alpha/", server.base_url);
    let (of_page, others): (Vec<_>, Vec<_>) = called.iter().partition(|name| name.starts_with(&origin));
    assert!(of_page.len() == 2 && others.len() > 10, "{called:?}");
    assert!(others.iter().all(|name| name.starts_with(&realm)), "{called:?}");
    browser.client.clone().close().await.unwrap();
}
