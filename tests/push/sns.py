"""Moto's Amazon SNS on a free port of this machine, and an operator's changes to it from outside, through boto3.

Prints the port, then answers each line with a JSON command by a line with a JSON value, until standard input ends.
"""

import json
import sys

import boto3
from moto.core import DEFAULT_ACCOUNT_ID
from moto.server import ThreadedMotoServer
from moto.sns import sns_backends

REGION = "us-west-2"

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
port = server.get_host_and_port()[1]
client = boto3.client(
    "sns",
    region_name=REGION,
    endpoint_url=f"http://127.0.0.1:{port}",
    aws_access_key_id="operator",
    aws_secret_access_key="secret",
)


def application(platform, name):
    attributes = {"PlatformCredential": "x"}
    made = client.create_platform_application(Name=name, Platform=platform, Attributes=attributes)
    return made["PlatformApplicationArn"]


def endpoints(application):
    listed = client.list_endpoints_by_platform_application(PlatformApplicationArn=application)["Endpoints"]
    return [
        {"arn": one["EndpointArn"], "token": one["Attributes"]["Token"], "enabled": one["Attributes"]["Enabled"]}
        for one in listed
    ]


def disable(endpoint):
    client.set_endpoint_attributes(EndpointArn=endpoint, Attributes={"Enabled": "false"})


def delete(endpoint):
    client.delete_endpoint(EndpointArn=endpoint)


def published(endpoint):
    return list(sns_backends[DEFAULT_ACCOUNT_ID][REGION].platform_endpoints[endpoint].messages.values())


commands = {each.__name__: each for each in (application, endpoints, disable, delete, published)}
print(json.dumps(port), flush=True)
for line in sys.stdin:
    name, *arguments = json.loads(line)
    print(json.dumps(commands[name](*arguments)), flush=True)
server.stop()
