#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of tests/fake-aws. They start it on ephemeral ports of 127.0.0.1 and talk to nothing else."""

import base64
import concurrent.futures
import contextlib
import email.utils
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import botocore.parsers
import botocore.serialize
import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

HERE = os.path.dirname(os.path.abspath(__file__))
FAKE_AWS = os.path.join(HERE, "fake-aws")
M5_LARGE = os.path.join(HERE, "profiles", "m5.large.json")
REFERENCE = os.path.join(HERE, "profiles", "reference.json")

TOKEN_PATH = "/latest/api/token"
TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"
DOCUMENT = "/latest/dynamic/instance-identity/document"
MAC = "/latest/meta-data/mac"


class Client:
    """One connection, and a token once asked for."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        self.headers = {}

    def request(self, method, path, headers=None):
        self.connection.request(method, path, headers=self.headers if headers is None else headers)
        reply = self.connection.getresponse()
        reply.text = reply.read().decode()
        return reply

    def get(self, path, headers=None):
        return self.request("GET", path, headers)

    def new_token(self, ttl=60):
        reply = self.request("PUT", TOKEN_PATH, {TTL_HEADER: str(ttl)})
        assert reply.status == 200, reply.status
        self.headers = {"X-aws-ec2-metadata-token": reply.text}
        return reply.text


class FakeAwsTest(unittest.TestCase):
    profile = M5_LARGE

    def setUp(self):
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)
        self.dir = self.stack.enter_context(tempfile.TemporaryDirectory())
        self.start("--user-data", self.path("user-data"), "--faults", self.path("faults"),
                   "--log", self.path("log"))

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, content):
        """Replace a file the way a careful test does: the server never sees half of it."""
        with open(self.path("new"), "wb") as file:
            file.write(content if isinstance(content, bytes) else json.dumps(content).encode())
        os.rename(self.path("new"), self.path(name))

    def start(self, *arguments):
        self.process = subprocess.Popen([FAKE_AWS, "--profile", self.profile, *arguments],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.stack.enter_context(self.process)
        self.stack.callback(self.process.kill)
        self.port = int(self.process.stdout.readline())

    def client(self, token=True):
        client = Client(self.port)
        self.stack.callback(client.connection.close)
        if token:
            client.new_token()
        return client

    def log(self):
        with open(self.path("log"), encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def raw(self, request):
        """Everything the server says to the bytes of request until it closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as sock:
            sock.sendall(request)
            with sock.makefile("rb") as file:
                return file.read()


class TokenTest(FakeAwsTest):
    def test_a_token_opens_the_metadata(self):
        client = self.client(token=False)
        reply = client.request("PUT", TOKEN_PATH, {TTL_HEADER: "21600"})
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.getheader(TTL_HEADER), "21600")
        self.assertEqual(len(reply.text), 56)
        self.assertEqual(client.get(MAC, {"X-AWS-EC2-Metadata-Token": reply.text}).text, "0e:11:22:33:44:01")
        self.assertNotEqual(client.new_token(), client.new_token())

    def test_a_get_needs_a_known_token(self):
        client = self.client(token=False)
        for headers in {}, {"X-aws-ec2-metadata-token": "made-up"}, {"X-aws-ec2-metadata-token": ""}:
            for path in MAC, DOCUMENT, "/latest/user-data", "/latest/nowhere", "/":
                with self.subTest(path=path, headers=headers):
                    reply = client.get(path, headers)
                    self.assertEqual(reply.status, 401)
                    self.assertEqual(reply.getheader("Content-Type"), "text/html")
                    self.assertIn("<h1>401 - Unauthorized</h1>", reply.text)

    def test_the_ttl_is_required_and_bounded(self):
        client = self.client(token=False)
        self.assertEqual(client.request("PUT", TOKEN_PATH, {}).status, 400)

        for ttl in "", "0", "21601", "-1", "+5", "1.5", "1_0", "ten", "9" * 40:
            with self.subTest(ttl=ttl):
                self.assertEqual(client.request("PUT", TOKEN_PATH, {TTL_HEADER: ttl}).status, 400)

        for ttl in "1", "21600":
            self.assertEqual(client.request("PUT", TOKEN_PATH, {TTL_HEADER: ttl}).status, 200)

    def test_a_forwarded_put_is_refused(self):
        headers = {TTL_HEADER: "60", "X-Forwarded-For": "10.0.0.9"}
        self.assertEqual(self.client(token=False).request("PUT", TOKEN_PATH, headers).status, 403)

    def test_a_token_expires(self):
        client = self.client(token=False)
        client.new_token(ttl=1)
        self.assertEqual(client.get(MAC).status, 200)

        time.sleep(1.05)
        self.assertEqual(client.get(MAC).status, 401)

        client.new_token()
        self.assertEqual(client.get(MAC).status, 200)

    def test_other_methods_are_refused(self):
        client = self.client()
        for method, path in [("POST", MAC), ("PUT", MAC), ("DELETE", MAC), ("OPTIONS", MAC), ("HEAD", MAC),
                             ("GET", TOKEN_PATH), ("POST", TOKEN_PATH)]:
            with self.subTest(method=method, path=path):
                self.assertEqual(client.request(method, path).status, 405)


