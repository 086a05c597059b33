//! The server's database, as documentation first.
//!
//! Version history: **1** the first; **2** adds `device.provisional_journey`, `device.retired_at`,
//! `push_request.settled_at`, `session.second_factor_at` and `audit`; **3** adds `user.locked_at`, `device.endpoint`,
//! `device.token_dead_at`, `device.given_name`, `key_check`, and indexes for what is done at every sign-on and when
//! sweeping; **4** adds `device_key`, `user.frozen_until`, `push_request.content` and, in `registration`, `device_key`, `minimum_key_level`,
//! `issuer` and `account`; **5** adds `webhook_event`, `denial`, `familiar`, `push_request.origin`, `device_key.attested_level` and
//! `device_key.attested_presence`; **6** is listed at `VERSION_6`. A database of an earlier version is brought to the present one when it
//! is opened, in one transaction. A newer version than this program knows is refused.
//!
//! - `user`: who may sign on. `name` is spelt as it was added; `key` is what names are compared by
//!   ([`user_key`](crate::server::names::user_key)), unique, and never null once a migration to version 6 is over.
//!   Columns named `user` elsewhere hold the name as it is spelt here. `password_hash` is an Argon2id PHC string, never a
//!   password. `locked_at`: since when no sign-on of the user succeeds; null while it is not locked.
//!   `frozen_until`: until when no push is sent to the user, because a sign-on was denied as somebody else's; the largest
//!   integer where an administrator has to lift it, null where nothing was denied like that.
//! - `retry`: how often a user failed at a node that counts per user; gone when the user succeeds.
//! - `device`: a registered phone. `mechanism_uid` is the phone's own id and unique; `secret` and `token` (its push
//!   token) are sealed with the server key. `name` is what the phone calls itself; `given_name` what its owner called it
//!   instead. `provisional_journey` is the sign-on that registered it, until it has
//!   approved a push or that sign-on succeeded without asking it; an unconfirmed device goes when that sign-on ends or expires. `retired_at` is set when its first push was refused: it is treated as removed, and its row stays
//!   for a day so that a repeated answer is answered alike. `endpoint` is the push service's name for this device and
//!   token (an ARN of Amazon SNS), not there until the service was asked for one; it is no secret, because it takes the
//!   access key to use it. `token_dead_at`: since when the push service calls the token dead. Both are of one token and
//!   go when it is replaced; a dead token changes nothing else about the device.
//! - `device_key`: the public key of a phone that registered with one, a JWK; what it cannot sign is no answer of that
//!   phone. `level` and `presence` are what the phone said, `attestation` what it sent to show it; `attested_level` and
//!   `attested_presence` what that showed when it was checked at registration, null where nobody did. `issuer` and
//!   `account` are as the phone shows them. None of it ever changes.
//! - `registration`: a QR code that was shown and not used up; `secret` and `challenge` sealed. `accepted_body` is the
//!   SHA-256 of the one body that registered the device, so that the identical body again is answered alike. `device_key` says what is asked of the
//!   phone's key (`off`, `preferred`, `required`), `minimum_key_level` where it has to live at least; `issuer` and `account` are
//!   what a phone reads out of the code, and null where no key is asked for. `only_first` is 1 where the code was offered for a
//!   password alone: it registers no phone once the user has one. `session` is the session (its token's SHA-256) in which it was
//!   offered: it goes when the session goes.
//! - `push_request`: one approval that a journey waits for. `state`: `pending`, `approved`, `denied`, `failed` (wrong
//!   number), `superseded`. Expiry is no state: it is `expires_at` against the clock. `settled_at`: when it was answered.
//!   `content`: what else the phone sent with its answer, a JSON object.
//!   `origin`: address and user agent of the browser that waits, sealed.
//! - `push_message`: the push request as sent to one device; `jwt` sealed. `answer_body` is the SHA-256 of the first
//!   verified answer, `answer_status` the HTTP status it got.
//! - `recovery_code`: HMAC-SHA-256 of a code under the server key; the row goes when the code is used.
//! - `session`: SHA-256 of the session token. `second_factor_at`: when the sign-on passed a push or a recovery code.
//! - `journey`: a sign-on that went past the password. `state` sealed; `answered_body` and `answer` (sealed) repeat the
//!   last step for a client that did not hear it.
//! - `audit`: who did what, from where, with which outcome; names and addresses, never a secret. Rows are never
//!   updated, and stay when their user is removed. `actor`: the administrator whose command it was (`cli:root`), null
//!   for users and phones. `count`: how many events the row stands for; more than 1 where strangers caused so many
//!   that they were counted.
//! - `audit_seal`: one tag per sealed row of `audit`: HMAC-SHA-256 over the tag before it and the row, under a key
//!   derived from the server's. A row without one was written since the sealer last ran.
//! - `audit_mark`: `head` names the last sealed row, `start` the last one that retention removed, each with its tag;
//!   `mac` is over them under the same key.
//! - `audit_key`: after a rotation of the server's key, the key of the rows up to `until` and the tag of the last of
//!   them, sealed under the present key.
//! - `notice`: what the signed-in page tells a user about phones, recovery codes and the password until the user
//!   dismisses it; at most twenty of a user. `kind`: `device-added`, `device-removed`, `recovery-codes-made`,
//!   `password-changed`.
//! - `key_check`: one row, the empty text sealed under the server's key, so that another key is noticed at start. After a
//!   rotation, sealed for another place, the keys that outlive it ([`Keys`](crate::server::keys::Keys)).
//! - `webhook_event`: what is still to be told to the webhook's receiver; the row goes when it was, or is given up.
//!   `body` is sealed and never changes; `attempts` failed so far, the next is due at `due_at`. `user`: whom it is about, for
//!   the audit log; it is told even if the user was removed since.
//! - `denial`: the last sign-on that a user denied as somebody else's: when, for the signed-in page and to end the sign-ons
//!   that were past the password then; and `origin` as above.
//! - `familiar`: from where users signed on and with which browsers, for rules of Push Senders; nothing where no journey has
//!   such a rule. `tag` is HMAC-SHA-256 of the network or the browser under the server key, `kind` `network` or `agent`;
//!   at most sixteen of a kind a user, each until the longest of these rules no longer asks for it.
//! - `known_browser`: browsers in which a user passed both factors, at most sixteen of a user. `id` is the SHA-256 of the
//!   id in the browser's cookie, `failures` the wrong passwords in a row that came from it. The row goes with the cookie's
//!   time, a hundred such failures, a change of the password, a freeze, a lock or a removed phone.
//! - `password_failure`: wrong passwords of a user in a row that came from other browsers. `restricted_at`: since when
//!   these are not believed, after a hundred; the row goes when the user signs in or an administrator unlocks the user.
//!   The row without a user counts those of unknown names, so that both cost the same time.
//! - `used_token`: SHA-256 of pull nonces and refresh messages that must not come twice, until `expires_at`.
//!
//! Times are epoch milliseconds.

