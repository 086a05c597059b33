#!/usr/bin/env python3
"""Opens a vault without the program that made it.

    python3 docs/decrypt.py VAULT_FOLDER [--show-secrets]
    python3 docs/decrypt.py vault.db vault.key [--show-secrets]

Written from docs/vault.md alone, to show that the format is what that page says. Prints the accounts and, for every
sealed column, whether it opens at its place. Works on a copy, so the vault itself is not touched. Needs Python 3.8 or
newer and `cryptography` (pip install cryptography). It understands the key of the command line, which is a file; on a
phone the data key is wrapped by a key that cannot leave the phone.

Exit status: 0 everything opens, 1 something does not, 2 wrong usage or no vault.
"""

import argparse
import hashlib
import pathlib
import shutil
import sqlite3
import sys
import tempfile

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

APPLICATION_ID = 0x50415631
VERSIONS = (1, 2, 3, 4, 5)
FORMAT = b"push-authenticator vault 1"
NONCE_LENGTH = 12


def length_prefixed(parts):
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def associated_data(generation, table, column, row_id, bound):
    parts = [FORMAT, table.encode(), column.encode(), row_id, generation.to_bytes(8, "big", signed=True)]
    if bound:
        parts.append(hashlib.sha256(length_prefixed(bound)).digest())
    return length_prefixed(parts)


def text(value):
    return (value or "").encode()


def number(value):
    return b"" if value is None else value.to_bytes(8, "big", signed=True)


class Vault:
    def __init__(self, database, key_bytes):
        self.rows = database
        self.failures = 0
        meta = database.execute("SELECT * FROM meta").fetchone()
        self.generation = meta["key_generation"]
        wrapped = meta["wrapped_data_key"]
        # The command line wraps with AES-256-GCM and no associated data: nonce, ciphertext, tag.
        data_key = AESGCM(key_bytes).decrypt(wrapped[:NONCE_LENGTH], wrapped[NONCE_LENGTH:], None)
        self.cipher = AESGCM(data_key)
        check = self.open("meta", "key_check_sealed", bytes(16), [], meta["key_check_sealed"])
        if check != b"":
            raise ValueError("the key check does not hold the empty text")

    def open(self, table, column, row_id, bound, sealed):
        """The plain value, or None when the value does not belong at this place."""
        additional = associated_data(self.generation, table, column, row_id, bound)
        try:
            plain = self.cipher.decrypt(sealed[:NONCE_LENGTH], sealed[NONCE_LENGTH:], additional)
        except InvalidTag:
            plain = None
            self.failures += 1
        print(f"    {table}.{column}: {'opens' if plain is not None else 'DOES NOT OPEN'}")
        return plain

    def credential(self, row):
        bound = [
            text(row["mechanism_uid"]),
            text(row["registration_endpoint"]),
            text(row["authentication_endpoint"]),
            text(row["algorithm"]),
            text(row["policies"]),
        ]
        secret = self.open("credential", "secret_sealed", row["id"], bound, row["secret_sealed"])
        verifier = None
        if row["slot_verifier_sealed"] is not None:
            verifier = self.open("credential", "slot_verifier_sealed", row["id"], [], row["slot_verifier_sealed"])
        return secret, verifier

    def device_key(self, row):
        place = b"software" if row["software"] else b"hardware"
        bound = [text(row["jwk"]), text(row["level"]), text(row["presence"]), place]
        return self.open("device_key", "key_sealed", row["credential_id"], bound, row["key_sealed"])

    def oath(self, row):
        bound = [
            text(row["kind"]),
            text(row["algorithm"]),
            number(row["digits"]),
            number(row["period"]),
            text(row["policies"]),
        ]
        return self.open("oath", "secret_sealed", row["id"], bound, row["secret_sealed"])

    def notification(self, row):
        bound = [row["credential_id"], text(row["message_id"]), number(row["received_at"])]
        return self.open("notification", "message_sealed", row["id"], bound, row["message_sealed"])

    def request(self, row):
        bound = [
            text(row["kind"]),
            row["credential_id"],
            row["notification_id"] or b"",
            text(row["url"]),
            text(row["cookie"]),
        ]
        return self.open("outbox", "body_sealed", row["id"], bound, row["body_sealed"])


