# SPDX-License-Identifier: Apache-2.0
"""A stand-in for S3, for the metadata service and for a registry, on loopback, as far as the image build needs them."""

import hashlib
import http.server
import json
import re
import sys
import threading
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import aws_signature  # noqa: E402

REGION = "us-west-2"
KEY_ID, SECRET, TOKEN = "AKIDEXAMPLE", "wJalr/XUtnFEMI+K7MDENG", "session/token+with=signs"
KUBELET = '#!/bin/sh\necho "Kubernetes v{}"\n'


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Bucket(http.server.ThreadingHTTPServer):
    """What it has, how it answers, and what it was asked for."""

    def __init__(self):
        self.objects = {}
        self.of_eks = set()  # of these, what only the bucket amazon-eks has
        self.private = False  # requests need a signature, with the session token
        self.token = ""
        self.page = 1000  # the length of a list
        self.region = REGION
        self.role = ""  # the instance profile of the machine
        self.tags = []  # of the image in the registry
        self.cut = set()  # paths whose answers end in the middle, once
        self.requests = []

        super().__init__(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def put(self, key, data):
        self.objects[key] = data.encode() if isinstance(data, str) else data

    def put_build(self, version, date, *archs):
        for arch in archs:
            for name in "kubelet", "ecr-credential-provider", "aws-iam-authenticator":
                key, data = f"{version}/{date}/bin/linux/{arch}/{name}", KUBELET.format(version)
                self.put(key, data)
                self.put(f"{key}.sha256", f"{sha256(data.encode())}  {name}\n")


class Answer(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def reply(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def is_signed(self, path, query):
        match = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=(\w+)/(\S+), ?SignedHeaders=(\S+), ?Signature=(\w+)",
                             self.headers.get("Authorization", ""))
        if not match or match[1] != KEY_ID or match[2].split("/")[1:] != [REGION, "s3", "aws4_request"]:
            return False

        headers = {name: self.headers[name].strip() for name in match[3].split(";")}
        words = sorted(query.split("&")) if query else []

        return (headers.get("x-amz-security-token", "") == self.server.token and match[4] == aws_signature.signature(
            SECRET, headers["x-amz-date"], match[2], self.command, path, "&".join(words), headers))

    def do_PUT(self):
        """The metadata service's token."""
        self.reply(200 if self.path == "/latest/api/token" else 404, b"token-of-imds")

    def do_GET(self):
        path, _, query = self.path.partition("?")
        server = self.server
        signed = self.is_signed(path, query)
        server.requests.append((self.path, signed, dict(self.headers)))

        if path == "/latest/meta-data/ami-id":
            given = self.headers.get("X-aws-ec2-metadata-token")
            return self.reply(200, b"ami-0base") if given == "token-of-imds" else self.reply(401)

        if path == "/latest/meta-data/placement/region":
            return self.reply(200, b"eu-central-1")

        if path.startswith("/latest/meta-data/iam/security-credentials/") and server.role:
            if self.headers.get("X-aws-ec2-metadata-token") != "token-of-imds":
                return self.reply(401)
            text = json.dumps({"Code": "Success", "AccessKeyId": KEY_ID, "SecretAccessKey": SECRET, "Token": TOKEN}, indent=2)
            return self.reply(200, (text if path.endswith(server.role) else server.role).encode())

        if path.startswith(("/v2/", "/token")):
            return self.registry(path, dict(urllib.parse.parse_qsl(query)))

        if path.startswith("/releases/"):
            data = server.objects.get(path[1:])
            return self.reply(200, data) if data is not None else self.reply(404)

        if server.private and not signed:
            return self.reply(403)

        _, bucket, key = path.split("/", 2)
        if bucket != "binaries" and bucket != "amazon-eks":
            return self.reply(404)

        if server.region != REGION:
            return self.reply(301, x_amz_bucket_region=server.region)

        if path in server.cut:
            server.cut.remove(path)
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.close_connection = True
            return None

        if key:
            data = server.objects.get(urllib.parse.unquote(key))
            return self.reply(200, data) if data is not None else self.reply(404)

        return self.reply(200, self.listing(bucket, dict(urllib.parse.parse_qsl(query, keep_blank_values=True))))

    def registry(self, path, query):
        """Lists its tags by two, to a client with a token."""
        if path == "/token":
            granted = query == {"service": "fake registry", "scope": "repository:kubernetes/pause:pull"}
            return self.reply(200, b'{"expires": 1, "token": "let-me-in"}') if granted else self.reply(400)

        if not self.server.tags or path != "/v2/kubernetes/pause/tags/list":
            return self.reply(404)

        if self.headers.get("Authorization") != "Bearer let-me-in":
            return self.reply(401, www_authenticate=f'Bearer realm="{self.server.url}/token",service="fake registry",scope="x"')

        first = int(query.get("last", "0"))
        more = {"link": f'<{path}?last={first + 2}>; rel="next"'} if first + 2 < len(self.server.tags) else {}

        return self.reply(200, json.dumps({"name": "x", "tags": self.server.tags[first:first + 2]}, indent=1).encode(), **more)

    def listing(self, bucket, query):
        """One page. Keys and common prefixes count alike."""
        assert query["list-type"] == "2" and query["delimiter"] == "/"

        prefix, found = query["prefix"], set()
        for key in self.server.objects:
            if key.startswith(prefix) and (bucket == "amazon-eks" or key not in self.server.of_eks):
                rest = key[len(prefix):]
                found.add(prefix + (rest.partition("/")[0] + "/" if "/" in rest else rest))

        names = sorted(found)

        first = int(query.get("continuation-token", "0/+=").removesuffix("/+="))
        last = first + self.server.page

        text = f"<ListBucketResult><Name>b</Name><Prefix>{prefix}</Prefix>"

        if last < len(names):
            text += f"<IsTruncated>true</IsTruncated><NextContinuationToken>{last}/+=</NextContinuationToken>"

        for name in names[first:last]:
            text += (f"<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>" if name.endswith("/") else
                     f"<Contents><Key>{name}</Key><Size>1</Size></Contents>")

        return (text + "</ListBucketResult>").encode()