class ServeTest(FakeAwsTest):
    def test_directories_list_their_children(self):
        client = self.client()
        card = "/latest/meta-data/network/interfaces/macs/0e:11:22:33:44:01"

        for path, expected in [
            ("", "latest/"),
            ("/latest", "dynamic/\nmeta-data/\nuser-data"),
            ("/latest/dynamic", "instance-identity/"),
            ("/latest/meta-data/network", "interfaces/"),
            ("/latest/meta-data/network/interfaces/macs", "0e:11:22:33:44:01/"),
            ("/latest/meta-data/tags/instance", "Name\nteam"),
            ("/latest/meta-data/placement", "availability-zone\navailability-zone-id\nregion"),
        ]:
            with self.subTest(path=path):
                self.assertEqual(client.get(path + "/").text, expected)
                if path:
                    self.assertEqual(client.get(path).text, expected)

        top = client.get("/latest/meta-data/").text.split("\n")
        self.assertEqual(top, sorted(top))

        for child in "ami-id", "mac", "network/", "placement/", "tags/":
            self.assertIn(child, top)
        self.assertIn("device-number", client.get(card).text.split("\n"))
        self.assertNotIn("ipv6s", client.get(card).text.split("\n"))

    def test_values_are_served_as_written(self):
        client = self.client()
        reply = client.get("/latest/meta-data/services/domain")
        self.assertEqual((reply.status, reply.text), (200, "amazonaws.com"))
        self.assertEqual(reply.getheader("Content-Type"), "text/plain")
        self.assertEqual(client.get("/latest/meta-data/security-groups").text, "eks-cluster-sg\neks-node-sg")

        document = client.get(DOCUMENT).text
        self.assertEqual(json.loads(document)["instanceType"], "m5.large")
        self.assertIn('"region" : "us-west-2"', document)

    def test_unknown_paths_are_404(self):
        client = self.client()
        for path in "/latest/meta-data/nope", MAC + "/", "/latest/meta", "/1.0/meta-data/mac", "//", "*":
            with self.subTest(path=path):
                reply = client.get(path)
                self.assertEqual(reply.status, 404)
                self.assertIn("<h1>404 - Not Found</h1>", reply.text)

    def test_user_data_is_read_at_each_request(self):
        client = self.client()
        self.assertEqual(client.get("/latest/user-data").status, 404)

        self.write("user-data", b"\x1f\x8b\x00\xff raw")
        client.connection.request("GET", "/latest/user-data", headers=client.headers)
        reply = client.connection.getresponse()
        self.assertEqual(reply.read(), b"\x1f\x8b\x00\xff raw")
        self.assertEqual(reply.getheader("Content-Type"), "application/octet-stream")

        self.write("user-data", b"")
        reply = client.get("/latest/user-data")
        self.assertEqual((reply.status, reply.text), (200, ""))

    def test_bytes_that_are_no_request_get_400(self):
        line = b"GET / HTTP/1.1\r\n"
        for request in b"", b"hello", b"GET / HTTP/2", line + b"no colon", line + b"Content-Length: x":
            with self.subTest(request=request):
                reply = self.raw(request + b"\r\n\r\n")
                self.assertTrue(reply.startswith(b"HTTP/1.1 400 "), reply)
                self.assertIn(b"Connection: close\r\n", reply)

    def test_an_endless_request_is_cut_off(self):
        with contextlib.suppress(ConnectionError):  # a late reset looks like an end
            self.assertEqual(self.raw(b"GET /" + b"a" * 1_000_000), b"")

    def test_a_request_costs_little(self):
        client = self.client()

        def cpu_seconds():
            with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
                fields = file.read().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

        before = cpu_seconds()
        for _ in range(500):
            client.get(MAC)
        self.assertLess((cpu_seconds() - before) / 500, 0.0005)


