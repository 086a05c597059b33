//! The credentials of Amazon SNS: the JSON that Backstage hands out, taken as it is.
//!
//! Knows the file, two environment variables and the form of an ARN; nothing of requests or devices.

use std::path::Path;

use serde::Deserialize;

use super::settings::is_region;
use super::signature::AccessKey;
use crate::protocol::message::CommunicationType;
use crate::secret::{Reason, SecretText};
use crate::server::keys::is_open_secret;
use crate::server::text_file::read_text;

/// Takes the place of `accessKeyId` in the file.
pub const KEY_ID_VARIABLE: &str = "PUSH_AUTHENTICATOR_SNS_ACCESS_KEY_ID";
/// Takes the place of `accessKeySecret` in the file.
pub const KEY_SECRET_VARIABLE: &str = "PUSH_AUTHENTICATOR_SNS_ACCESS_KEY_SECRET";

/// Access key and platform applications.
pub struct Credentials {
    /// The access key.
    pub key: AccessKey,
    gcm: Option<Application>,
    apns: Option<Application>,
}

/// A platform application: what stands in SNS for one app at Google or Apple.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// Its ARN.
    pub arn: String,
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// The region that it is in.
    pub region: String,
}

/// Why the credentials cannot be used. No message holds a part of the file's content.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The file cannot be read.
    #[error("The credentials of Amazon SNS, {0}, cannot be read: {1}")]
    Unreadable(String, #[source] std::io::Error),
    /// The file holds a secret and is open to other users.
    #[error(
        "The credentials of Amazon SNS, {0}, are readable by other users. Run: chmod 600 {0}, or set {KEY_ID_VARIABLE} \
         and {KEY_SECRET_VARIABLE}."
    )]
    TooOpen(String),
    /// Not JSON, or a member that is no text.
    #[error("The credentials of Amazon SNS, {0}, are not the JSON that Backstage hands out (line {1}, column {2}).")]
    NotJson(String, usize, usize),
    /// Neither the file nor the environment has it.
    #[error(
        "The credentials of Amazon SNS, {file}, hold no {member}. Add it, or set {KEY_ID_VARIABLE} and \
         {KEY_SECRET_VARIABLE}."
    )]
    NoKey {
        /// The file.
        file: String,
        /// The member that is missing.
        member: &'static str,
    },
    /// Half of the access key is in the environment.
    #[error("{KEY_ID_VARIABLE} and {KEY_SECRET_VARIABLE} must be set both or not at all.")]
    HalfAKey,
    /// No platform application at all.
    #[error("The credentials of Amazon SNS, {0}, hold neither APNS nor GCM: no phone could be reached.")]
    NoApplication(String),
    /// Not the ARN of a platform application of that kind.
    #[error(
        "{member} in the credentials of Amazon SNS, {file}, is no platform application such as \
         arn:aws:sns:us-west-2:123456789012:app/{member}/name."
    )]
    BadArn {
        /// The file.
        file: String,
        /// `APNS` or `GCM`.
        member: &'static str,
    },
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "accessKeyId", default)]
    access_key_id: Option<String>,
    #[serde(rename = "accessKeySecret", default)]
    access_key_secret: Option<String>,
    #[serde(rename = "APNS", default)]
    apns: Option<String>,
    #[serde(rename = "GCM", default)]
    gcm: Option<String>,
}

impl Credentials {
    /// Reads the file; `environment` gives the value of a variable. `apns_sandbox` takes the platform application of
    /// the same name at Apple's sandbox.
    pub fn load(
        file: &Path,
        apns_sandbox: bool,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, CredentialsError> {
        let name = || file.display().to_string();
        let unreadable = |error| CredentialsError::Unreadable(name(), error);
        let text = SecretText::new(read_text(file).map_err(unreadable)?);
        // The parser's own message would quote the value that it did not like.
        let read: File = serde_json::from_str(text.expose(Reason::Authenticate))
            .map_err(|error| CredentialsError::NotJson(name(), error.line(), error.column()))?;
        let given = |value: Option<String>| value.filter(|value| !value.trim().is_empty());
        let secret_in_file = given(read.access_key_secret).map(SecretText::new);
        if secret_in_file.is_some() && is_open_secret(file).map_err(unreadable)? {
            return Err(CredentialsError::TooOpen(name()));
        }
        let from_environment =
            (given(environment(KEY_ID_VARIABLE)), given(environment(KEY_SECRET_VARIABLE)).map(SecretText::new));
        let missing = |member| CredentialsError::NoKey { file: name(), member };
        let key = match from_environment {
            (Some(id), Some(secret)) => AccessKey { id, secret },
            (None, None) => AccessKey {
                id: given(read.access_key_id).ok_or_else(|| missing("accessKeyId"))?,
                secret: secret_in_file.ok_or_else(|| missing("accessKeySecret"))?,
            },
            _ => return Err(CredentialsError::HalfAKey),
        };
        let application = |arn: Option<String>, member: &'static str| {
            given(arn)
                .map(|arn| Application::parse(&arn, member))
                .map(|parsed| parsed.ok_or_else(|| CredentialsError::BadArn { file: name(), member }))
                .transpose()
        };
        let gcm = application(read.gcm, "GCM")?;
        let mut apns = application(read.apns, "APNS")?;
        if gcm.is_none() && apns.is_none() {
            return Err(CredentialsError::NoApplication(name()));
        }
        if let Some(apns) = apns.as_mut().filter(|_| apns_sandbox) {
            apns.arn = apns.arn.replacen(":app/APNS/", ":app/APNS_SANDBOX/", 1);
        }
        Ok(Self { key, gcm, apns })
    }

    /// The platform application that phones of this kind are reached by.
    pub fn application(&self, kind: CommunicationType) -> Option<&Application> {
        match kind {
            CommunicationType::Gcm => self.gcm.as_ref(),
            CommunicationType::Apns => self.apns.as_ref(),
            CommunicationType::Embedded => None,
        }
    }
}

impl Application {
    fn parse(arn: &str, platform: &str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let (scheme, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        let mut resource = resource.split('/');
        let (kind, of, name) = (resource.next()?, resource.next()?, resource.next()?);
        let name_is_fine =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
        let is_fine = scheme == "arn"
            && matches!(partition, "aws" | "aws-cn" | "aws-us-gov")
            && service == "sns"
            && is_region(region)
            && !account.is_empty()
            && account.bytes().all(|byte| byte.is_ascii_digit())
            && kind == "app"
            && (of == platform || (platform == "APNS" && of == "APNS_SANDBOX"))
            && name_is_fine
            && resource.next().is_none();
        is_fine.then(|| Self { arn: arn.to_owned(), partition: partition.to_owned(), region: region.to_owned() })
    }

    /// Whether an endpoint was made in this application: its ARN says so.
    pub fn holds(&self, endpoint: &str) -> bool {
        let folder = self.arn.replacen(":app/", ":endpoint/", 1);
        endpoint.strip_prefix(&folder).is_some_and(|rest| rest.starts_with('/'))
    }
}
