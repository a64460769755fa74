#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Our signatures and endpoint names against botocore's, over many random requests (argument: sigv4-probe)."""

import datetime
import json
import random
import string
import subprocess
import sys
import unittest
from unittest import mock

try:
    import botocore.auth
    import botocore.session
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    from botocore.endpoint_provider import EndpointProvider
except ImportError:
    print("no botocore here (Debian: python3-botocore)")
    sys.exit(77)

PROBE = sys.argv.pop(1)
ROUNDS = 150
ODD = string.ascii_letters + string.digits + " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~äß€𝄞"
REGIONS = ["us-east-1", "us-west-2", "eu-central-1", "cn-north-1", "us-gov-west-1", "us-iso-east-1", "us-isob-east-1"]


def probe(questions):
    text = "".join(json.dumps(question) + "\n" for question in questions)
    done = subprocess.run([PROBE], input=text, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def random_request(rng, **fixed):
    def word(alphabet=ODD, low=1, high=12):
        return "".join(rng.choices(alphabet, k=rng.randint(low, high)))

    plain = string.ascii_letters + string.digits + "-_.~"
    region = rng.choice(REGIONS)
    service = rng.choice(["sts", "ecr", "ec2", "eks", "execute-api"])

    return {
        "host": f"{service}.{region}.amazonaws.com" + rng.choice(["", "", ":8443"]),
        "service": service,
        "region": region,
        "path": "/" + "/".join("p" + word(plain) + rng.choice(["", "%20", "%2F"]) for _ in range(rng.randint(0, 3))),
        "query": [[name, word(low=0)] for name in {word() for _ in range(rng.randint(0, 5))}],
        # Python folds Unicode's blanks too, which no header of ours has: visible ASCII, and blanks to be folded.
        "headers": [["X-" + word(string.ascii_letters), word(string.printable[:95] + " \t\t")]
                    for _ in range(rng.randint(0, 4))],
        "id": "ASIA" + word(string.ascii_uppercase + string.digits, 16, 16),
        "secret": word(string.ascii_letters + string.digits + "/+", 40, 40),
        "token": rng.choice(["", word(string.ascii_letters + string.digits + "/+=", 300, 900)]),
        "time": rng.randrange(0, 4102444800),
        "body": word(low=0, high=200),
        **fixed,
    }


def sign(signer, asked):
    """botocore's signer on the same request, at the same time."""
    from urllib.parse import quote

    query = "&".join(f"{quote(n, safe='-_.~')}={quote(v, safe='-_.~')}" for n, v in asked["query"])
    request = AWSRequest(asked["method"], f"https://{asked['host']}{asked['path']}" + (query and "?" + query),
                         data=asked["body"].encode())

    for name, value in asked["headers"]:
        request.headers[name] = value
    now = datetime.datetime.fromtimestamp(asked["time"], datetime.timezone.utc).replace(tzinfo=None)

    if hasattr(botocore.auth, "get_current_datetime"):
        frozen = mock.patch("botocore.auth.get_current_datetime", lambda **_: now)
    else:
        frozen = mock.patch("botocore.auth.datetime.datetime", mock.Mock(wraps=datetime.datetime, utcnow=lambda: now))

    with frozen:
        signer.add_auth(request)

    return request


def credentials(asked):
    return Credentials(asked["id"], asked["secret"], asked["token"] or None)


class Signatures(unittest.TestCase):
    def test_presigned_urls(self):
        rng = random.Random(4)
        asked = [random_request(rng, do="presign", method=rng.choice(["GET", "POST"]), body="",
                                lifetime=rng.randint(1, 604800)) for _ in range(ROUNDS)]

        # What the token is: nothing random but the name of the cluster, the place and the role.
        asked += [random_request(rng, do="presign", method="GET", body="", lifetime=60, path="/",
                                 query=[["Action", "GetCallerIdentity"], ["Version", "2011-06-15"]],
                                 headers=[["x-k8s-aws-id", f"cluster-{i}"]]) for i in range(ROUNDS)]
        for question, url in zip(asked, probe(asked), strict=True):
            signer = botocore.auth.SigV4QueryAuth(credentials(question), question["service"], question["region"],
                                                  expires=question["lifetime"])
            self.assertEqual(url, sign(signer, question).url)

    def test_signed_headers(self):
        rng = random.Random(5)
        asked = [random_request(rng, do="sign", method=rng.choice(["GET", "PUT", "POST"])) for _ in range(ROUNDS)]
        asked += [random_request(rng, do="sign", method="POST", path="/", query=[],
                                 headers=[["Content-Type", "application/x-amz-json-1.1"], ["X-Amz-Target", "A.B"]])
                  for _ in range(ROUNDS)]
        for question, lines in zip(asked, probe(asked), strict=True):
            signer = botocore.auth.SigV4Auth(credentials(question), question["service"], question["region"])
            expected = sign(signer, question).headers
            self.assertEqual(sorted(lines), sorted(f"{name}: {value}" for name, value in expected.items()))


class Endpoints(unittest.TestCase):
    # Services whose rules botocore and AWS's documentation agree about; of ECR only the plain names.
    SERVICES = ["ec2", "ecr", "eks", "sts"]

    def test_names(self):
        loader = botocore.session.get_session().get_component("data_loader")
        partitions = loader.load_data("partitions")
        asked, expected = [], []

        for service in self.SERVICES:
            rules = EndpointProvider(loader.load_service_model(service, "endpoint-rule-set-1"), partitions)
            for partition in partitions["partitions"]:
                for region in partition["regions"]:
                    if region.endswith("-global"):
                        continue
                    for fips, dual in ((False, False), (True, False), (False, True), (True, True)):
                        outputs = partition["outputs"]
                        if service == "ecr" and (fips or dual) or dual and not outputs["supportsDualStack"]:
                            continue
                        expected.append(rules.resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=dual).url)
                        asked.append({"do": "host", "service": service, "region": region, "fips": fips,
                                      "dualStack": dual})

        self.assertGreater(len(asked), 200)

        for question, host, url in zip(asked, probe(asked), expected, strict=True):
            self.assertEqual(f"https://{host}", url, question)


if __name__ == "__main__":
    unittest.main()
