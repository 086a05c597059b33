//! The vault's tables. The description here defines the format; the statements below only implement it.
//!
//! # Version 1
//!
//! The file is an SQLite database with `application_id` 0x50415631 ("PAV1") and `user_version` 1. Ids are 16 random
//! bytes. Times are epoch milliseconds by the phone's own clock unless stated otherwise. Columns ending in `_sealed`
//! hold a nonce and an AES-256-GCM ciphertext, bound to their place as `seal` describes. Everything else is readable
//! without any key, so that the list of accounts survives the loss of the key.
//!
//! **meta**, one row. `key_generation` counts the data keys this vault has had, from 1, and is part of the binding of
//! every sealed column. `wrapped_data_key` is the data key as the platform's key encryption key wrapped it.
//! `key_check_sealed` is the empty text, sealed: it opens under the right data key only.
//!
//! **account**, one row per account. `sequence` is the order of adding. `issuer` and `name` are those of the
//! registration URI, cleaned. `user_id` is the server's id for the user, `colour` six hexadecimal digits, `logo` an
//! https address, `policies` the JSON object as the server wrote it.
//!
//! **credential**, one row per credential; in this version all are of kind `push`. `mechanism_uid` is the phone's own
//! id for it, which the server puts into every message. `server_device_id` is the server's id for this device.
//! `registration_endpoint` and `authentication_endpoint` are URLs with the same origin. `algorithm` is the signature
//! algorithm of messages: `HS256`. `secret_sealed` is the secret shared with the server. It is bound to mechanism uid,
//! both endpoints, algorithm and the account's policies, so that none of these can be edited. `state` is `enrolling`,
//! `unconfirmed` or `active`. `replaces` is 1 if accounts with the same issuer, name and origin and a lower sequence
//! are to be removed as soon as the server has this one. `clock_offset` is server time minus phone time as last
//! learned. `device_name`, `platform`, `push_token` and `communication_type` are the registered values. `wrapped_slot`
//! is the biometric slot as the platform's biometric key wrapped it; `slot_verifier_sealed` is the digest that evidence
//! is checked against.
//!
//! **notification**, one row per message received. `sequence` is the order of arrival and never used twice.
//! `message_id` is the server's id. `message_sealed` is the signed message exactly as received, bound to credential,
//! `message_id` and `received_at`. Display and answers read from it, each time after verifying its signature again.
//! `state` is one of `pending`, `answering`, `approved`, `denied`, `expired`, `failed`, `outcome-unknown`, `withdrawn`;
//! `verdict` is `approve` or `deny` once the user has decided.
//!
//! **replay**, one row per message ever received, separate from the notification so that it outlives it. `digest` is
//! SHA-256 over the credential's mechanism uid and the challenge, each length-prefixed. `message_id` and
//! `message_digest` (SHA-256 of the signed message) distinguish a second delivery from a replay. The row is kept until
//! `keep_until` (by the server's clock) or, without one, for the life of the credential.
//!
//! **outbox**, one row per outbox entry that the server has not settled. `kind` is `registration` or `answer`; `url`
//! and `cookie` say where it is sent. `body_sealed` holds the exact bytes, bound to kind, credential, notification, url
//! and cookie. `attempts` counts how often it was handed out. `fate_unknown` is 1 once an attempt may have reached the
//! server without its result reaching this phone. `leased_until` is set while a sender has the entry; `next_attempt_at`
//! delays retries. The message determines how long an answer is useful.
//!
//! # Version 2
//!
//! Extends version 1 without changing any of its rows; `user_version` is 2.
//!
//! **account** has `display_issuer` and `display_name`, the names that the user chose; each is null if the registered
//! name is shown.
//!
//! **credential** has `desired_push_token` and `desired_communication_type`, the wanted push token; each is null if the
//! registered value is the wanted one. `token_confirmed_at` is when the server was last known to have the registered
//! token. `token_refused` is 1 if the server said that it does not support token changes, and 2 if it rejected the
//! wanted token; setting another token resets it to 0. An empty `wrapped_slot` means that the platform invalidated its
//! biometric key.
//!
//! **oath**, one row per OATH credential; an account has at most one. `kind` is `totp` or `hotp`, `algorithm` one of
//! `SHA1`, `SHA256`, `SHA512`, `digits` 6 to 8. `period` is in seconds, for `totp` only; `counter` is the counter value
//! of the next one-time password, for `hotp` only. `server_device_id` is the server's id for it. `secret_sealed` is the
//! secret shared with the server, bound to kind, algorithm, digits, period and the account's policies, so that none of
//! these can be edited. The counter is not bound, because it changes with every one-time password.
//!
//! **notification** has `settled_at`, the time when it reached a final state; null until then and in rows of version 1.
//!
//! **outbox** has rows of kind `token-refresh`, at most one per credential, whose body is signed again at each attempt.
//!
//! **event**, one row per event on this phone, without secrets. `sequence` is the order and never used twice, `at` the
//! time, `kind` the kind of event. `account_id` names the account, and outlives it; `subject` is the other object
//! concerned, and `detail` has details.
//!
//! # Version 3
//!
//! Changes no row of version 2. **outbox** has no indexes besides its id, because it holds few rows, and **event** and
//! **outbox** no longer remember the highest `sequence` ever used: each page that a commit changes is another write,
//! and the vault's most frequent work is receiving and answering messages.
//!
//! # Version 4
//!
//! Changes no row of version 3. **device_key**, one row per credential that was registered with a device key. `jwk` is
//! the public key, `level` where the private key lives (`software`, `tee`, `strongbox`, `secure-enclave`), `presence`
//! what the user must do before it signs (`none`, `device`, `biometric`). `software` is 1 if the private key is in the
//! vault. In that case `key_sealed` is its PKCS #8 document, otherwise the empty text. It is bound to `jwk`, `level`,
//! `presence` and either of the words `software` and `hardware`, so that none of these can be edited. `invalidated_at`
//! is when the platform invalidated the key; the credential answers nothing from then on.
//!
//! # Version 5
//!
//! Changes no row of version 4, and again writes fewer pages for each message. **replay** has `notification_id`, the
//! row created for the message, or null if history cleanup had already removed it before the migration to version 5. It
//! replaces an index of `notification` by credential and message. **notification** no longer remembers the highest
//! `sequence` ever used: a new one is one more than the highest of **notification** and **event** together. Each
//! message received leaves an event, and the newest event is never removed, so none is used twice; **event** continues
//! counting from there. The ids in **outbox** are unique because they are random, with no index to enforce it.
//!
//! # Steps
//!
//! Each step runs in one transaction with the change of `user_version`; [`STEPS`] has them in order.
//!
//! - 0 to 1: [`VERSION_1`].
//! - 1 to 2: [`VERSION_2`].
//! - 2 to 3: [`VERSION_3`].
//! - 3 to 4: [`VERSION_4`].
//! - 4 to 5: [`VERSION_5`].

/// Marks the file as a vault of this project.
pub(super) const APPLICATION_ID: i64 = 0x5041_5631;
/// The schema version that this version of the app writes; it rejects a higher one.
pub(super) const VERSION: i64 = 5;

/// The statements of every step, with the version that it starts from.
pub(super) const STEPS: [(i64, &str); 5] =
    [(0, VERSION_1), (1, VERSION_2), (2, VERSION_3), (3, VERSION_4), (4, VERSION_5)];

/// Turns an empty file into a vault of version 1.
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

/// Migrates a vault from version 1 to version 2.
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

/// Migrates a vault from version 2 to version 3.
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

/// Migrates a vault from version 3 to version 4.
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

/// Migrates a vault from version 4 to version 5. Recreates both tables, because a table cannot lose its `AUTOINCREMENT`
/// and an outbox entry refers to its message.
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
