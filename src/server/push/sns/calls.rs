//! The three calls of Amazon SNS that pushes need, in its query form (docs/wire.md, "Over Amazon SNS").
//!
//! Knows requests and answers of SNS; nothing of devices and the store.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::SendFailure;
use super::credentials::Application;
use super::envelope::Envelope;
use super::signature::{self, AccessKey, Request, Scope};
use crate::ports::Clock;
use crate::protocol::uri::host_and_port;
use crate::secret::{Reason, SecretBytes};
use crate::server::http::{Answer, Client, Failure, TlsFailure, Trust};

const CONTENT_TYPE: &str = "application/x-www-form-urlencoded; charset=utf-8";
const VERSION: &str = "2010-03-31";
/// How long a request may take in all.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest error code of SNS that is repeated.
const CODE_LIMIT: usize = 64;

/// SNS, as far as it is used here.
pub(super) struct Calls {
    client: Client,
    region: Option<String>,
    endpoint: Option<Url>,
    clock: Arc<dyn Clock>,
}

/// A call that SNS did not carry out.
struct Rejection {
    status: u16,
    code: String,
    message: String,
}

enum CallError {
    Rejected(Rejection),
    Tls(TlsFailure),
    NoAnswer(String),
}

impl Calls {
    pub(super) fn new(region: Option<String>, endpoint: Option<Url>, trust: Trust, clock: Arc<dyn Clock>) -> Self {
        Self { client: Client::new(TIMEOUT, trust), region, endpoint, clock }
    }

