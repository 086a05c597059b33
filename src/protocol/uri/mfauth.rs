//! `mfauth`: one code with a push credential and, where `secret` is there, one that shows codes.

use url::Url;

use super::parameters::{CodeKind, Parameters};
use super::{OathRegistration, Registration, UriError, push};

/// Reads an `mfauth` code. `kind` is that of the codes, where the code's type names one.
pub(super) fn read(uri: &Url, kind: Option<CodeKind>) -> Result<Registration, UriError> {
    let parameters = Parameters::read(uri)?;
    let push = push::read(uri, &parameters, parameters.plain_logo())?;
    match (parameters.plain("secret"), kind) {
        (None, _) => Ok(Registration::Push(Box::new(push))),
        // Codes of which kind, is not said; to leave them out would be to enrol half of what the server offers.
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
