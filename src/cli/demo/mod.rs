//! `demo`: a server with a user and, next to its sign-on page, a simulated phone that runs the real core.
//!
//! Loopback only, and not part of a real server, which has no such page. Every HTTP request that changes something
//! carries a token that only the demo's page knows.

mod phone;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;

use super::output::{Failure, Report, print_line};
use super::serve::{bind, open_locked, runtime, serve, start_logging};
use super::user::add;
use crate::ports::{Entropy as _, SystemClock, SystemEntropy, make_number_below};
use crate::protocol::encoding::encode_url_safe;
use crate::secret::{Reason, SecretText};
use crate::server::configuration::{Configuration, LogFormat};
use crate::server::journey::{SHIPPED, SHIPPED_NAME};
use crate::server::{App, open_data, router_with};
use phone::PhonePane;

const USER: &str = "demo";

#[derive(clap::Args)]
pub(super) struct Demo {
    /// Local address and port to listen on.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Keep everything in this folder. Without it, a new temporary folder is used.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Default for Demo {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8080)), data: None }
    }
}

pub(super) fn run(demo: Demo, as_json: bool) -> Result<Report, Failure> {
    if !demo.listen.ip().is_loopback() {
        return Err(Failure::usage("The demo listens on this machine only: 127.0.0.1 or [::1].".to_owned()));
    }
    start_logging(LogFormat::Text);
    let temporary = Temporary::new(demo.data.is_none())?;
    let folder = match (&demo.data, &temporary.0) {
        (Some(folder), _) | (None, Some(folder)) => folder.clone(),
        (None, None) => return Err(Failure::usage("No folder for the demo's data.".to_owned())),
    };
    let configuration = prepare(&folder, demo.listen)?;
    let lock = open_locked(&configuration)?;
    let password = prepare_user(&configuration, &folder)?;
    let pane = PhonePane::start(&folder.join("phone"))?;
    runtime()?.block_on(async {
        let (listener, bound) = bind(configuration.listen).await?;
        let app = App::start(configuration, bound, Arc::new(SystemClock), Arc::new(SystemEntropy::new()), true)
            .map_err(|error| Failure::new("start", &error))?;
        let url = format!("http://{bound}/demo");
        if as_json {
            print_line(
                &json!({"listening": bound, "url": url, "sign_on": app.sign_on_url(), "user": USER,
                    "password": password.expose(Reason::HandOver)})
                .to_string(),
            );
        } else {
            print_line(&format!(
                "Open {url}\nSign in as {USER} with the password {}\nStop with Ctrl-C.",
                password.expose(Reason::HandOver)
            ));
        }
        let start = app.sign_on_url();
        let page = DemoState {
            pane,
            start: format!("{}?{}", start.path(), start.query().unwrap_or_default()),
            password: Arc::new(password),
        };
        serve(listener, app.clone(), router_with(app, routes(page))).await
    })?;
    drop(lock);
    drop(temporary);
    Ok(Report::silent())
}

/// A folder that is deleted when the demo ends.
struct Temporary(Option<PathBuf>);

impl Temporary {
    fn new(wanted: bool) -> Result<Self, Failure> {
        if !wanted {
            return Ok(Self(None));
        }
        let mut name = [0u8; 12];
        SystemEntropy::new().fill(&mut name).map_err(|error| Failure::new("entropy", &error))?;
        let folder = std::env::temp_dir().join(format!("push-authenticator-demo-{}", encode_url_safe(&name)));
        make_private_folder(&folder)?;
        Ok(Self(Some(folder)))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(folder) = &self.0 {
            // Any leftovers belong to a demo, and the system cleans its temporary folder.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

fn make_private_folder(folder: &Path) -> Result<(), Failure> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(|error| Failure::new("folder", &format!("{} cannot be made: {error}", folder.display())))
}

/// Writes the demo's configuration. The journey file is there for the user to edit.
fn prepare(folder: &Path, listen: SocketAddr) -> Result<Configuration, Failure> {
    let journeys = folder.join("journeys");
    make_private_folder(&journeys)?;
    let journey = journeys.join(format!("{SHIPPED_NAME}.journey.json"));
    if !journey.exists() {
        std::fs::write(&journey, SHIPPED)
            .map_err(|error| Failure::new("folder", &format!("{} cannot be written: {error}", journey.display())))?;
    }
    Ok(Configuration { listen, data: folder.join("server"), journeys, ..Configuration::default() })
}

/// Creates the demo's user. The password is generated once and stored in the demo's folder.
fn prepare_user(configuration: &Configuration, folder: &Path) -> Result<SecretText, Failure> {
    let (_, store) = open_data(configuration, &SystemEntropy::new()).map_err(|error| Failure::new("start", &error))?;
    let file = folder.join("password.txt");
    if let Ok(text) = std::fs::read_to_string(&file) {
        return Ok(SecretText::new(text.trim().to_owned()));
    }
    let password = make_password()?;
    add(&store, USER, Some("Demo User"), &password)?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(&file)
        .and_then(|mut file| std::io::Write::write_all(&mut file, password.expose(Reason::HandOver).as_bytes()))
        .map_err(|error| Failure::new("folder", &format!("{} cannot be written: {error}", file.display())))?;
    Ok(password)
}

/// Generates twelve letters and digits, without those that are easily confused.
fn make_password() -> Result<SecretText, Failure> {
    let alphabet = "abcdefghjkmnpqrstuvwxyz23456789";
    let entropy = SystemEntropy::new();
    (0..12)
        .map(|_| {
            let letter = make_number_below(&entropy, alphabet.len() as u32)?;
            Ok(alphabet.chars().nth(letter as usize).unwrap_or('a'))
        })
        .collect::<Result<String, _>>()
        .map(SecretText::new)
        .map_err(|error: crate::ports::EntropyUnavailable| Failure::new("entropy", &error))
}

#[derive(Clone)]
struct DemoState {
    pane: PhonePane,
    start: String,
    password: Arc<SecretText>,
}

fn routes(state: DemoState) -> Router {
    Router::new()
        .route("/demo", get(page))
        .route("/demo/demo.css", get(style))
        .route("/demo/demo.js", get(script))
        .route("/demo/phone/events", get(phone::events))
        .route("/demo/phone/scan", post(phone::scan))
        .route("/demo/phone/enrol", post(phone::enrol))
        .route("/demo/phone/approve", post(phone::approve))
        .route("/demo/phone/deny", post(phone::deny))
        .route("/demo/phone/remove", post(phone::remove))
        .with_state(state)
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    token: &'a str,
    start: &'a str,
    user: &'a str,
    password: &'a str,
}

async fn page(State(state): State<DemoState>) -> Response {
    let page = Page {
        token: state.pane.token(),
        start: &state.start,
        user: USER,
        password: state.password.expose(Reason::HandOver),
    };
    let Ok(html) = page.render() else {
        return axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = Html(html).into_response();
    response.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; \
             frame-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
        ),
    );
    response
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("demo.css"))
}

async fn script() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("demo.js"))
}