/// Marks the file as this server's (`PRAGMA application_id`): "PAsv".
pub const APPLICATION_ID: i32 = 0x5041_7376;

/// The schema's version (`PRAGMA user_version`).
pub const VERSION: i32 = 6;

/// Steps: the statements at index n make version n + 1 out of version n.
pub const STEPS: [&str; 6] = [VERSION_1, VERSION_2, VERSION_3, VERSION_4, VERSION_5, VERSION_6];

const VERSION_1: &str = "
CREATE TABLE user (
    name TEXT PRIMARY KEY COLLATE NOCASE,
    common_name TEXT,
    password_hash TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE retry (
    user TEXT NOT NULL COLLATE NOCASE REFERENCES user(name) ON DELETE CASCADE,
    node TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (user, node)
) STRICT;
CREATE TABLE device (
    id TEXT PRIMARY KEY,
    user TEXT NOT NULL COLLATE NOCASE REFERENCES user(name) ON DELETE CASCADE,
    mechanism_uid TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    device_type TEXT NOT NULL,
    communication_type TEXT NOT NULL,
    token BLOB NOT NULL,
    secret BLOB NOT NULL,
    registered_at INTEGER NOT NULL
) STRICT;
CREATE INDEX device_user ON device(user);
CREATE TABLE registration (
    message_id TEXT PRIMARY KEY,
    user TEXT NOT NULL COLLATE NOCASE REFERENCES user(name) ON DELETE CASCADE,
    journey BLOB NOT NULL,
    device TEXT NOT NULL,
    secret BLOB NOT NULL,
    challenge BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    accepted_body BLOB
) STRICT;
CREATE INDEX registration_journey ON registration(journey);
CREATE TABLE push_request (
    id TEXT PRIMARY KEY,
    user TEXT NOT NULL COLLATE NOCASE REFERENCES user(name) ON DELETE CASCADE,
    journey BLOB NOT NULL,
    push_type TEXT NOT NULL,
    number TEXT,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX push_request_user ON push_request(user, state);
CREATE TABLE push_message (
    id TEXT PRIMARY KEY,
    request TEXT NOT NULL REFERENCES push_request(id) ON DELETE CASCADE,
    device TEXT NOT NULL REFERENCES device(id) ON DELETE CASCADE,
    challenge BLOB NOT NULL,
    jwt BLOB NOT NULL,
    answer_body BLOB,
    answer_status INTEGER
) STRICT;
CREATE INDEX push_message_device ON push_message(device);
CREATE INDEX push_message_request ON push_message(request);
CREATE TABLE recovery_code (
    user TEXT NOT NULL COLLATE NOCASE REFERENCES user(name) ON DELETE CASCADE,
    tag BLOB NOT NULL,
    PRIMARY KEY (user, tag)
) STRICT;
CREATE TABLE session (
    token_digest BLOB PRIMARY KEY,
    user TEXT NOT NULL COLLATE NOCASE REFERENCES user(name) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE TABLE journey (
    id BLOB PRIMARY KEY,
    step INTEGER NOT NULL,
    state BLOB NOT NULL,
    answered_body BLOB NOT NULL,
    answer BLOB NOT NULL,
    answered_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX journey_expiry ON journey(expires_at);
CREATE TABLE used_token (
    digest BLOB PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX used_token_expiry ON used_token(expires_at);
";

const VERSION_2: &str = "
ALTER TABLE device ADD COLUMN provisional_journey BLOB;
ALTER TABLE device ADD COLUMN retired_at INTEGER;
ALTER TABLE push_request ADD COLUMN settled_at INTEGER;
ALTER TABLE session ADD COLUMN second_factor_at INTEGER;
CREATE INDEX push_request_sent ON push_request(user, created_at);
CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    event TEXT NOT NULL,
    user TEXT COLLATE NOCASE,
    address TEXT,
    device TEXT,
    outcome TEXT NOT NULL
) STRICT;
CREATE INDEX audit_user ON audit(user);
";

const VERSION_3: &str = "
ALTER TABLE user ADD COLUMN locked_at INTEGER;
ALTER TABLE device ADD COLUMN endpoint TEXT;
ALTER TABLE device ADD COLUMN token_dead_at INTEGER;
ALTER TABLE device ADD COLUMN given_name TEXT;
CREATE TABLE key_check (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    sealed BLOB NOT NULL
) STRICT;
CREATE INDEX push_request_waiting ON push_request(journey) WHERE state = 'pending';
CREATE INDEX push_request_expiry ON push_request(expires_at);
CREATE INDEX registration_expiry ON registration(expires_at);
CREATE INDEX registration_device ON registration(device);
CREATE INDEX device_retired ON device(retired_at) WHERE retired_at IS NOT NULL;
CREATE INDEX session_expiry ON session(expires_at);
CREATE INDEX session_user ON session(user);
CREATE INDEX audit_time ON audit(at);
";

const VERSION_4: &str = "
CREATE TABLE device_key (
    device TEXT PRIMARY KEY REFERENCES device(id) ON DELETE CASCADE,
    jwk TEXT NOT NULL,
    level TEXT NOT NULL,
    presence TEXT NOT NULL,
    attestation TEXT,
    issuer TEXT NOT NULL,
    account TEXT NOT NULL
) STRICT;
ALTER TABLE user ADD COLUMN frozen_until INTEGER;
ALTER TABLE push_request ADD COLUMN content TEXT;
ALTER TABLE registration ADD COLUMN device_key TEXT NOT NULL DEFAULT 'off';
ALTER TABLE registration ADD COLUMN minimum_key_level TEXT;
ALTER TABLE registration ADD COLUMN issuer TEXT;
ALTER TABLE registration ADD COLUMN account TEXT;
";

const VERSION_5: &str = "
CREATE TABLE webhook_event (
    id TEXT PRIMARY KEY,
    user TEXT COLLATE NOCASE,
    body BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX webhook_event_due ON webhook_event(due_at);
CREATE INDEX webhook_event_age ON webhook_event(created_at);
CREATE TABLE denial (
    user TEXT PRIMARY KEY COLLATE NOCASE REFERENCES user(name) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    origin BLOB NOT NULL
) STRICT;
CREATE INDEX denial_time ON denial(at);
CREATE TABLE familiar (
    user TEXT NOT NULL COLLATE NOCASE REFERENCES user(name) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    tag BLOB NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (user, kind, tag)
) STRICT;
CREATE INDEX familiar_time ON familiar(seen_at);
ALTER TABLE push_request ADD COLUMN origin BLOB;
ALTER TABLE device_key ADD COLUMN attested_level TEXT;
ALTER TABLE device_key ADD COLUMN attested_presence TEXT;
";

const VERSION_6: &str = "
-- Devices and registrations.
ALTER TABLE registration ADD COLUMN only_first INTEGER NOT NULL DEFAULT 1;
UPDATE registration SET only_first = 0 WHERE length(journey) = 0;
ALTER TABLE registration ADD COLUMN session BLOB REFERENCES session(token_digest) ON DELETE CASCADE;
CREATE INDEX registration_session ON registration(session) WHERE session IS NOT NULL;
CREATE INDEX device_provisional ON device(provisional_journey) WHERE provisional_journey IS NOT NULL;
UPDATE device SET provisional_journey = NULL
    WHERE id IN (SELECT device FROM audit WHERE event = 'push-answer' AND outcome = 'approved');

-- End of devices and registrations.

-- Rate limits and known browsers.
CREATE TABLE known_browser (
    id BLOB PRIMARY KEY,
    user TEXT NOT NULL COLLATE NOCASE REFERENCES user(name) ON DELETE CASCADE,
    seen_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX known_browser_user ON known_browser(user);
CREATE INDEX known_browser_expiry ON known_browser(expires_at);
CREATE TABLE password_failure (
    id INTEGER PRIMARY KEY,
    user TEXT UNIQUE COLLATE NOCASE REFERENCES user(name) ON DELETE CASCADE,
    count INTEGER NOT NULL,
    restricted_at INTEGER
) STRICT;

-- End of rate limits and known browsers.

-- Sessions and sign-ons.

-- End of sessions and sign-ons.

-- Users and names.
ALTER TABLE user ADD COLUMN key TEXT;
CREATE UNIQUE INDEX user_key ON user(key);
-- End of users and names.

-- Audit log and events.
ALTER TABLE audit ADD COLUMN actor TEXT;
ALTER TABLE audit ADD COLUMN count INTEGER NOT NULL DEFAULT 1;
CREATE TABLE audit_seal (
    sequence INTEGER PRIMARY KEY,
    tag BLOB NOT NULL
) STRICT;
CREATE TABLE audit_mark (
    kind TEXT PRIMARY KEY,
    sequence INTEGER NOT NULL,
    tag BLOB NOT NULL,
    mac BLOB NOT NULL
) STRICT;
CREATE TABLE audit_key (
    until INTEGER PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT;
CREATE TABLE notice (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    user TEXT NOT NULL COLLATE NOCASE REFERENCES user(name) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    device TEXT,
    device_name TEXT,
    by_administrator INTEGER NOT NULL
) STRICT;
CREATE INDEX notice_user ON notice(user);
CREATE INDEX notice_time ON notice(at);
-- End of audit log and events.
";
