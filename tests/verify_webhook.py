#!/usr/bin/env python3
"""Verifies the webhook example in docs/wire.md with nothing but Python's own hmac: the signature, and that any change
invalidates it. Takes the path of that file as its argument; exits with 1 at the first error."""
import base64
import hashlib
import hmac
import json
import re
import sys


def check(condition, what):
    if not condition:
        print(f"wrong: {what}")
        sys.exit(1)


def verify(secret, headers, body):
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
    right = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(f"v1,{right}", each) for each in headers["webhook-signature"].split(" "))


def main():
    section = open(sys.argv[1], encoding="utf-8").read().split("## 13. Webhook")[1]
    secret = base64.b64decode(re.search(r"\*\*An event\*\*, signed with the secret `whsec_([^`]+)`", section).group(1))
    check(len(secret) == 32, "the secret's length")
    head, body = section.split("```\n")[-2].rstrip("\n").split("\n\n")
    headers = dict(line.split(": ", 1) for line in head.split("\n"))
    check(verify(secret, headers, body), "the signature")
    check(json.loads(body)["id"] == headers["webhook-id"], "the id")
    check(not verify(secret[::-1], headers, body), "another secret")
    check(not verify(secret, headers, body.replace("ada", "eva")), "another body")
    for name in ("webhook-id", "webhook-timestamp"):
        check(not verify(secret, headers | {name: headers[name] + "1"}, body), f"another {name}")
    print("the webhook's example is signed as it says")


main()