class ReferenceTest(FakeAwsTest):
    profile = REFERENCE

    def test_it_is_the_instance_of_the_reference(self):
        client = self.client()
        document = json.loads(client.get(DOCUMENT).text)
        self.assertEqual(document["instanceId"], "i-1234567890abcdef0")
        self.assertEqual(document["availabilityZone"], "us-west-2f")
        self.assertEqual(client.get("/latest/meta-data/local-ipv4").text, "172.16.34.43")

        for path in "tags", "tags/instance", "tags/instance/":
            self.assertEqual(client.get("/latest/meta-data/" + path).status, 404)


class ProfilesTest(unittest.TestCase):
    def test_the_shipped_profiles_agree_with_themselves(self):
        for path in M5_LARGE, REFERENCE:
            with self.subTest(profile=path), open(path, encoding="utf-8") as file:
                profile = json.load(file)
                document, data = profile["dynamic"]["instance-identity/document"], profile["meta-data"]
                card = f"network/interfaces/macs/{data['mac']}/"
                for key, field in [("instance-id", "instanceId"), ("instance-type", "instanceType"),
                                   ("ami-id", "imageId"), ("local-ipv4", "privateIp"),
                                   ("placement/region", "region"), (card + "owner-id", "accountId"),
                                   ("placement/availability-zone", "availabilityZone")]:
                    self.assertEqual(data[key], document[field], key)

                self.assertEqual(data[card + "local-ipv4s"], [data["local-ipv4"]])
                self.assertEqual(data["local-hostname"], data["hostname"])

                name = "ip-" + data["local-ipv4"].replace(".", "-")
                self.assertEqual(data["hostname"], f"{name}.{document['region']}.compute.internal")

                cards = {key.split("/")[3] for key in data if key.startswith("network/")}
                self.assertEqual(cards, {data["mac"]})


