"""Prints botocore's Authorization headers, as a JSON list, for the HTTP requests on standard input (a JSON list)."""

import json
import sys

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

answers = []
for case in json.load(sys.stdin):
    signer = SigV4Auth(Credentials(case["id"], case["secret"]), case["service"], case["region"])
    headers = dict(case["headers"])
    request = AWSRequest(
        method=case["method"], url="https://" + headers["Host"] + "/", data=case["body"].encode(), headers=headers
    )
    # add_auth would use the system time.
    request.context["timestamp"] = headers["X-Amz-Date"]
    signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    signer._inject_signature_to_request(request, signature)
    answers.append(request.headers["Authorization"])
json.dump(answers, sys.stdout)
