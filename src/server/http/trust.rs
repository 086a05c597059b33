//! Which authorities are believed when a server shows its certificate: those of this machine, and those of a setting.
//!
//! Knows certificates and nothing of requests. The machine's store is read once, by the first who needs it.

use std::sync::{Arc, LazyLock};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

static MACHINE: LazyLock<Machine> = LazyLock::new(Machine::read);

/// The store of this machine, or what SSL_CERT_FILE and SSL_CERT_DIR put in its place.
struct Machine {
    roots: Vec<CertificateDer<'static>>,
    /// Why it is not all there.
    problem: Option<String>,
}

impl Machine {
    fn read() -> Self {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = found.certs;
        roots.retain(|root| as_root(root).is_ok());
        Self { roots, problem: found.errors.first().map(ToString::to_string) }
    }
}

/// See the module; cheap to clone.
#[derive(Clone, Default)]
pub struct Trust {
    added: Arc<Vec<CertificateDer<'static>>>,
    /// The setting that more can be added by.
    setting: Option<&'static str>,
}

/// Why a text holds no authorities.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// No certificate in it.
    #[error(
        "It holds no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----. From DER: openssl x509 -inform \
         der -in FILE -out FILE.pem"
    )]
    NoCertificate,
    /// One of them is cut off or damaged.
    #[error("Certificate {0} in it is cut off or damaged.")]
    Damaged(usize),
}

impl Trust {
    /// This machine's authorities, and those of the PEM text that this setting names.
    pub fn of_setting(setting: &'static str, pem: Option<&str>) -> Result<Self, PemError> {
        let added = pem.map(read_pem).transpose()?.unwrap_or_default();
        Ok(Self { added: Arc::new(added), setting: Some(setting) })
    }

    /// What is missing where nobody at all is believed, and what to do.
    pub fn warning(&self) -> Option<String> {
        let nobody = self.added.is_empty() && MACHINE.roots.is_empty();
        nobody.then(|| {
            let reason = MACHINE.problem.as_ref().map(|problem| format!(" ({problem})")).unwrap_or_default();
            let setting = self.setting.map(|setting| format!(", or {setting} in server.toml,")).unwrap_or_default();
            format!(
                "this machine's store of trusted certificates holds none{reason}. Install the system's (the package \
                 ca-certificates), or set SSL_CERT_FILE{setting} to a PEM file with those of your authorities"
            )
        })
    }

    /// What to do about an authority that is not believed, in whole sentences.
    pub(super) fn advice(&self) -> String {
        let variable =
            "set SSL_CERT_FILE to a PEM file with its certificate, which takes the place of this machine's store";
        // A wrong SSL_CERT_FILE beside a right SSL_CERT_DIR would go unnoticed.
        let unread = MACHINE.problem.as_ref();
        let unread = unread.map(|problem| format!(" Not all of what this machine trusts could be read: {problem}."));
        let unread = unread.unwrap_or_default();
        match self.setting {
            Some(setting) => format!(
                "If this is your own authority, name a PEM file with its certificate in {setting} of server.toml, or \
                 {variable}.{unread}"
            ),
            None => format!("If this is your own authority, {variable}.{unread}"),
        }
    }

    /// The same for the HTTP client.
    pub(crate) fn tls_config(&self) -> TlsConfig {
        let roots = MACHINE.roots.iter().chain(self.added.iter());
        let roots: Vec<_> = roots.map(|root| Certificate::from_der(root).to_owned()).collect();
        TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .root_certs(RootCerts::from(roots))
            .build()
    }
}

fn read_pem(text: &str) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(text.as_bytes()) {
        let damaged = PemError::Damaged(found.len() + 1);
        let Ok(certificate) = certificate else { return Err(damaged) };
        as_root(&certificate).map_err(|_| damaged)?;
        found.push(certificate);
    }
    if found.is_empty() { Err(PemError::NoCertificate) } else { Ok(found) }
}

/// Whether it can be believed: what cannot is left out by the TLS library without a word.
fn as_root(certificate: &CertificateDer<'static>) -> Result<(), rustls::Error> {
    RootCertStore::empty().add(certificate.clone())
}
