#!/usr/bin/env python3
"""Checks the cases under tests/vectors/proofs with PyPI's cryptography and Python's own hmac, json and hashlib.

Reads the folder named as its argument. Prints how many it checked; exits with 1 at the first thing wrong.
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
        canonical = json.dumps(case["jwk"], sort_keys=True, separators=(",", ":"))
        thumbprint = base64.urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).decode().rstrip("=")
        demand(claims["jkt"] == thumbprint, "proof-thumbprint")
        return None
    demand(claims["decision"] == expected["decision"], "proof-decision")
    demand(claims.get("number") == expected["number"], "proof-number")
    demand("reason" not in claims or claims["decision"] == "deny", "proof-reason")
    demand(claims["shown"] == expected["shown"], "proof-shown")
    return claims.get("reason")


def degrees(value):
    text = f"{value:.6f}"
    return "0.000000" if text == "-0.000000" else text


def check_shown(case):
    header, claims, signature = case["message"].split(".")
    code = hmac.new(bytes.fromhex(case["secret"]), f"{header}.{claims}".encode(), hashlib.sha256).digest()
    assert hmac.compare_digest(code, decode(signature)), "signature of the message"
    push = json.loads(decode(claims))
    shown = {"account": case["account"], "issuer": case["issuer"]}
    shown |= {name: push[claim] for name, claim in (("text", "m"), ("payload", "p")) if claim in push}
    if "x" in push:
        shown["context"] = json.loads(push["x"])
        if "location" in shown["context"]:
            place = shown["context"]["location"]
            shown["context"]["location"] = {name: degrees(value) for name, value in place.items()}
    # All names are ASCII, so that code points sort as UTF-16 code units do.
    text = json.dumps(shown, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert text == case["text"], "canonical text"
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
    assert digest == case["digest"], "digest"


def main():
    files = sorted(pathlib.Path(sys.argv[1]).glob("*.json"))
    for file in files:
        case = json.loads(file.read_text())
        try:
            if case["kind"] == "shown":
                check_shown(case)
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
    print(f"verified {len(files)} cases")


main()
