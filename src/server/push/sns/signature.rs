//! AWS Signature Version 4 of one request, on ring.
//!
//! Knows HMAC, SHA-256 and the request that it signs; nothing of SNS, the store or the network. It signs requests to the
//! path `/` without a query, which is all that SNS takes. Written from AWS's guide "Create a signed AWS API request";
//! tests compare it with AWS's published test suite and, byte for byte, with botocore.

use data_encoding::HEXLOWER;
use ring::{digest, hmac};

use crate::ports::EpochMilliseconds;
use crate::secret::{Reason, SecretText};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";

/// An access key: an id that may be seen, and a secret.
pub struct AccessKey {
    /// The id, part of every signed request.
    pub id: String,
    /// The secret that signatures are made with.
    pub secret: SecretText,
}

/// What a signature is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope<'a> {
    /// The region, as in `us-east-1`.
    pub region: &'a str,
    /// The service, as in `sns`.
    pub service: &'a str,
}

/// The parts of a request that are signed: all of it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// Headers with their values; `Host` and `X-Amz-Date` must be among them.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body as it is sent.
    pub body: &'a [u8],
}

/// The time as `X-Amz-Date` holds it: `20150830T123600Z`, UTC.
pub fn timestamp(time: EpochMilliseconds) -> String {
    let time =
        time::OffsetDateTime::from_unix_timestamp(time.div_euclid(1000)).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
        time.year(),
        u8::from(time.month()),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// The `Authorization` header of a request that is signed at this time, as [`timestamp`] writes it.
pub fn authorization(key: &AccessKey, scope: Scope<'_>, timestamp: &str, request: &Request<'_>) -> String {
    let mut headers: Vec<(String, String)> = request
        .headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")))
        .collect();
    headers.sort();
    let names = headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let canonical = format!("{}\n/\n\n{lines}\n{names}\n{}", request.method, hash(request.body));

    let date = timestamp.get(..8).unwrap_or_default();
    let reach = format!("{date}/{}/{}/{TERMINATOR}", scope.region, scope.service);
    let to_sign = format!("{ALGORITHM}\n{timestamp}\n{reach}\n{}", hash(canonical.as_bytes()));

    let first = SecretText::new(format!("AWS4{}", key.secret.expose(Reason::Authenticate)));
    let mut signing = hmac::Key::new(hmac::HMAC_SHA256, first.expose(Reason::Authenticate).as_bytes());
    for part in [date, scope.region, scope.service, TERMINATOR] {
        signing = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&signing, part.as_bytes()).as_ref());
    }
    let signature = HEXLOWER.encode(hmac::sign(&signing, to_sign.as_bytes()).as_ref());
    format!("{ALGORITHM} Credential={}/{reach}, SignedHeaders={names}, Signature={signature}", key.id)
}

fn hash(bytes: &[u8]) -> String {
    HEXLOWER.encode(digest::digest(&digest::SHA256, bytes).as_ref())
}