    /// The endpoint of a push token: made, found again, or brought back to life; its ARN.
    pub(super) fn endpoint(
        &self,
        key: &AccessKey,
        application: &Application,
        token: &SecretBytes,
    ) -> Result<String, SendFailure> {
        let token = std::str::from_utf8(token.expose(Reason::HandOver))
            .map_err(|_| SendFailure::Refused("the push token is no text".to_owned()))?;
        let attributes = [
            ("Attributes.entry.1.key", "Enabled"),
            ("Attributes.entry.1.value", "true"),
            ("Attributes.entry.2.key", "Token"),
            ("Attributes.entry.2.value", token),
        ];
        let create = [("PlatformApplicationArn", application.arn.as_str()), ("Token", token)];
        match self.call(key, application, "CreatePlatformEndpoint", &[&create[..], &attributes].concat()) {
            Ok(body) => element(&body, "EndpointArn")
                .filter(|arn| application.holds(arn))
                .map(str::to_owned)
                .ok_or_else(|| SendFailure::Refused("no EndpointArn in its answer".to_owned())),
            Err(CallError::Rejected(rejection)) if rejection.is("InvalidParameter") => {
                // The token has an endpoint with other attributes: most often one that was disabled while the app was
                // not installed. Its ARN stands in the message and nowhere else.
                let existing = rejection
                    .message
                    .split_ascii_whitespace()
                    .find(|word| application.holds(word))
                    .filter(|_| rejection.message.contains("already exists with the same Token"))
                    .ok_or_else(|| SendFailure::Refused(rejection.code.clone()))?;
                let enable = [&[("EndpointArn", existing)][..], &attributes].concat();
                self.call(key, application, "SetEndpointAttributes", &enable)?;
                Ok(existing.to_owned())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Publishes to an endpoint.
    pub(super) fn publish(
        &self,
        key: &AccessKey,
        application: &Application,
        endpoint: &str,
        envelope: &Envelope,
    ) -> Result<(), SendFailure> {
        let mut parameters =
            vec![("TargetArn", endpoint), ("Message", &envelope.message), ("MessageStructure", "json")];
        parameters.extend(envelope.subject.as_deref().map(|subject| ("Subject", subject)));
        match self.call(key, application, "Publish", &parameters) {
            Ok(_) => Ok(()),
            Err(CallError::Rejected(rejection)) if rejection.says_endpoint_is_dead() => Err(SendFailure::DeadToken),
            Err(error) => Err(error.into()),
        }
    }

    fn call(
        &self,
        key: &AccessKey,
        application: &Application,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String, CallError> {
        let region = self.region.as_deref().unwrap_or(&application.region);
        let url = match &self.endpoint {
            Some(url) => url.clone(),
            None => address(&application.partition, region)
                .ok_or_else(|| CallError::NoAnswer(format!("no address for the region {region}")))?,
        };
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("Action", action), ("Version", VERSION)])
            .extend_pairs(parameters)
            .finish();
        let (host, timestamp) = (host_and_port(&url), signature::timestamp(self.clock.now()));
        let mut headers = vec![("Content-Type", CONTENT_TYPE), ("Host", host.as_str()), ("X-Amz-Date", &timestamp)];
        let request = Request { method: "POST", headers: &headers, body: body.as_bytes() };
        let authorization = signature::authorization(key, Scope { region, service: "sns" }, &timestamp, &request);
        headers.push(("Authorization", &authorization));
        let answer = self.client.post(&url, &headers, body.as_bytes())?;
        if (200..300).contains(&answer.status) { Ok(answer.body) } else { Err(CallError::Rejected(answer.into())) }
    }
}

impl Rejection {
    /// Whether it is the endpoint that no push can reach any more: disabled, or deleted, which SNS says in two ways.
    fn says_endpoint_is_dead(&self) -> bool {
        self.is("EndpointDisabled")
            || self.is("NotFound")
            || self.is("InvalidParameter") && self.message.contains("No endpoint found")
    }

    /// Whether this is the error of that name; SDKs know some of them with `Exception` behind.
    fn is(&self, code: &str) -> bool {
        self.code == code || self.code.strip_suffix("Exception") == Some(code)
    }

    /// Whether the same request may be taken a little later.
    fn passes(&self) -> bool {
        self.status >= 500
            || matches!(self.status, 408 | 429)
            || ["Throttled", "Throttling", "RequestThrottled", "TooManyRequests", "KMSThrottling"]
                .into_iter()
                .any(|code| self.is(code))
    }
}

impl From<Answer> for Rejection {
    fn from(answer: Answer) -> Self {
        // It goes into logs: only what has the form of a code.
        let code = element(&answer.body, "Code")
            .filter(|code| (1..=CODE_LIMIT).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric()))
            .map_or_else(|| format!("HTTP status {}", answer.status), str::to_owned);
        let message = element(&answer.body, "Message").unwrap_or_default().to_owned();
        Self { status: answer.status, code, message }
    }
}

impl From<Failure> for CallError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Tls(failure) => Self::Tls(failure),
            Failure::NoAnswer(reason) => Self::NoAnswer(reason),
        }
    }
}

impl From<CallError> for SendFailure {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Tls(failure) => Self::Tls(failure),
            CallError::NoAnswer(reason) => Self::Unreachable(reason),
            CallError::Rejected(rejection) if rejection.passes() => Self::Busy(rejection.code),
            CallError::Rejected(rejection) => Self::Refused(rejection.code),
        }
    }
}

/// Where SNS is reached in a region.
fn address(partition: &str, region: &str) -> Option<Url> {
    let domain = if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    Url::parse(&format!("https://sns.{region}.{domain}/")).ok()
}

/// The text of the first element of that name. SNS answers in a flat XML whose wanted values (ARNs, codes) hold nothing
/// that XML would escape; what has another form is refused by who asks.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text.trim())
}

#[cfg(test)]
mod tests {
    /// No test goes to Amazon.
    #[test]
    fn every_partition_has_its_domain() {
        let address = |partition, region| super::address(partition, region).map(String::from);
        assert_eq!(address("aws", "us-west-2").unwrap(), "https://sns.us-west-2.amazonaws.com/");
        assert_eq!(address("aws-cn", "cn-north-1").unwrap(), "https://sns.cn-north-1.amazonaws.com.cn/");
        assert_eq!(address("aws-us-gov", "us-gov-west-1").unwrap(), "https://sns.us-gov-west-1.amazonaws.com/");
    }
}
