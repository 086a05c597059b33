//! Checks that TLS connections to other servers have trusted root certificates.

use super::Configuration;
use crate::server::ca_file::CaFileError;

impl Configuration {
    /// Reads the files of certificate authorities. Returns a warning for each TLS connection that nothing on this
    /// machine can verify.
    ///
    /// # Errors
    ///
    /// Returns an error if a file cannot be used.
    pub fn trust_warnings(&self) -> Result<Vec<String>, CaFileError> {
        let sns = self.push.sns.as_ref().map(|sns| (sns.uses_tls(), sns.trust()));
        let webhook = self.webhook.as_ref().map(|webhook| (webhook.uses_tls(), webhook.trust()));
        let mut warnings = Vec::new();
        for (section, asked) in [("[push.sns]", sns), ("[webhook]", webhook)] {
            let Some((uses_tls, trust)) = asked else { continue };
            let trust = trust?;
            if let Some(missing) = trust.warning().filter(|_| uses_tls) {
                warnings.push(format!("{section} reaches no server: {missing}"));
            }
        }
        Ok(warnings)
    }
}