class FaultTest(FakeAwsTest):
    def token_request(self, path=MAC, more=""):
        token = self.client().headers["X-aws-ec2-metadata-token"]
        return f"GET {path} HTTP/1.1\r\nX-aws-ec2-metadata-token: {token}\r\n{more}\r\n".encode()

    def test_a_status_replaces_the_answer(self):
        self.write("faults", [{"path": "/latest/meta-data/m*", "status": 503}])
        client = self.client()
        reply = client.get(MAC)
        self.assertEqual((reply.status, reply.reason), (503, "Service Unavailable"))
        self.assertIn("<h1>503 - Service Unavailable</h1>", reply.text)
        self.assertEqual(client.get("/latest/meta-data/local-ipv4").status, 200)

    def test_a_body_replaces_the_answer(self):
        self.write("faults", [
            {"path": MAC, "body": "not a mac\n"},
            {"path": DOCUMENT, "status": 500, "body": "no"},
            {"path": "/latest/user-data", "body_base64": base64.b64encode(b"\x00\xfe").decode()},
        ])
        client = self.client()
        reply = client.get(MAC)
        self.assertEqual((reply.status, reply.text), (200, "not a mac\n"))

        reply = client.get(DOCUMENT)
        self.assertEqual((reply.status, reply.text), (500, "no"))

        client.connection.request("GET", "/latest/user-data", headers=client.headers)
        self.assertEqual(client.connection.getresponse().read(), b"\x00\xfe")

    def test_a_delay_holds_the_ordinary_answer_back(self):
        self.write("faults", [{"path": MAC, "delay_ms": 500}])
        client, other = self.client(), self.client()
        begin = time.monotonic()
        client.connection.request("GET", MAC, headers=client.headers)
        self.assertEqual(other.get(DOCUMENT).status, 200)  # the others do not wait
        self.assertLess(time.monotonic() - begin, 0.45)
        self.assertEqual(client.connection.getresponse().read(), b"0e:11:22:33:44:01")
        self.assertGreaterEqual(time.monotonic() - begin, 0.5)

    def test_requests_behind_a_delayed_one_keep_their_order(self):
        self.write("faults", [{"path": MAC, "delay_ms": 100}])
        last = self.token_request("/latest/meta-data/local-ipv4", "Connection: close\r\n")
        reply = self.raw(self.token_request(MAC) + last)
        self.assertLess(reply.index(b"0e:11:22:33:44:01"), reply.index(b"10.0.0.1"))

    def test_garbage_instead_of_http(self):
        self.write("faults", [{"path": MAC, "garbage": 300}])
        request = self.token_request()
        first, second = self.raw(request), self.raw(request)
        self.assertEqual((len(first), len(second)), (300, 300))
        self.assertNotEqual(first, second)

    def test_close_says_nothing(self):
        self.write("faults", [{"path": MAC, "close": True, "delay_ms": 50}])
        self.assertEqual(self.raw(self.token_request()), b"")

    def test_truncate_promises_more_than_it_sends(self):
        self.write("faults", [{"path": MAC, "truncate": 4}])
        head, _, body = self.raw(self.token_request()).partition(b"\r\n\r\n")
        self.assertIn(b"Content-Length: 17", head)
        self.assertEqual(body, b"0e:1")

    def test_hang_never_answers(self):
        self.write("faults", [{"path": MAC, "hang": True}])
        request = self.token_request()

        with socket.create_connection(("127.0.0.1", self.port), timeout=0.2) as sock:
            sock.sendall(request)
            with self.assertRaises(TimeoutError):
                sock.recv(1)

        self.assertEqual(self.client().get(DOCUMENT).status, 200)
        self.assertEqual([line["status"] for line in self.log() if line["path"] == MAC], [0])

    def test_times_and_after_pick_the_requests(self):
        self.write("faults", [
            {"path": MAC, "status": 500, "after": 1, "times": 2},
            {"path": MAC, "status": 503, "times": 1},  # its turn is while the first does not apply
        ])
        client = self.client()
        self.assertEqual([client.get(MAC).status for _ in range(5)], [503, 500, 500, 200, 200])

    def test_the_method_can_be_chosen_and_the_first_match_wins(self):
        self.write("faults", [
            {"path": "*", "method": "PUT", "status": 403, "times": 1},
            {"path": MAC, "status": 500},
            {"path": "*", "method": "GET", "status": 503},
        ])
        client = self.client(token=False)
        self.assertEqual(client.request("PUT", TOKEN_PATH, {TTL_HEADER: "60"}).status, 403)

        client.new_token()
        self.assertEqual(client.get(MAC).status, 500)
        self.assertEqual(client.get(DOCUMENT).status, 503)

    def test_the_file_is_read_again_when_it_changes(self):
        client = self.client()
        self.assertEqual(client.get(MAC).status, 200)

        self.write("faults", [{"path": MAC, "status": 500, "times": 1}])
        self.assertEqual([client.get(MAC).status for _ in range(2)], [500, 200])

        self.write("faults", [{"path": MAC, "status": 500, "times": 1}])
        self.assertEqual(client.get(MAC).status, 500)

        os.unlink(self.path("faults"))
        self.assertEqual(client.get(MAC).status, 200)

    def test_a_file_that_turns_bad_changes_nothing_and_is_reported_once(self):
        self.write("faults", [{"path": MAC, "status": 500}])
        client = self.client()
        self.write("faults", b'[{"path": "*", ')
        self.assertEqual([client.get(MAC).status for _ in range(2)], [500, 500])

        self.process.terminate()
        complaint = self.process.stderr.read()
        self.assertIn(self.path("faults"), complaint)
        self.assertEqual(complaint.count("\n"), 1)

    def test_a_bad_file_is_an_error_at_start(self):
        for text in '"delay": 1', '"times": true', '"close": 1', '"after": -1', '"body_base64": "x"', "}":
            with self.subTest(text=text):
                self.write("bad", f'[{{"path": "*", {text}}}]'.encode())
                result = subprocess.run([FAKE_AWS, "--profile", M5_LARGE, "--faults", self.path("bad")],
                                        capture_output=True, text=True, timeout=5, check=False)
                self.assertEqual(result.returncode, 1)
                self.assertIn(self.path("bad"), result.stderr)
                self.assertEqual(result.stderr.count("\n"), 1)


