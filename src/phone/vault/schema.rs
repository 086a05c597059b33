//! The vault's tables. What is written here first in prose is the format; the statements below only spell it out.
//!
//! # Version 1
//!
//! The file is an SQLite database with `application_id` 0x50415631 ("PAV1") and `user_version` 1. Ids are 16 random
//! bytes; times are epoch milliseconds by the phone's own clock unless said otherwise; columns ending in `_sealed` hold
//! a nonce and an AES-256-GCM ciphertext, bound to their place as `seal` describes. Everything else is readable without
//! any key, so that the list of accounts survives the loss of the key.
//!
//! **meta**, one row. `key_generation` counts the data keys this vault has had, from 1; it goes into the binding of
//! every sealed column. `wrapped_data_key` is the data key as the platform's key encryption key wrapped it.
//! `key_check_sealed` is the empty text, sealed: it opens under the right data key only.
//!
//! **account**, one row per account. `sequence` is the order of adding. `issuer` and `name` are as the registration
//! code said, cleaned. `user_id` is the server's id of the user, `colour` six hexadecimal digits, `logo` an https
//! address, `policies` the JSON object as the server wrote it.
//!
//! **credential**, one row per credential; here all are of kind `push`. `mechanism_uid` is the phone's own id of it,
//! which the server puts into every message. `server_device_id` is the server's id of this device.
//! `registration_endpoint` and `authentication_endpoint` are URLs of one origin. `algorithm` names how messages are
//! signed: `HS256`. `secret_sealed` is the secret shared with the server; it is bound to mechanism uid, both endpoints,
//! algorithm and the account's policies, so that none of these can be edited. `state` is `enrolling`, `unconfirmed` or
//! `active`. `replaces` is 1 when accounts of the same issuer, name and origin with a lower sequence are to be removed
//! as soon as the server has this one. `clock_offset` is server time minus phone time as last learnt. `device_name`,
//! `platform`, `push_token`, `communication_type` are what was registered. `wrapped_slot` is the biometric slot as the
//! platform's biometric key wrapped it; `slot_verifier_sealed` the digest that evidence is checked against.
//!
//! **notification**, one row per message received. `sequence` is the order of arrival and never used twice.
//! `message_id` is the server's id. `message_sealed` is the signed message exactly as received, bound to credential,
//! `message_id` and `received_at`: what is shown and what is answered is read from it, every time after checking its
//! signature again. `state` is one of `pending`, `answering`, `approved`, `denied`, `expired`, `failed`,
//! `outcome-unknown`, `withdrawn`; `verdict` is `approve` or `deny` once the person decided.
//!
//! **replay**, one row per message ever taken in, apart from the notification so that it outlives it. `digest` is
//! SHA-256 over credential's mechanism uid and challenge, each length-prefixed; `message_id` and `message_digest`
//! (SHA-256 of the signed message) tell a second delivery from a replay. Until `keep_until` (server's clock) the row is
//! kept; without one for the credential's life.
//!
//! **outbox**, one row per request that the server has not settled. `kind` is `registration` or `answer`; `url` and
//! `cookie` say where it goes; `body_sealed` holds the exact bytes, bound to kind, credential, notification, url and
//! cookie. `attempts` counts how often it was handed out, `fate_unknown` is 1 once an attempt may have
//! reached the server without our hearing of it, `leased_until` is set while somebody is sending it, `next_attempt_at`
//! holds back retries. How long an answer is of use is read from its message.
//!
//! # Version 2
//!
//! Adds to version 1 and changes none of its rows; `user_version` is 2.
//!
//! **account** has `display_issuer` and `display_name`: how the person renamed it, each null where it is shown as it was
//! registered.
//!
//! **credential** has `desired_push_token` and `desired_communication_type`: where pushes shall go, each null where that
//! is what is registered. `token_confirmed_at` is when the server was last known to have the registered token;
//! `token_refused` is 1 when the server said that it does not take changes of the token, 2 when it refused the one that is
//! wanted; setting another one makes it 0. An empty `wrapped_slot` says that the platform invalidated its biometric key.
//!
//! **oath**, one row per half of an account that shows codes; an account has at most one. `kind` is `totp` or `hotp`,
//! `algorithm` one of `SHA1`, `SHA256`, `SHA512`, `digits` 6 to 8. `period` is seconds, for `totp` only; `counter` is what
//! the next code is made of, for `hotp` only. `server_device_id` is the server's id of it. `secret_sealed` is the secret
//! shared with the server, bound to kind, algorithm, digits, period and the account's policies, so that none of these can
//! be edited. The counter is not bound: it moves with every code.
//!
//! **notification** has `settled_at`: when it reached a state that it does not leave; null until then and in rows of
//! version 1.
//!
//! **outbox** has rows of kind `token-refresh`, at most one a credential, whose body is signed anew at each attempt.
//!
//! **event**, one row per thing that happened on this phone, without secrets. `sequence` is the order and never used
//! twice, `at` when, `kind` what. `account_id` names the account, and outlives it; `subject` what else it was about,
//! `detail` what there is to say.
//!
//! # Version 3
//!
//! Changes no row of version 2. **outbox** has no indexes beside its id, as it holds few rows, and **event** and **outbox**
//! no longer remember the highest `sequence` ever used: each page that a commit changes is another write, and receiving and
//! answering a message are what the vault does most.
//!
//! # Version 4
//!
//! Changes no row of version 3. **device_key**, one row per credential that was registered with a signing key of its own.
//! `jwk` is the public key, `level` where the private half lives (`software`, `tee`, `strongbox`, `secure-enclave`), `presence`
//! what the person must do before it signs (`none`, `device`, `biometric`). `software` is 1 where the private half is here:
//! then `key_sealed` is its PKCS #8 document, else the empty text. It is bound to `jwk`, `level`, `presence` and one of the
//! words `software` and `hardware`, so that none of these can be edited. `invalidated_at` is when the platform invalidated the
//! key; the credential answers nothing from then on.
//!
//! # Version 5
//!
//! Changes no row of version 4, and again writes fewer pages with each message. **replay** has `notification_id`: the row
//! that was made of the message, null once that was lost to history when version 5 came; it takes the place of an index of
//! `notification` by credential and message. **notification** no longer remembers the highest `sequence` ever used: a new one
//! is one more than the highest of **notification** and **event** together. Each message taken in leaves an event, and the newest
//! event is never removed, so none is used twice; **event** is counted on from there. The ids in **outbox** are unique as they
//! are random, with no index to say so.
//!
//! # Steps
//!
//! Each is made in one transaction with the change of `user_version`; [`STEPS`] has them in order.
//!
//! - 0 to 1: [`VERSION_1`].
//! - 1 to 2: [`VERSION_2`].
//! - 2 to 3: [`VERSION_3`].
//! - 3 to 4: [`VERSION_4`].
//! - 4 to 5: [`VERSION_5`].

