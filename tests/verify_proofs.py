#!/usr/bin/env python3
"""Verifies the cases in tests/vectors/proofs, and the examples with a proof in docs/wire.md, with PyPI's cryptography
and Python's own hmac, json, and hashlib.

Takes the folder and the document as arguments. Prints how many it checked; exits with 1 at the first error.
"""
import base64
import hashlib
import hmac
import json
import pathlib
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

TYPES = {
    "answer": "push-answer-proof+jwt",
    "registration": "push-registration-proof+jwt",
    "pull": "push-pull-proof+jwt",
}
NAMES = {
    "answer": {"messageId", "challenge", "aud", "iat", "exp", "decision", "shown"},
    "registration": {"messageId", "challenge", "aud", "iat", "exp", "jkt"},
    "pull": {"sub", "aud", "iat", "exp", "nonce", "jkt"},
}
OPTIONAL = {"answer": {"number", "reason"}, "registration": set(), "pull": set()}


class Refused(Exception):
    pass


def decode(text):
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64.urlsafe_b64encode(data).decode().rstrip("=") != text:
        raise Refused("proof-signature")
    return data


def once(pairs):
    if len(dict(pairs)) != len(pairs):
        raise Refused("proof-signature")
    return dict(pairs)


def demand(condition, code):
    if not condition:
        raise Refused(code)


def digest_of(text):
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def thumbprint(jwk):
    return digest_of(json.dumps(jwk, sort_keys=True, separators=(",", ":")))


def check_message(claims, expected):
    demand(claims["messageId"] == expected["message_id"], "proof-message-id")
    demand(claims["challenge"] == base64.b64encode(bytes.fromhex(expected["challenge"])).decode(), "proof-challenge")


