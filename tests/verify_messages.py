#!/usr/bin/env python3
"""Verifies recorded messages from phone and server with nothing but Python's own hmac.

Reads JSON from standard input: {"uri", "registration", "messages": [{"messageId", "message"}], "answers": [{"body",
"number"?, "deny"?}]}, the bodies as they were sent. Prints what it checked; exits with 1 at the first error.
"""
import base64
import hashlib
import hmac
import json
import sys
from urllib.parse import unquote, urlsplit


def decode_url_safe(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def check(condition, what):
    if not condition:
        print(f"wrong: {what}")
        sys.exit(1)


def code(secret, data):
    return hmac.new(secret, data, hashlib.sha256).digest()


def verify(secret, jwt, what):
    header, claims, signature = jwt.split(".")
    check(json.loads(decode_url_safe(header)) == {"typ": "JWT", "alg": "HS256"}, f"{what}: header")
    check(hmac.compare_digest(code(secret, f"{header}.{claims}".encode()), decode_url_safe(signature)), f"{what}: signature")
    return json.loads(decode_url_safe(claims))


def response_of(secret, challenge):
    return base64.b64encode(code(secret, challenge)).decode()


def main():
    record = json.load(sys.stdin)
    query = dict(pair.split("=", 1) for pair in urlsplit(record["uri"]).query.split("&"))
    secret = decode_url_safe(query["s"])
    check(len(secret) == 32, "shared secret of 32 bytes")

    registration = json.loads(record["registration"])
    claims = verify(secret, registration["jwt"], "registration")
    check(registration["messageId"] == unquote(query["m"]), "registration: message id")
    check(claims["response"] == response_of(secret, decode_url_safe(query["c"])), "registration: response")
    check(set(claims) == {"deviceId", "deviceName", "deviceType", "communicationType", "mechanismUid", "response"}, "registration: claims")

    challenges = {}
    for message in record["messages"]:
        push = verify(secret, message["message"], "push message")
        check(push["u"] == claims["mechanismUid"], "push message: u")
        check(all(isinstance(value, str) for value in push.values()), "push message: every claim is a string")
        challenge = base64.b64decode(push["c"], validate=True)
        check(len(challenge) == 32, "push message: challenge of 32 bytes")
        challenges[message["messageId"]] = challenge

    for sent in record["answers"]:
        body = json.loads(sent["body"])
        answer = verify(secret, body["jwt"], "answer")
        expected = {"response": response_of(secret, challenges[body["messageId"]])}
        if sent.get("number"):
            expected["challengeResponse"] = sent["number"]
        if sent.get("deny"):
            expected["deny"] = True
        check(answer == expected, "answer: claims")

    print(f"verified 1 registration, {len(record['messages'])} messages, {len(record['answers'])} answers")


main()
