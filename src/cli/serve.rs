//! `serve`: runs the server until it receives a signal.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;

use super::output::{Failure, Report, print_line};
use crate::ports::{SystemClock, SystemEntropy};
use crate::server::configuration::{Configuration, LogFormat};
use crate::server::lock::DataLock;
use crate::server::{App, connections, make_private_folder, router};

/// How often expired data is removed.
const SWEEP: Duration = Duration::from_secs(60);
/// How often new audit events are sealed.
const SEAL: Duration = Duration::from_secs(5);

/// Runs the server.
pub(super) fn run(configuration: Configuration, listen: Option<SocketAddr>, as_json: bool) -> Result<Report, Failure> {
    start_logging(configuration.log);
    let configuration = Configuration { listen: listen.unwrap_or(configuration.listen), ..configuration };
    configuration.check().map_err(|problem| Failure::new("configuration", &problem))?;
    let lock = open_locked(&configuration)?;
    runtime()?.block_on(async {
        let (listener, bound) = bind(configuration.listen).await?;
        let app = App::start(configuration, bound, Arc::new(SystemClock), Arc::new(SystemEntropy::new()), false)
            .map_err(|error| Failure::new("start", &error))?;
        if as_json {
            print_line(&json!({"listening": bound, "sign_on": app.sign_on_url()}).to_string());
        } else {
            print_line(&format!("Listening on {bound}\nSign-on page: {}", app.sign_on_url()));
        }
        serve(listener, app.clone(), router(app)).await
    })?;
    drop(lock);
    Ok(Report::silent())
}

/// Creates the data folder and locks it for this server.
pub(super) fn open_locked(configuration: &Configuration) -> Result<DataLock, Failure> {
    make_private_folder(&configuration.data).map_err(|error| {
        Failure::new("start", &format!("The folder {} cannot be used: {error}", configuration.data.display()))
    })?;
    DataLock::take(&configuration.data).map_err(|error| Failure::new("start", &error))
}

/// Creates a runtime for the server.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new("start", &format!("The server's threads could not be started: {error}")))
}

/// Binds a listener to the address.
pub(super) async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let failed = |error: std::io::Error| Failure::new("listen", &format!("Cannot listen on {address}: {error}"));
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Serves until a signal arrives, then lets HTTP requests in flight finish.
pub(super) async fn serve(listener: TcpListener, app: App, routes: axum::Router) -> Result<(), Failure> {
    let (sweeping, sealing, finishing, limits) = (app.clone(), app.clone(), app.clone(), app.connection_limits());
    let sealer = tokio::spawn(async move {
        loop {
            tokio::time::sleep(SEAL).await;
            if let Err(error) = sealing.seal_audit().await {
                tracing::error!(%error, "sealing the audit log failed");
            }
        }
    });
    let sweeper = tokio::spawn(async move {
        loop {
            tokio::time::sleep(SWEEP).await;
            if let Err(error) = sweeping.sweep().await {
                tracing::error!(%error, "sweeping failed");
            }
        }
    });
    let stop = async move {
        stop_signal().await;
        tracing::info!("stopping");
        app.begin_to_stop();
        // Give the senders of HTTP requests time to notice before the server stops accepting them.
        tokio::time::sleep(app.stop_delay()).await;
    };
    connections::serve(listener, routes, limits, stop).await;
    sweeper.abort();
    sealer.abort();
    if let Err(error) = finishing.finish_audit().await {
        tracing::error!(%error, "the last audit events were not sealed; the next start does it");
    }
    Ok(())
}

async fn stop_signal() {
    #[cfg(unix)]
    {
        let terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
        if let Ok(mut terminate) = terminate {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

/// Sends logs to standard error; `RUST_LOG` sets the level.
pub(super) fn start_logging(format: LogFormat) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    // In a test process, a second start finds the subscriber already set, which is fine.
    let _ = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}
