#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of tests/boot/cluster.py and of the options that name real programs. They need none of these programs."""

import base64
import http.server
import json
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path
from unittest import mock

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

TESTS = Path(__file__).resolve().parent
sys.path.insert(0, str(TESTS / "boot"))
import cluster  # noqa: E402

NODE = "ip-172-16-34-43.us-west-2.compute.internal"


def token(key="AKIDEXAMPLE", secret="secret", name="my-cluster"):
    request = AWSRequest("GET", "https://sts.us-west-2.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15",
                         headers={"x-k8s-aws-id": name})
    SigV4QueryAuth(Credentials(key, secret, "session"), "sts", "us-west-2", expires=60).add_auth(request)
    return "k8s-aws-v1." + base64.urlsafe_b64encode(request.url.encode()).decode().rstrip("=")


class Authenticator(unittest.TestCase):
    def setUp(self):
        handler = cluster.tokens({"AKIDEXAMPLE": ("secret", "session")}, {"AKIDEXAMPLE": NODE}, "my-cluster")
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.addCleanup(self.server.server_close)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.shutdown)

    def ask(self, text):
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": text}}
        status, answer = cluster.fetch(self.server.server_address, "POST", "/", None, review)
        self.assertEqual((status, answer["kind"]), (200, "TokenReview"))
        return answer["status"]

    def test_a_node_s_token_gives_the_name_that_ec2_has_for_it(self):
        answer = self.ask(token())
        self.assertIs(answer["authenticated"], True)
        self.assertEqual(answer["user"]["username"], f"system:node:{NODE}")
        self.assertEqual(answer["user"]["groups"], ["system:bootstrappers", "system:nodes"])

    def test_other_tokens_are_refused(self):
        for what, text in {"secret": token(secret="other"), "key": token(key="AKIDOTHER"), "cluster": token(name="other"),
                           "garbage": "k8s-aws-v1.!!", "kind": "eyJhbGciOiJSUzI1NiJ9.e30.c2ln", "nothing": ""}.items():
            with self.subTest(what):
                answer = self.ask(text)
                self.assertIs(answer["authenticated"], False)
                self.assertTrue(answer["error"])

    def test_an_old_token_is_refused(self):
        text = token()
        with mock.patch.object(cluster.time, "time", return_value=time.time() + 16 * 60):
            answer = self.ask(text)
        self.assertEqual(answer, {"authenticated": False, "error": "the token is too old"})


class Milestones(unittest.TestCase):
    def found(self, events, since=0.0):
        with tempfile.TemporaryDirectory() as folder:
            unstarted = cluster.Cluster.__new__(cluster.Cluster)
            unstarted.audit = Path(folder, "audit.log")
            unstarted.audit.write_text("".join(json.dumps(event) + "\n" for event in events))
            return unstarted.milestones(since)

    @staticmethod
    def event(second, verb, code=200, resource="nodes", ready=None):
        event = {"stage": "ResponseComplete", "verb": verb, "stageTimestamp": f"1970-01-01T00:00:{second:09.6f}Z",
                 "objectRef": {"resource": resource}, "responseStatus": {"code": code}}
        if ready is not None:
            event["requestObject"] = {"status": {"conditions": [{"type": "DiskPressure", "status": "True"},
                                                                {"type": "Ready", "status": ready}]}}
        return event

    def test_registered_and_ready_are_told_apart(self):
        events = [self.event(1, "create", 403, ready="False"), self.event(2.25, "create", 201, ready="False"),
                  self.event(3, "patch", ready="False"), self.event(3.1, "patch", 409, ready="True"),
                  self.event(4.5, "patch", ready="True"), self.event(5, "patch", ready="True"),
                  self.event(0.5, "create", 201, resource="leases")]
        self.assertEqual(self.found(events), {"registered": 2.25, "ready": 4.5})
        self.assertEqual(self.found(events[:4]), {"registered": 2.25})

    def test_what_was_before_does_not_count(self):
        events = [self.event(1, "create", 201), self.event(2, "patch", ready="True"), self.event(11, "create", 201)]
        self.assertEqual(self.found(events, since=10), {"registered": 11})


class Options(unittest.TestCase):
    def run_program(self, *words):
        done = subprocess.run([str(TESTS / words[0]), *words[1:]], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def test_without_programs_the_part_is_skipped(self):
        self.assertEqual(self.run_program("run", "real"), (0, "tests/run: real: skipped, as no --kubelet is given\n", ""))

    def test_wrong_options_are_named(self):
        for words, reported in {
                ("run", "real", "--kubelet"): "--kubelet needs a path",
                ("run", "unit", "--kubelet", "/bin/true"): "--kubelet is an option of the part 'real'",
                ("boot/run", "--stage=.", "--kubelet=/nowhere"): "--kubelet: '/nowhere' is not a program",
                ("boot/run", "--stage=.", "--kubelet=/bin/true", "--etcd=/bin/true"): "--apiserver and --etcd belong together",
                ("boot/run", "--stage=.", "--etcd=/bin/true", "--apiserver=/bin/true"): "--apiserver takes --kubelet",
                ("boot/run", "--stage=.", "--containerd=/nowhere"): "there is no program '/nowhere/containerd'",
                ("bench", "--ready", "--kubelet=/bin/true"): "--ready takes --kubelet, --apiserver and --etcd"}.items():
            with self.subTest(words):
                status, _, error = self.run_program(*words)
                self.assertEqual(status, 2)
                self.assertIn(reported, error)


if __name__ == "__main__":
    unittest.main()