def show(plain, wanted):
    if plain is not None and wanted:
        try:
            print(f"      {plain.decode('ascii')}")
        except UnicodeDecodeError:
            print(f"      {plain.hex()}")


def run(database, key_bytes, secrets):
    if database.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        print("This file is not a vault.", file=sys.stderr)
        return 2
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version not in VERSIONS:
        print(f"This script reads versions {VERSIONS}, the vault has version {version}.", file=sys.stderr)
        return 2
    print("key")
    try:
        vault = Vault(database, key_bytes)
    except InvalidTag:
        print("    meta.wrapped_data_key: DOES NOT OPEN under this key file")
        return 1

    query = """SELECT credential.*, account.policies, account.issuer, account.name
        FROM credential JOIN account ON account.id = account_id ORDER BY account.sequence"""
    for row in database.execute(query).fetchall():
        print(f"account {row['account_id'].hex()}: {row['name']} at {row['issuer']}, {row['state']}")
        print(f"    answers go to {row['authentication_endpoint']}")
        for plain in vault.credential(row):
            if plain is not None and secrets:
                print(f"      {plain.hex()}")
    if version >= 2:
        query = """SELECT oath.*, account.policies, account.issuer, account.name
            FROM oath JOIN account ON account.id = account_id ORDER BY account.sequence"""
        for row in database.execute(query).fetchall():
            print(f"codes of account {row['account_id'].hex()}: {row['name']} at {row['issuer']}, {row['kind']}")
            plain = vault.oath(row)
            if plain is not None and secrets:
                print(f"      {plain.hex()}")
    if version >= 4:
        for row in database.execute("SELECT * FROM device_key ORDER BY credential_id").fetchall():
            print(f"key of credential {row['credential_id'].hex()}: {row['level']}")
            plain = vault.device_key(row)
            if plain is not None and secrets:
                print(f"      {plain.hex()}")
    for row in database.execute("SELECT * FROM notification ORDER BY sequence").fetchall():
        print(f"notification {row['id'].hex()}: {row['state']}")
        show(vault.notification(row), secrets)
    for row in database.execute("SELECT * FROM outbox ORDER BY sequence").fetchall():
        print(f"waiting {row['kind']} {row['id'].hex()}: attempts {row['attempts']}")
        show(vault.request(row), secrets)
    print("everything opens" if vault.failures == 0 else f"{vault.failures} sealed values do not open")
    return 0 if vault.failures == 0 else 1


def main():
    parser = argparse.ArgumentParser(description="Opens a vault without the program that made it.")
    parser.add_argument("vault", type=pathlib.Path, help="the vault's folder, or its vault.db")
    parser.add_argument("key", type=pathlib.Path, nargs="?", help="its vault.key; by default beside the vault")
    parser.add_argument("--show-secrets", action="store_true", help="print the opened values")
    arguments = parser.parse_args()
    file = arguments.vault / "vault.db" if arguments.vault.is_dir() else arguments.vault
    key = arguments.key or file.with_name("vault.key")
    for needed in (file, key):
        if not needed.is_file():
            parser.error(f"{needed} is not there")
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "vault.db"
        shutil.copyfile(file, copy)
        log = file.with_name(file.name + "-wal")
        if log.is_file():
            shutil.copyfile(log, copy.with_name("vault.db-wal"))
        database = sqlite3.connect(copy)
        database.row_factory = sqlite3.Row
        try:
            return run(database, key.read_bytes(), arguments.show_secrets)
        except sqlite3.DatabaseError as problem:
            print(f"This file cannot be read as a vault: {problem}.", file=sys.stderr)
            return 2
        finally:
            database.close()


if __name__ == "__main__":
    sys.exit(main())
