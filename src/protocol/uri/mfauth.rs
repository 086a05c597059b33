//! `mfauth`: one registration URI with a push credential and, if `secret` is present, one for one-time passwords.

use url::Url;

use super::parameters::{CodeKind, Parameters};
use super::{OathRegistration, Registration, UriError, push};

/// Reads an `mfauth` URI. `kind` is the kind of one-time password, if the URI's type names one.
pub(super) fn read(uri: &Url, kind: Option<CodeKind>) -> Result<Registration, UriError> {
    let parameters = Parameters::read(uri)?;
    let push = push::read(uri, &parameters, parameters.plain_logo())?;
    match (parameters.plain("secret"), kind) {
        (None, _) => Ok(Registration::Push(Box::new(push))),
        // The URI does not say which kind of one-time password. Ignoring the secret would enroll only half of what the
        // server offers.
        (Some(_), None) => Err(UriError::BadParameter("secret")),
        (Some(_), Some(kind)) => {
            let oath = OathRegistration {
                issuer: push.issuer.clone(),
                account: push.account.clone(),
                user_id: push.user_id.clone(),
                device_id: parameters.id("oid")?,
                secret: parameters.code_secret()?,
                settings: parameters.code_settings(kind)?,
                colour: push.colour.clone(),
                logo: push.logo.clone(),
                policies: push.policies.clone(),
                policies_json: push.policies_json.clone(),
            };
            Ok(Registration::Both { push: Box::new(push), oath: Box::new(oath) })
        }
    }
}