class ClustersTest(FakeAwsTest):
    """Requests signed by botocore, which knows nothing of our signer."""

    KEY, SECRET, TOKEN = "ASIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "EXAMPLE-SESSION-TOKEN"

    def setUp(self):
        super().setUp()
        self.stack.close()
        self.dir = self.stack.enter_context(tempfile.TemporaryDirectory())
        self.write("clusters", {"blue": {"cluster": {"endpoint": "https://example.com"}}})
        self.start("--clusters", self.path("clusters"))

    def describe(self, name="blue", key=KEY, secret=SECRET, token=TOKEN, region="us-west-2", change=lambda headers: None):
        """Status, kind of exception and body of one call."""
        request = AWSRequest("GET", f"http://127.0.0.1:{self.port}/clusters/{name}")
        SigV4Auth(Credentials(key, secret, token), "eks", region).add_auth(request)
        headers = dict(request.headers.items())
        change(headers)
        reply = self.client(token=False).get(f"/clusters/{name}", headers)
        return reply.status, reply.getheader("x-amzn-ErrorType"), json.loads(reply.text)

    def test_a_signed_call_is_answered(self):
        status, kind, body = self.describe()
        self.assertEqual((status, kind), (200, None))
        self.assertEqual(body["cluster"], {"name": "blue", "arn": "arn:aws:eks:us-west-2:111122223333:cluster/blue",
                                           "status": "ACTIVE", "endpoint": "https://example.com"})

    def test_other_signatures_are_refused(self):
        def drop(headers):
            del headers["Authorization"]

        def other_date(headers):
            headers["X-Amz-Date"] = headers["X-Amz-Date"][:8] + "T000000Z"

        for what, kind, arguments in [
            ("secret", "InvalidSignatureException", {"secret": "other"}),
            ("key", "UnrecognizedClientException", {"key": "ASIAOTHER"}),
            ("token", "UnrecognizedClientException", {"token": "other"}),
            ("region", "InvalidSignatureException", {"region": "eu-west-1"}),
            ("no signature", "MissingAuthenticationTokenException", {"change": drop}),
            ("date", "InvalidSignatureException", {"change": other_date}),
        ]:
            with self.subTest(what):
                status, found, _ = self.describe(**arguments)
                self.assertEqual((status, found), (403, kind))

    def test_what_becomes_of_a_cluster(self):
        self.write("clusters", {"blue": {"cluster": {}, "throttled": 1, "creating": 2}, "red": {"denied": True}})
        calls = [self.describe() for _ in range(4)]
        self.assertEqual([status for status, _, _ in calls], [429, 200, 200, 200])
        self.assertEqual(calls[0][1], "ThrottlingException")
        self.assertEqual([body["cluster"]["status"] for _, _, body in calls[1:]], ["CREATING", "CREATING", "ACTIVE"])

        status, kind, body = self.describe("red")
        self.assertEqual((status, kind), (403, "AccessDeniedException"))
        self.assertIn("assumed-role/eks-node/i-", body["message"])
        self.assertEqual(self.describe("green")[:2], (404, "ResourceNotFoundException"))


