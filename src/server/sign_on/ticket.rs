//! The `authId`: names a sign-on and one step of it, sealed and bound to the realm. Until the password is right it holds the
//! whole state.

use serde::{Deserialize, Serialize};

use super::SignOnError;
use crate::ports::EpochMilliseconds;
use crate::protocol::encoding::{decode_url_safe, encode_url_safe};
use crate::secret::Reason;
use crate::server::App;
use crate::server::journey::state::State;
use crate::server::keys::Place;
use crate::server::push::RequestContext;
use crate::server::store::StoreError;

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Ticket {
    pub(super) id: String,
    pub(super) step: u32,
    pub(super) issued_at: EpochMilliseconds,
    pub(super) journey: String,
    /// The whole state, as long as nothing is stored.
    pub(super) state: Option<State>,
}

impl App {
    pub(super) fn seal_ticket(&self, ticket: &Ticket, context: &RequestContext) -> Result<String, StoreError> {
        let bytes = serde_json::to_vec(ticket).map_err(|_| StoreError::Damaged("authId"))?;
        let place = Place { kind: "authId", row: self.0.configuration.realm.as_bytes() };
        Ok(encode_url_safe(&context.keys.seal(place, &bytes, context.entropy.as_ref())?))
    }

    pub(super) fn open_ticket(&self, auth_id: &str) -> Result<Ticket, SignOnError> {
        let place = Place { kind: "authId", row: self.0.configuration.realm.as_bytes() };
        let sealed = decode_url_safe(auth_id).map_err(|_| SignOnError::BadAuthId)?;
        let bytes = self.0.keys.open(place, &sealed).map_err(|_| SignOnError::BadAuthId)?;
        let ticket: Ticket = serde_json::from_slice(bytes.expose(Reason::Seal)).map_err(|_| SignOnError::BadAuthId)?;
        let age = self.now() - ticket.issued_at;
        if age > self.0.configuration.sign_on.step_minutes * 60_000 { Err(SignOnError::Stale) } else { Ok(ticket) }
    }
}
