#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of helpers/data/refresh-instance-types against a made-up EC2 on 127.0.0.1. Exit status 77 without botocore."""

import http.server
import os
import socketserver
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.parse
from pathlib import Path
from xml.sax.saxutils import escape

try:
    import botocore  # noqa: F401
except ImportError:
    sys.exit(77)

SOURCE = Path(__file__).resolve().parent.parent
PROGRAM = SOURCE / "helpers/data/refresh-instance-types"
TABLE = SOURCE / "helpers/data/share/instance-types.tsv"


def xml(value):
    """A Python value as the EC2 protocol writes it: lists of <item>."""
    if isinstance(value, dict):
        return "".join(f"<{key}>{xml(item)}</{key}>" for key, item in value.items())
    if isinstance(value, list):
        return "".join(f"<item>{xml(item)}</item>" for item in value)
    return escape(str(value).lower() if isinstance(value, bool) else str(value))


def instance_type(name, cards, addresses, vcpus=2, default=0, gpu=None, storage=False, hypervisor="nitro"):
    described = {
        "instanceType": name,
        "instanceStorageSupported": storage,
        "vCpuInfo": {"defaultVCpus": vcpus},
        "networkInfo": {
            "defaultNetworkCardIndex": default,
            "ipv4AddressesPerInterface": addresses,
            "maximumNetworkInterfaces": sum(cards),
            "networkCards": [{"networkCardIndex": i, "maximumNetworkInterfaces": n} for i, n in enumerate(cards)],
        },
    }

    if hypervisor:
        described["hypervisor"] = hypervisor
    if gpu:
        described["gpuInfo"] = {"gpus": [{"manufacturer": gpu}]}

    return described


# Region to pages.
REGIONS = {
    "us-east-1": [[instance_type("m5.large", [3], 10), instance_type("x2.big", [7], 50)],
                  [instance_type("c6in.32xlarge", [8, 9], 50, vcpus=128)],
                  [instance_type("a1.metal", [8], 30, vcpus=16, hypervisor=None)]],
    "eu-west-1": [[instance_type("x2.big", [5], 50), instance_type("p9.xlarge", [2, 4], 30, default=1, gpu="NVIDIA", storage=True)]],
    "ap-south-1": [[instance_type("x2.big", [6], 50), instance_type("u-6tb1.metal", [1], 2, hypervisor=None)]],
}


class Ec2(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        query = dict(urllib.parse.parse_qsl(body))
        region = self.headers["Authorization"].split("/")[2]
        self.server.calls.append((region, query["Action"], query.get("NextToken")))

        if query["Action"] == "DescribeRegions":
            answer = {"regionInfo": [{"regionName": name, "regionEndpoint": name} for name in self.server.regions]}
        else:
            pages = self.server.regions[region]
            page = int(query.get("NextToken", 0))
            answer = {"instanceTypeSet": pages[page]} | ({"nextToken": page + 1} if page + 1 < len(pages) else {})

        text = f"<{query['Action']}Response>{xml(answer)}</{query['Action']}Response>".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    server_bind = socketserver.TCPServer.server_bind  # HTTPServer's own asks DNS for a name


class RefreshTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="eksnode-refresh.")
        self.addCleanup(temporary.cleanup)
        self.table = Path(temporary.name) / "instance-types.tsv"
        self.server = Server(("127.0.0.1", 0), Ec2)
        self.server.calls, self.server.regions = [], REGIONS
        thread = threading.Thread(target=self.server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def refresh(self):
        environment = {"PATH": os.environ["PATH"], "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example",
                       "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1", "HOME": str(self.table.parent), "no_proxy": "*"}
        return subprocess.run([sys.executable, str(PROGRAM), "--output", str(self.table), "--endpoint",
                               f"http://127.0.0.1:{self.server.server_address[1]}"], env=environment, text=True, timeout=60,
                              capture_output=True, check=False)

    def rows(self):
        lines = self.table.read_text().splitlines()
        self.assertRegex(lines[0], r"^# Facts from the EC2 DescribeInstanceTypes API, 20\d\d-[01]\d\.")
        self.assertEqual(lines[1], TABLE.read_text().splitlines()[1])
        names = [line.split("\t")[0] for line in lines[2:]]
        self.assertEqual(names, sorted(set(names)))
        return {line.split("\t")[0]: line.split("\t")[1:] for line in lines[2:]}

    def test_all_pages_of_all_regions_are_merged(self):
        done = self.refresh()
        self.assertEqual(done.returncode, 0, done.stderr)

        rows = self.rows()
        self.assertEqual(rows["m5.large"], ["3", "10", "2", "nitro", "none", "no"])
        self.assertEqual(rows["c6in.32xlarge"], ["8", "50", "128", "nitro", "none", "no"])  # the default card's alone
        self.assertEqual(rows["a1.metal"], ["8", "30", "16", "unknown", "none", "no"])
        self.assertEqual(rows["p9.xlarge"], ["4", "30", "2", "nitro", "nvidia", "yes"])  # whose default is not the first
        self.assertEqual(rows["x2.big"][0], "7")  # of us-east-1, the last by name
        self.assertEqual(rows["u-6tb1.metal"][:2], ["5", "30"])  # a supplement
        self.assertEqual(len(rows), 5 + 10)
        self.assertEqual(self.server.calls, [
            ("us-east-1", "DescribeRegions", None), ("ap-south-1", "DescribeInstanceTypes", None),
            ("eu-west-1", "DescribeInstanceTypes", None), ("us-east-1", "DescribeInstanceTypes", None),
            ("us-east-1", "DescribeInstanceTypes", "1"), ("us-east-1", "DescribeInstanceTypes", "2")])

    def test_a_type_that_no_region_has_is_kept(self):
        self.table.write_text("# old\nheader\nm5.large\t9\t9\t\t\t\t\nz1.gone\t2\t4\t\t\t\t\n")
        self.assertEqual(self.refresh().returncode, 0)
        self.assertEqual(self.rows()["z1.gone"], ["2", "4", "", "", "", ""])
        self.assertEqual(self.rows()["m5.large"][0], "3")

    def test_a_nonsensical_or_empty_answer_leaves_the_table_alone(self):
        for pages, reported in ([[instance_type("m5.large", [0], 10)]], "0 network interfaces"), \
                ([[instance_type("m5.large", [3], 10, default=4)]], "no network card 4"), ([[]], "no region knows any type"):
            self.server.regions = {"us-east-1": pages}
            self.table.write_text("untouched")
            done = self.refresh()
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(reported, done.stderr)
            self.assertEqual(self.table.read_text(), "untouched")

    def test_our_own_table_holds_the_supplements(self):
        text = TABLE.read_text()
        self.assertEqual(self.refresh().returncode, 0)
        for name, fields in self.rows().items():
            if name.endswith("tb1.metal") or name in ("cr1.8xlarge", "hs1.8xlarge", "c5a.metal", "c5ad.metal", "bmn-sf1.metal"):
                self.assertIn("\t".join([name, *fields]) + "\n", text)


if __name__ == "__main__":
    unittest.main()