class QueriesTest(FakeAwsTest):
    """Queries that botocore builds and signs, and answers that its parser reads by its models of EC2 and STS."""

    INSTANCE = "i-0123456789abcdef0"
    TYPE = {"maxENIs": 4, "ipv4PerENI": 20, "vcpus": 4, "hypervisor": "nitro"}

    def setUp(self):
        super().setUp()
        self.stack.close()
        self.dir = self.stack.enter_context(tempfile.TemporaryDirectory())
        self.says()
        self.start("--queries", self.path("queries"))

    def says(self, instance=None, **more):
        self.write("queries", {"instances": {self.INSTANCE: {"privateDnsName": "i.example", **(instance or {})}},
                               "types": {"m99.large": self.TYPE}, **more})

    def call(self, action, arguments=None, service="ec2", secret=ClustersTest.SECRET, region="us-west-2", change=None):
        """What botocore's parser makes of the answer to one call, with its status and date."""
        model = botocore.session.get_session().get_service_model(service)
        operation = model.operation_model(action)
        built = botocore.serialize.create_serializer(model.metadata["protocol"]).serialize_to_request(arguments or {}, operation)
        request = AWSRequest("POST", f"http://127.0.0.1:{self.port}/", data=built["body"], headers=built["headers"])
        SigV4Auth(Credentials(ClustersTest.KEY, secret, ClustersTest.TOKEN), service, region).add_auth(request)
        prepared = request.prepare()
        headers = dict(prepared.headers.items())
        body = prepared.body if change is None else change(prepared.body)

        client = self.client(token=False)
        client.connection.request("POST", "/", body=body, headers={**headers, "Content-Length": str(len(body))})
        reply = client.connection.getresponse()
        parsed = botocore.parsers.create_parser(model.metadata["protocol"]).parse(
            {"body": reply.read(), "headers": dict(reply.getheaders()), "status_code": reply.status}, operation.output_shape)
        return reply.status, parsed, reply.getheader("Date")

    def error(self, *arguments, **more):
        status, parsed, _ = self.call(*arguments, **more)
        return status, parsed["Error"]["Code"]

    def name(self):
        status, parsed, _ = self.call("DescribeInstances", {"InstanceIds": [self.INSTANCE]})
        return parsed["Reservations"][0]["Instances"][0]["PrivateDnsName"] if status == 200 else parsed["Error"]["Code"]

    def test_instances_types_and_identities(self):
        self.assertEqual(self.name(), "i.example")
        _, parsed, _ = self.call("DescribeInstanceTypes", {"InstanceTypes": ["m99.large"]})
        found, network = parsed["InstanceTypes"][0], parsed["InstanceTypes"][0]["NetworkInfo"]
        card = network["NetworkCards"][network["DefaultNetworkCardIndex"]]
        self.assertEqual((card["MaximumNetworkInterfaces"], network["Ipv4AddressesPerInterface"],
                          found["VCpuInfo"]["DefaultVCpus"], found["Hypervisor"]), (4, 20, 4, "nitro"))
        self.assertEqual(self.call("GetCallerIdentity", service="sts")[1]["Account"], "111122223333")

        self.assertEqual(self.error("DescribeInstances", {"InstanceIds": ["i-1"]}), (400, "InvalidInstanceID.NotFound"))
        self.assertEqual(self.error("DescribeInstanceTypes", {"InstanceTypes": ["m98.large"]}), (400, "InvalidInstanceType"))
        self.assertEqual(self.error("DescribeVpcs"), (400, "InvalidAction"))

    def test_a_new_instance_gets_its_name_late(self):
        self.says({"unknown": 1, "starting": 1})
        self.assertEqual([self.name() for _ in range(3)], ["InvalidInstanceID.NotFound", "", "i.example"])

    def test_other_signatures_are_refused(self):
        asked = "DescribeInstances", {"InstanceIds": [self.INSTANCE]}
        self.assertEqual(self.error(*asked, secret="other"), (403, "SignatureDoesNotMatch"))
        self.assertEqual(self.error(*asked, region="eu-west-1"), (403, "SignatureDoesNotMatch"))

        def other_instance(body):
            return body.replace(b"def0", b"def1") if isinstance(body, bytes) else body.replace("def0", "def1")

        self.assertEqual(self.error(*asked, change=other_instance), (403, "SignatureDoesNotMatch"))

        unsigned = self.client(token=False)
        unsigned.connection.request("POST", "/", body="Action=DescribeInstances&Version=2016-11-15")
        self.assertIn(b"<Code>MissingAuthenticationToken</Code>", unsigned.connection.getresponse().read())

    def test_denials_expired_credentials_and_another_clock(self):
        self.says(denied=["DescribeInstances"])
        self.assertEqual(self.name(), "UnauthorizedOperation")
        self.says(expired=1)
        self.assertEqual([self.name() for _ in range(2)], ["ExpiredToken", "i.example"])
        self.says(clock=900)
        self.assertEqual(self.name(), "SignatureDoesNotMatch")
        date = self.call("DescribeInstances", {"InstanceIds": [self.INSTANCE]})[2]
        self.assertAlmostEqual(email.utils.parsedate_to_datetime(date).timestamp(), time.time() + 900, delta=10)

    def test_a_bucket_of_tokens_for_each_api(self):
        self.says(buckets={"DescribeInstances": {"size": 2, "rate": 0.001}})
        self.assertEqual([self.name() for _ in range(3)], ["i.example"] * 2 + ["RequestLimitExceeded"])
        status, _, _ = self.call("DescribeInstanceTypes", {"InstanceTypes": ["m99.large"]})
        self.assertEqual(status, 200)

    def test_faults_of_one_action(self):
        self.stack.close()
        self.dir = self.stack.enter_context(tempfile.TemporaryDirectory())
        self.says()
        self.write("faults", [{"path": "/", "action": "DescribeInstances", "status": 500, "times": 1}])
        self.start("--queries", self.path("queries"), "--faults", self.path("faults"))
        self.assertEqual(self.call("DescribeInstanceTypes", {"InstanceTypes": ["m99.large"]})[0], 200)
        self.assertEqual(self.call("DescribeInstances", {"InstanceIds": [self.INSTANCE]})[0], 500)
        self.assertEqual(self.name(), "i.example")