/// Marks the file as a vault of this project.
pub(super) const APPLICATION_ID: i64 = 0x5041_5631;
/// The schema that this version writes; a higher one is refused.
pub(super) const VERSION: i64 = 5;

/// The statements of every step, by the version that it starts from.
pub(super) const STEPS: [(i64, &str); 5] =
    [(0, VERSION_1), (1, VERSION_2), (2, VERSION_3), (3, VERSION_4), (4, VERSION_5)];

/// Makes an empty file a vault of version 1.
const VERSION_1: &str = "
CREATE TABLE meta (
    id               INTEGER PRIMARY KEY CHECK (id = 1),
    key_generation   INTEGER NOT NULL,
    wrapped_data_key BLOB NOT NULL,
    key_check_sealed BLOB NOT NULL
) STRICT;
CREATE TABLE account (
    sequence   INTEGER PRIMARY KEY AUTOINCREMENT,
    id         BLOB NOT NULL UNIQUE,
    issuer     TEXT NOT NULL,
    name       TEXT NOT NULL,
    user_id    TEXT,
    colour     TEXT,
    logo       TEXT,
    policies   TEXT,
    created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE credential (
    sequence                INTEGER PRIMARY KEY AUTOINCREMENT,
    id                      BLOB NOT NULL UNIQUE,
    account_id              BLOB NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    kind                    TEXT NOT NULL,
    mechanism_uid           TEXT NOT NULL UNIQUE,
    server_device_id        TEXT,
    registration_endpoint   TEXT NOT NULL,
    authentication_endpoint TEXT NOT NULL,
    algorithm               TEXT NOT NULL,
    secret_sealed           BLOB NOT NULL,
    state                   TEXT NOT NULL,
    replaces                INTEGER NOT NULL,
    clock_offset            INTEGER,
    device_name             TEXT NOT NULL,
    platform                TEXT NOT NULL,
    push_token              TEXT NOT NULL,
    communication_type      TEXT NOT NULL,
    wrapped_slot            BLOB,
    slot_verifier_sealed    BLOB
) STRICT;
CREATE INDEX credential_of_account ON credential (account_id);
CREATE TABLE notification (
    sequence       INTEGER PRIMARY KEY AUTOINCREMENT,
    id             BLOB NOT NULL UNIQUE,
    credential_id  BLOB NOT NULL REFERENCES credential (id) ON DELETE CASCADE,
    message_id     TEXT NOT NULL,
    message_sealed BLOB NOT NULL,
    received_at    INTEGER NOT NULL,
    state          TEXT NOT NULL,
    verdict        TEXT
) STRICT;
CREATE INDEX notification_of_credential ON notification (credential_id, message_id);
CREATE INDEX notification_pending ON notification (sequence) WHERE state = 'pending';
CREATE TABLE replay (
    digest         BLOB PRIMARY KEY,
    credential_id  BLOB NOT NULL REFERENCES credential (id) ON DELETE CASCADE,
    message_id     TEXT NOT NULL,
    message_digest BLOB NOT NULL,
    keep_until     INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX replay_of_credential ON replay (credential_id, message_id);
CREATE INDEX replay_ending ON replay (keep_until) WHERE keep_until IS NOT NULL;
CREATE TABLE outbox (
    sequence        INTEGER PRIMARY KEY AUTOINCREMENT,
    id              BLOB NOT NULL UNIQUE,
    kind            TEXT NOT NULL,
    credential_id   BLOB NOT NULL REFERENCES credential (id) ON DELETE CASCADE,
    notification_id BLOB REFERENCES notification (id) ON DELETE CASCADE,
    url             TEXT NOT NULL,
    cookie          TEXT,
    body_sealed     BLOB NOT NULL,
    created_at      INTEGER NOT NULL,
    attempts        INTEGER NOT NULL,
    fate_unknown    INTEGER NOT NULL,
    leased_until    INTEGER,
    next_attempt_at INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_of_credential ON outbox (credential_id);
CREATE INDEX outbox_of_notification ON outbox (notification_id);
";

/// Makes a vault of version 1 one of version 2.
const VERSION_2: &str = "
ALTER TABLE account ADD COLUMN display_issuer TEXT;
ALTER TABLE account ADD COLUMN display_name TEXT;
ALTER TABLE credential ADD COLUMN desired_push_token TEXT;
ALTER TABLE credential ADD COLUMN desired_communication_type TEXT;
ALTER TABLE credential ADD COLUMN token_confirmed_at INTEGER;
ALTER TABLE credential ADD COLUMN token_refused INTEGER NOT NULL DEFAULT 0;
ALTER TABLE notification ADD COLUMN settled_at INTEGER;
CREATE TABLE oath (
    sequence         INTEGER PRIMARY KEY AUTOINCREMENT,
    id               BLOB NOT NULL UNIQUE,
    account_id       BLOB NOT NULL UNIQUE REFERENCES account (id) ON DELETE CASCADE,
    kind             TEXT NOT NULL,
    algorithm        TEXT NOT NULL,
    digits           INTEGER NOT NULL,
    period           INTEGER,
    counter          INTEGER,
    server_device_id TEXT,
    secret_sealed    BLOB NOT NULL
) STRICT;
CREATE TABLE event (
    sequence   INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    account_id BLOB,
    subject    TEXT,
    detail     TEXT
) STRICT;
";

/// Makes a vault of version 2 one of version 3.
const VERSION_3: &str = "
ALTER TABLE outbox RENAME TO outbox_before;
DROP INDEX outbox_of_credential;
DROP INDEX outbox_of_notification;
CREATE TABLE outbox (
    sequence        INTEGER PRIMARY KEY,
    id              BLOB NOT NULL UNIQUE,
    kind            TEXT NOT NULL,
    credential_id   BLOB NOT NULL REFERENCES credential (id) ON DELETE CASCADE,
    notification_id BLOB REFERENCES notification (id) ON DELETE CASCADE,
    url             TEXT NOT NULL,
    cookie          TEXT,
    body_sealed     BLOB NOT NULL,
    created_at      INTEGER NOT NULL,
    attempts        INTEGER NOT NULL,
    fate_unknown    INTEGER NOT NULL,
    leased_until    INTEGER,
    next_attempt_at INTEGER NOT NULL
) STRICT;
INSERT INTO outbox SELECT * FROM outbox_before ORDER BY sequence;
DROP TABLE outbox_before;
ALTER TABLE event RENAME TO event_before;
CREATE TABLE event (
    sequence   INTEGER PRIMARY KEY,
    at         INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    account_id BLOB,
    subject    TEXT,
    detail     TEXT
) STRICT;
INSERT INTO event SELECT * FROM event_before ORDER BY sequence;
DROP TABLE event_before;
";

/// Makes a vault of version 3 one of version 4.
const VERSION_4: &str = "
CREATE TABLE device_key (
    credential_id  BLOB PRIMARY KEY REFERENCES credential (id) ON DELETE CASCADE,
    jwk            TEXT NOT NULL,
    level          TEXT NOT NULL,
    presence       TEXT NOT NULL,
    software       INTEGER NOT NULL,
    key_sealed     BLOB NOT NULL,
    invalidated_at INTEGER
) STRICT, WITHOUT ROWID;
";

/// Makes a vault of version 4 one of version 5. Both tables are made again, because a table cannot lose its `AUTOINCREMENT` and an
/// outbox entry refers to its message.
const VERSION_5: &str = "
ALTER TABLE replay ADD COLUMN notification_id BLOB;
UPDATE replay SET notification_id = (SELECT id FROM notification
    WHERE notification.credential_id = replay.credential_id AND notification.message_id = replay.message_id
    ORDER BY notification.sequence DESC LIMIT 1);
UPDATE event SET sequence = sequence + (SELECT coalesce(max(sequence), 0) FROM notification)
    + (SELECT max(sequence) FROM event);
DROP INDEX notification_of_credential;
DROP INDEX notification_pending;
ALTER TABLE outbox RENAME TO outbox_before;
ALTER TABLE notification RENAME TO notification_before;
CREATE TABLE notification (
    sequence       INTEGER PRIMARY KEY,
    id             BLOB NOT NULL UNIQUE,
    credential_id  BLOB NOT NULL REFERENCES credential (id) ON DELETE CASCADE,
    message_id     TEXT NOT NULL,
    message_sealed BLOB NOT NULL,
    received_at    INTEGER NOT NULL,
    state          TEXT NOT NULL,
    verdict        TEXT,
    settled_at     INTEGER
) STRICT;
CREATE INDEX notification_pending ON notification (sequence) WHERE state = 'pending';
CREATE TABLE outbox (
    sequence        INTEGER PRIMARY KEY,
    id              BLOB NOT NULL,
    kind            TEXT NOT NULL,
    credential_id   BLOB NOT NULL REFERENCES credential (id) ON DELETE CASCADE,
    notification_id BLOB REFERENCES notification (id) ON DELETE CASCADE,
    url             TEXT NOT NULL,
    cookie          TEXT,
    body_sealed     BLOB NOT NULL,
    created_at      INTEGER NOT NULL,
    attempts        INTEGER NOT NULL,
    fate_unknown    INTEGER NOT NULL,
    leased_until    INTEGER,
    next_attempt_at INTEGER NOT NULL
) STRICT;
INSERT INTO notification SELECT * FROM notification_before ORDER BY sequence;
INSERT INTO outbox SELECT * FROM outbox_before ORDER BY sequence;
DROP TABLE outbox_before;
DROP TABLE notification_before;
";