def check_proof(case):
    kind, expected = case["kind"], case["expected"]
    parts = case["token"].split(".")
    demand(len(parts) == 3, "proof-signature")
    header, claims, signature = map(decode, parts)
    demand(json.loads(header, object_pairs_hook=once) == {"alg": "ES256", "typ": TYPES[kind]}, "proof-signature")
    demand(len(signature) == 64, "proof-signature")
    x, y = (int.from_bytes(decode(case["jwk"][name]), "big") for name in ("x", "y"))
    try:
        key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        pair = (int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
        key.verify(encode_dss_signature(*pair), f"{parts[0]}.{parts[1]}".encode(), ec.ECDSA(hashes.SHA256()))
    except (ValueError, InvalidSignature):
        raise Refused("proof-signature")
    claims = json.loads(claims, object_pairs_hook=once)
    demand(NAMES[kind] <= set(claims) <= NAMES[kind] | OPTIONAL[kind], "proof-signature")
    demand(type(claims["iat"]) is int and type(claims["exp"]) is int, "proof-signature")
    demand(claims.get("decision") in ("approve", "deny") or kind != "answer", "proof-signature")
    demand(claims.get("reason") in (None, "not-me", "mistake", "other"), "proof-signature")
    if kind == "pull":
        demand(claims["sub"] == expected["mechanism_uid"], "proof-subject")
    else:
        check_message(claims, expected)
    demand(claims["aud"] == expected["audience"], "proof-audience")
    demand(0 < claims["exp"] - claims["iat"] <= (300 if kind == "pull" else 3600 + 120), "proof-times")
    demand(kind != "pull" or claims["iat"] == expected["iat"], "proof-times")
    demand(claims["iat"] <= expected["now"] + 300, "proof-from-the-future")
    demand(claims["exp"] + 60 > expected["now"], "proof-expired")
    demand(kind != "pull" or claims["nonce"] == expected["nonce"], "proof-nonce")
    if kind != "answer":
        demand(claims["jkt"] == thumbprint(case["jwk"]), "proof-thumbprint")
        return None
    demand(claims["decision"] == expected["decision"], "proof-decision")
    demand(claims.get("number") == expected["number"], "proof-number")
    demand("reason" not in claims or claims["decision"] == "deny", "proof-reason")
    demand(claims["shown"] == expected["shown"], "proof-shown")
    return claims.get("reason")


def degrees(value):
    text = f"{value:.6f}"
    return "0.000000" if text == "-0.000000" else text


def open_jwt(secret, jwt):
    header, claims, signature = jwt.split(".")
    code = hmac.new(secret, f"{header}.{claims}".encode(), hashlib.sha256).digest()
    assert hmac.compare_digest(code, decode(signature)), "shared-secret signature"
    return json.loads(decode(claims))


def check_attestation(case):
    challenge = base64.b64encode(bytes.fromhex(case["challenge"])).decode()
    lines = ["push-registration-attestation", case["audience"], case["message_id"], challenge]
    challenge = hashlib.sha256("\n".join(lines).encode()).digest()
    assert challenge.hex() == case["attestation_challenge"], "challenge"
    client_data = hashlib.sha256(challenge + thumbprint(case["jwk"]).encode())
    assert client_data.hexdigest() == case["client_data_hash"], "clientDataHash"


def check_examples(document, jwk):
    """Verifies the bodies with a proof in the examples section and returns their number."""
    section = document.read_text().split("## 12. Examples")[1]
    example = lambda name: section.split(f"**{name}**")[1].split("\n\n```\n")[1].split("\n```")[0]
    secret = bytes(range(0x01, 0x21))
    body = json.loads(example("Registration body with a key"))
    claims = open_jwt(secret, body["jwt"])
    assert claims["jwk"] == jwk
    expected = {"message_id": body["messageId"], "challenge": bytes(range(0x20, 0x40)).hex()}
    expected |= {"audience": "https://login.example.com", "now": 1796040010}
    check_proof({"kind": "registration", "expected": expected, "token": claims["proof"], "jwk": jwk})
    text, digest = example("What was displayed").split("\n")
    message = {"secret": secret.hex(), "message": example("Push message"), "issuer": "Example Bank", "account": "ada"}
    check_shown(message | {"text": text, "digest": digest})
    expected |= {"challenge": bytes(range(0x64, 0x84)).hex(), "now": 1796040070, "shown": digest}
    answers = [("taps 43", "approve", "43", None), ("denies as not-me", "deny", None, "not-me")]
    for name, decision, number, reason in answers:
        body = json.loads(example(f"Answer that {name}, with a proof"))
        claims = open_jwt(secret, body["jwt"])
        assert (claims.get("challengeResponse"), claims.get("deny")) == (number, True if decision == "deny" else None)
        known = expected | {"message_id": body["messageId"], "decision": decision, "number": number}
        assert check_proof({"kind": "answer", "expected": known, "token": claims["proof"], "jwk": jwk}) == reason, name
    return 2 + len(answers)


def check_shown(case):
    push = open_jwt(bytes.fromhex(case["secret"]), case["message"])
    shown = {"account": case["account"], "issuer": case["issuer"]}
    shown |= {name: push[claim] for name, claim in (("text", "m"), ("payload", "p")) if claim in push}
    if "x" in push:
        shown["context"] = json.loads(push["x"])
        if "location" in shown["context"]:
            place = shown["context"]["location"]
            shown["context"]["location"] = {name: degrees(value) for name, value in place.items()}
    # All names are ASCII, so sorting by code point matches sorting by UTF-16 code unit.
    text = json.dumps(shown, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert text == case["text"], "canonical text"
    assert digest_of(text) == case["digest"], "digest"


def main():
    files = sorted(pathlib.Path(sys.argv[1]).glob("*.json"))
    for file in files:
        case = json.loads(file.read_text())
        try:
            if case["kind"] == "shown":
                check_shown(case)
            elif case["kind"] == "attestation":
                check_attestation(case)
            else:
                try:
                    found = {"accepted": True, "reason": check_proof(case)}
                except Refused as refusal:
                    found = {"accepted": False, "error": str(refusal)}
                assert all(case.get(name) == value for name, value in found.items()), found
        except AssertionError as problem:
            print(f"wrong: {file.name}: {problem}")
            sys.exit(1)
    assert len(files) > 50
    jwk = json.loads((pathlib.Path(sys.argv[1]) / "registration.json").read_text())["jwk"]
    try:
        examples = check_examples(pathlib.Path(sys.argv[2]), jwk)
    except (AssertionError, Refused) as problem:
        print(f"wrong: {sys.argv[2]}: {problem}")
        sys.exit(1)
    print(f"verified {len(files)} cases and {examples} examples")


main()