class ConnectionTest(FakeAwsTest):
    def test_connections_stay_open_and_run_beside_each_other(self):
        token = self.client().headers
        clients = [self.client(token=False) for _ in range(20)]
        for client in clients:
            client.headers = token
            client.connection.connect()
            client.connection.auto_open = False  # a second connection would be an error

        def read_often(client):
            return [client.get(MAC).text for _ in range(20)]

        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            for texts in pool.map(read_often, clients):
                self.assertEqual(texts, ["0e:11:22:33:44:01"] * 20)

        reads = [line["connection"] for line in self.log() if line["path"] == MAC]
        self.assertEqual(sorted(reads.count(number) for number in set(reads)), [20] * 20)

    def test_connection_close_and_http_1_0_are_honoured(self):
        for request in b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n":
            self.assertIn(b"Connection: close\r\n", self.raw(request))

    def test_a_request_in_pieces_and_one_with_a_body(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as sock:
            pieces = b"GE|T / HTTP/1.1\r\nContent-Le|ngth: 5\r\n\r|\nhel|loGET / HTTP/1.0\r\n\r\n"
            for piece in pieces.split(b"|"):
                sock.sendall(piece)
                time.sleep(0.01)
            with sock.makefile("rb") as file:
                self.assertEqual(file.read().count(b"HTTP/1.1 401 "), 2)


class LogTest(FakeAwsTest):
    def test_each_request_is_a_line_without_the_token(self):
        self.write("faults", [{"path": DOCUMENT, "truncate": 9}])
        before = time.monotonic()
        first, second = self.client(), self.client(token=False)
        first.get(MAC)
        second.get("/latest/nope?x=1", {})

        with self.assertRaises(http.client.IncompleteRead):
            first.get(DOCUMENT)
        lines = self.log()
        self.assertEqual([line["method"] for line in lines], ["PUT", "GET", "GET", "GET"])
        self.assertEqual([line["path"] for line in lines], [TOKEN_PATH, MAC, "/latest/nope", DOCUMENT])
        self.assertEqual([line["status"] for line in lines], [200, 200, 401, 200])
        self.assertEqual([line["bytes"] for line in lines][:2] + [lines[3]["bytes"]], [56, 17, 9])
        self.assertEqual([line["token"] for line in lines], [False, True, False, True])
        self.assertEqual(lines[0]["connection"], lines[1]["connection"])
        self.assertNotEqual(lines[1]["connection"], lines[2]["connection"])

        times = [before, *(line["t"] for line in lines), time.monotonic()]
        for earlier, later in zip(times, times[1:]):
            self.assertLessEqual(earlier, later + 1e-5)
        with open(self.path("log"), encoding="utf-8") as file:
            self.assertNotIn(first.headers["X-aws-ec2-metadata-token"], file.read())


class ProcessTest(FakeAwsTest):
    def test_sigterm_ends_it_cleanly(self):
        self.client()  # with a connection open
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(5), 0)
        self.assertEqual(self.process.stderr.read(), "")

    def test_it_tells_its_port_and_readiness(self):
        for address in self.path("notify"), "\0fake-aws-test-" + str(os.getpid()):
            with self.subTest(address=address), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.bind(address)
                sock.settimeout(5)

                environment = dict(os.environ, NOTIFY_SOCKET=address.replace("\0", "@"))
                with subprocess.Popen([FAKE_AWS, "--profile", M5_LARGE, "--port-file", self.path("port")],
                                      env=environment, stdout=subprocess.DEVNULL) as process:
                    try:
                        self.assertEqual(sock.recv(100), b"READY=1")
                        with open(self.path("port"), encoding="ascii") as file:
                            self.port = int(file.read())
                        self.assertEqual(self.client().get(MAC).status, 200)
                    finally:
                        process.terminate()

    def test_it_refuses_what_it_cannot_serve(self):
        for profile, complaint in [
            ([], "an object of objects"),
            ({"meta-data": {"a": 1}}, "'/latest/meta-data/a'"),
            ({"meta-data": {"a/": "x"}}, "empty path component"),
            ({"meta-data": {"a": "x", "a/b": "y"}}, "both a value and a directory"),
        ]:
            with self.subTest(profile=profile):
                self.write("profile", profile)
                result = subprocess.run([FAKE_AWS, "--profile", self.path("profile")],
                                        capture_output=True, text=True, timeout=5, check=False)
                self.assertEqual(result.returncode, 1)
                self.assertIn(complaint, result.stderr)
        for listen in "localhost:80", "127.0.0.1", "127.0.0.1:70000", ":80":
            with self.subTest(listen=listen):
                result = subprocess.run([FAKE_AWS, "--profile", M5_LARGE, "--listen", listen],
                                        capture_output=True, timeout=5, check=False)
                self.assertEqual(result.returncode, 2)

    def test_it_gives_an_interface_the_address(self):
        unshare = [shutil.which("unshare") or "unshare", "--user", "--map-root-user", "--net"]
        try:
            subprocess.run([*unshare, "true"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            self.skipTest("no network namespaces here")

        # 192.0.2.1 is nobody's (RFC 5737): only a lo that is up and has it lets us listen there. The second
        # round finds the address in place.
        script = """
            for round in 1 2; do
                "$@" --address-on lo --listen 192.0.2.1:0 --port-file "$PORT_FILE" &
                until [ -s "$PORT_FILE" ] || ! kill -0 $!; do sleep 0.01; done
                kill $!
                wait $!
                rm "$PORT_FILE"
            done
        """
        result = subprocess.run([*unshare, "sh", "-c", script, "sh", FAKE_AWS, "--profile", M5_LARGE],
                                env=dict(os.environ, PORT_FILE=self.path("port")),
                                capture_output=True, text=True, timeout=5, check=False)
        self.assertEqual(result.stderr, "")
        self.assertEqual(len(result.stdout.split()), 2)


if __name__ == "__main__":
    unittest.main()
