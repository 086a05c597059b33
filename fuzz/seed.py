#!/usr/bin/env python3
"""Writes the seed corpus from the recorded messages in tests/vectors; run it again after adding a recording."""
import base64
import json
import pathlib
import re

here = pathlib.Path(__file__).resolve().parent
recorded = json.loads((here.parent / "tests/vectors/captures/legacy-android-sdk.json").read_text())


def write(target: str, name: str, content: bytes) -> None:
    folder = here / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


for case in recorded["cases"]:
    name = slug(case["case"])
    if "uri" in case and "duplicate" not in name:
        write("registration_uri", "recorded-pushauth" if name == "register-pushauth-200" else name, case["uri"].encode())
    if "message" in case:
        token = case["message"]
        write("jws", name, token.encode())
        envelope = {"messageId": case["messageId"], "message": token}
        write("push_payload", name, json.dumps(envelope).encode())
        middle = token.split(".")[1]
        claims = base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4))
        write("push_payload", f"claims-{name}", b"=" + claims)
        write("jws", f"claims-{name}", claims)
    for sent in case.get("sent", []):
        write("jws", f"sent-{name}", json.loads(sent["body"])["jwt"].encode())

first = next(case for case in recorded["cases"] if "message" in case)
fields = {"messageId": first["messageId"], "data": first["message"], "alert": "Sign-on", "content-available": 1}
write("push_payload", "apns", json.dumps({"aps": fields}).encode())
fields = {"messageId": first["messageId"], "message": first["message"]}
write("push_payload", "fcm", json.dumps({"data": fields, "priority": "high"}).encode())
write("push_payload", "bare", first["message"].encode())
fields = {"messageId": "AUTHENTICATE:hinted", "mechanismUid": "5b7fba25-109a-4d2e-8da5-73d6530785b9"}
write("push_payload", "hint-fcm", json.dumps({"data": fields}).encode())
write("push_payload", "hint-apns", json.dumps({"aps": {**fields, "alert": "Sign-on", "mutable-content": 1}}).encode())

attestations = here.parent / "tests/vectors/attestation"
for at, block in enumerate((attestations / "phone-of-2023.pem").read_text().split("-----END CERTIFICATE-----")[:-1]):
    certificate = base64.b64decode(block.split("-----BEGIN CERTIFICATE-----")[1])
    write("attestation", f"certificate-{at}", certificate)
    if at == 0:
        # Value of the key description extension: the sequence after its identifier.
        start = certificate.index(bytes.fromhex("060a2b06010401d679020111")) + 12
        start = certificate.index(0x30, start)
        length = int.from_bytes(certificate[start + 2 : start + 4], "big")
        write("attestation", "description", certificate[start : start + 4 + length])
write("attestation", "app-attest", base64.b64decode((attestations / "app-attest-of-2021.b64").read_text()))

for file in sorted((here.parent / "tests/vectors/proofs").glob("*.json")):
    case = json.loads(file.read_text())
    if case["kind"] == "shown":
        write("proof", file.stem, case["text"].encode())
    elif file.stem == "answer-approve":
        write("proof", file.stem, case["token"].encode())
        write("proof", "key", json.dumps(case["jwk"]).encode())
