//! Certificate authorities and certificates for tests, and a TLS server on loopback that forwards what it reads.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// The certificate that a server presents, and its key.
pub type Identity = Arc<ServerConfig>;

/// A certificate authority that nobody trusts until told to.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: Vec<u8>,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self { der, issuer: Issuer::new(params, key) }
    }

    pub fn pem(&self) -> String {
        let lines: Vec<String> = STANDARD
            .encode(&self.der)
            .as_bytes()
            .chunks(64)
            .map(|line| String::from_utf8(line.to_vec()).unwrap())
            .collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    }

    /// Issues a certificate for a host, valid in these years.
    pub fn issue(&self, host: &str, years: std::ops::Range<i32>) -> Identity {
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(years.start, 1, 1), date_time_ymd(years.end, 1, 1));
        let key = KeyPair::generate().unwrap();
        identity(params.signed_by(&key, &self.issuer).unwrap().der().to_vec(), &key)
    }

    /// Issues a certificate for this machine that is valid now.
    pub fn issue_good(&self) -> Identity {
        self.issue("127.0.0.1", 2020..2100)
    }
}

/// Returns a certificate for this machine signed with its own key, as `openssl req -x509` makes it.
pub fn self_signed_authority() -> Identity {
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    identity(params.self_signed(&key).unwrap().der().to_vec(), &key)
}

fn identity(der: Vec<u8>, key: &KeyPair) -> Identity {
    let configuration = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(der)], PrivateKeyDer::try_from(key.serialize_der()).unwrap());
    Arc::new(configuration.unwrap())
}

/// A TLS front on loopback; see the module.
pub struct Front {
    pub address: SocketAddr,
    target: Arc<Mutex<Option<SocketAddr>>>,
    shown: Arc<Mutex<Identity>>,
    connections: Arc<AtomicUsize>,
}

impl Front {
    pub fn start(identity: Identity) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (target, shown) = (Arc::<Mutex<Option<SocketAddr>>>::default(), Arc::new(Mutex::new(identity)));
        let connections = Arc::<AtomicUsize>::default();
        let parts = (target.clone(), shown.clone(), connections.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                parts.2.fetch_add(1, Ordering::SeqCst);
                let (target, identity) = (*parts.0.lock().unwrap(), parts.1.lock().unwrap().clone());
                std::thread::spawn(move || pass_on(stream.unwrap(), target.unwrap(), identity));
            }
        });
        Self { address, target, shown, connections }
    }

    pub fn leading_to(self, target: SocketAddr) -> Self {
        self.lead_to(target);
        self
    }

    pub fn lead_to(&self, target: SocketAddr) {
        *self.target.lock().unwrap() = Some(target);
    }

    /// Presents another certificate from now on.
    pub fn show(&self, identity: Identity) {
        *self.shown.lock().unwrap() = identity;
    }

    /// Returns the number of connections since the last call.
    pub fn connections(&self) -> usize {
        self.connections.swap(0, Ordering::SeqCst)
    }
}

/// Forwards nothing to the target until the client has accepted the certificate.
fn pass_on(mut outside: TcpStream, target: SocketAddr, identity: Identity) {
    let mut connection = ServerConnection::new(identity).unwrap();
    while connection.is_handshaking() {
        if connection.complete_io(&mut outside).is_err() {
            return;
        }
    }
    let mut inside = TcpStream::connect(target).unwrap();
    for side in [&outside, &inside] {
        side.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
    }
    let mut outside = StreamOwned::new(connection, outside);
    let mut buffer = [0; 16 * 1024];
    let is_idle = |error: &std::io::Error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
    loop {
        match outside.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => inside.write_all(&buffer[..count]).unwrap(),
            Err(error) if is_idle(&error) => {}
            Err(_) => return,
        }
        match inside.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => outside.write_all(&buffer[..count]).unwrap(),
            Err(error) if is_idle(&error) => {}
            Err(_) => break,
        }
    }
    outside.conn.send_close_notify();
    let _ = outside.flush();
}
