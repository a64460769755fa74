#!/usr/bin/python3 -I
# SPDX-License-Identifier: Apache-2.0
"""How MIME documents are read as user data, compared with the two programs that read them on other nodes.

usage: mime_test.py MIME-PROBE

nodeadm reads a NodeConfig with Go's net/mail, mime and mime/multipart, whose rules are in go_reads(); cloud-init reads
scripts with Python's email module. The rules are those of Go 1.26, with which nodeadm is built. Older versions differ:
up to 1.20, a field may have no name (": x"), and a message that ends in its header is none.
The documents are generated with a fixed seed: parts of every kind, and damage. Not among them: a boundary that is given
twice, line ends that differ within a document, lines above 4,096 bytes, and a first line or an end of blanks."""

import base64
import email
import itertools
import json
import random
import re
import subprocess
import sys
import unittest
import urllib.parse

SEED = 20261124
COUNT = 3000
NODE_CONFIG = "application/node.eks.aws"
OURS = {NODE_CONFIG, "application/vnd.eksnode+toml"}

SPECIAL = r'()<>@,;:\\"/\[\]?='
TOKEN = rf"[^\x00-\x20\x7f-\U0010ffff{SPECIAL}]+"
PARAMETER = re.compile(rf'\s*;\s*({TOKEN})\s*=\s*(?:({TOKEN})|"((?:\\[{SPECIAL}]|\\(?![{SPECIAL}])|[^"\\\r\n])*)")')


def extended(value):
    """The text of "charset'language'text" (RFC 2231), with its escapes decoded; None if Go does not know it."""
    charset, language, text = [*value.split("'", 2), None, None][:3]
    return unescaped(text) if text is not None and charset.lower() in ("us-ascii", "utf-8") else None


def unescaped(text):
    return None if re.search("%(?![0-9A-Fa-f]{2})", text) else urllib.parse.unquote(text)


def join_pieces(parameters):
    """Put a parameter in pieces, or with a charset, in the place of the plain one."""
    for key in {name.split("*")[0] for name in parameters if "*" in name}:
        whole, pieces = parameters.pop(key + "*", None), []
        for n in itertools.count():
            plain, escaped = parameters.get(f"{key}*{n}"), parameters.get(f"{key}*{n}*")
            if plain is None and escaped is None:
                break
            pieces.append(plain if plain is not None else (unescaped if n else extended)(escaped) or "")

        value = extended(whole) if whole is not None else "".join(pieces) if pieces else None
        if value is not None:
            parameters[key] = value
    return parameters


def media_type(value):
    """Type and parameters; None if Go rejects it."""
    name = value.split(";")[0]
    kind = name.strip().lower()
    if not re.fullmatch(rf"{TOKEN}(/{TOKEN})?", kind):
        return None

    rest, parameters = value[len(name):], {}
    while rest.strip():
        found = PARAMETER.match(rest)
        if not found:
            return (kind, join_pieces(parameters)) if rest.strip() == ";" else None

        given = found[2] if found[2] is not None else re.sub(rf"\\([{SPECIAL}])", r"\1", found[3])
        if parameters.setdefault(found[1].lower(), given) != given:
            return None

        rest = rest[found.end():]

    return kind, join_pieces(parameters)


def take_line(text, at):
    end = text.find("\n", at) + 1 or len(text)
    return text[at:end], end


def header(text, at, of_part):
    """Fields, where the text goes on, and how the header ended: "end", "eof" or "bad"."""
    fields = {}
    if text[at:at + 1] in (" ", "\t"):
        return fields, at, "bad"

    while at < len(text):
        raw, at = take_line(text, at)
        line = re.sub("\r?\n$", "", raw)
        if not line:
            return fields, at, "end"
        if of_part and ":" not in line:
            return fields, at, "bad"

        field = line.strip(" \t")
        while at < len(text) and text[at] in " \t":
            raw, at = take_line(text, at)
            field += " " + raw.strip(" \t\r\n")

        name, colon, value = field.partition(":")
        if not colon:
            return fields, at, "bad"
        if of_part and (not re.fullmatch(r"[-!#$%&'*+.^_`|~0-9A-Za-z ]+", name) or re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value)):
            return fields, at, "bad"

        fields.setdefault(name.lower(), value.lstrip(" \t"))

    return fields, at, "eof"


def go_reads(text):
    """The bodies of the NodeConfigs; "plain" if nodeadm takes the whole text for one, "rejected" if it fails."""
    fields, at, end = header(text, 0, of_part=False)
    kind = media_type(fields.get("content-type", ""))
    if end == "bad" or not kind or not kind[0].startswith("multipart/"):
        return "plain"
    if not kind[1].get("boundary"):
        return "rejected"

    delimiter, newline, bodies, first = "--" + kind[1]["boundary"], "\r\n", [], True

    def is_closing(line):
        rest = line[len(delimiter) + 2:].lstrip(" \t")
        return line.startswith(delimiter + "--") and rest in ("", newline)

    after_newline = False
    while True:
        line, at = take_line(text, at)
        if not line.endswith("\n"):
            return bodies if is_closing(line) else "rejected"

        rest = line[len(delimiter):].lstrip(" \t") if line.startswith(delimiter) else None
        if first and rest == "\n":
            newline = "\n"

        if rest != newline:
            if is_closing(line):
                return bodies
            if not first and (line != newline or after_newline):
                return "rejected"
            after_newline = not first
            continue

        first = after_newline = False
        fields, at, end = header(text, at, of_part=True)
        if end != "end":
            return bodies if end == "eof" else "rejected"

        follows = r"(?:$|[ \t\r\n]|--)"
        found = (re.compile(re.escape(delimiter) + follows).match(text, at)
                 or re.compile(re.escape(newline + delimiter) + follows).search(text, at))

        if fields.get("content-type"):
            kind = media_type(fields["content-type"])
            if not kind:
                return "rejected"
            if found and kind[0] == NODE_CONFIG:
                bodies.append(text[at:found.start()])

        if not found:
            return "rejected"

        at = found.start()


def python_parts(text):
    """Types and bodies: (type, body, whether it is in a multipart of a part). Blanks at the beginning are skipped, which
    cloud-init does not do, so that more is asked for."""
    parts = []

    def walk(message, depth):
        if message.is_multipart():
            for inner in message.get_payload():
                walk(inner, depth + 1)
        else:
            parts.append((message.get_content_type(), message.get_payload(), depth > 1))

    if "mime-version:" in text[:4096].lower():  # else cloud-init does not take it for MIME
        walk(email.message_from_string(text.lstrip("\r\n\t ")), 0)

    return [(kind, body, nested) for kind, body, nested in parts
            if (kind, body) != ("text/plain", "") and not kind.startswith("multipart/")]


def cannot_run(script):
    """Whether blanks are before the "#!", with which the kernel does not run it."""
    return script.lstrip().startswith("#!") and not script.startswith("#!")


class Generator:
    def __init__(self):
        self.random = random.Random(SEED)

    def part(self, boundary, depth=0):
        choose = self.random.choice
        charset = choose(["", "; charset=\"us-ascii\"", "; charset=utf-8;", "; charset = \"utf-8\" ;"] * 8 + ["; charset=a b", ";x"])
        script = ["#!/bin/bash", "echo a: b", "/etc/eks/bootstrap.sh c", "--" + boundary + "x", "", "# end"]

        config = ["apiVersion: node.eks.aws/v1alpha1", "kind: NodeConfig", "spec:", "  cluster: {name: c}", ""]
        kind, body = choose([
            ("text/x-shellscript", script), ("text/x-shellscript", script), ("Text/X-ShellScript", script), ("text/plain", script),
            ("text/cloud-config", ["#cloud-config", "runcmd: [true]"]), ("application/json", ["{}"]), ("", ["what"]),
            *[(NODE_CONFIG, config)] * 3, *[(NODE_CONFIG, ["---", *config])] * 3,
            ("application/vnd.eksnode+toml", ["[cluster]", "name = 'c'"]), ("multipart/mixed", None),
            (choose(["a/b/c", "text/html", "text/html"]), ["x"])])
        if body is None:
            inner = boundary + choose(["in", "2", "-"]) if depth < 2 else "last"
            nested = choose([f'; boundary="{inner}"', f"; boundary={inner}", "", '; boundary=""'])
            body = [line for _ in range(self.random.randrange(3)) for line in ["--" + inner, *self.part(inner, depth + 1)]]
            return ["Content-Type: multipart/mixed" + nested, "", *body, *choose([["--" + inner + "--"], []])]

        lines = [f"Content-Type: {kind}{charset}"] if kind else choose([[], ["Content-Type:"]])
        lines += choose([[], [], ["MIME-Version: 1.0"], ["Content-Disposition: attachment;", "\tfilename=\"x\""],
                         ["Content-Transfer-Encoding: 7bit"], ["My-Key: x"]] * 4 + [["My Key: x"], ["Key(1): x"], [": x"]])

        if kind != NODE_CONFIG and self.random.random() < 0.1:
            lines.append("Content-Transfer-Encoding: " + choose(["base64", "quoted-printable"]))

        return [*lines, "", *body]

    def damaged(self, lines, boundary):
        choose, randrange = self.random.choice, self.random.randrange
        for _ in range(choose([0, 0, 1, 1, 1, 2, 3])):
            i = randrange(len(lines)) if lines else 0
            damage = choose(["drop", "twice", "blank", "blanks", "cut", "tail", "lead", "swap", "drop-blank", "drop-closing"])
            blank = [n for n, line in enumerate(lines) if not line]
            closing = [n for n, line in enumerate(lines) if line.startswith("--") and line.endswith("--")]

            if damage == "drop":
                del lines[i:i + 1]
            elif damage == "twice":
                lines[i:i] = lines[i:i + 1]
            elif damage == "blank":
                lines.insert(i, "")
            elif damage == "blanks":
                lines.insert(i, choose(["  ", "\t"]))
            elif damage == "cut":
                del lines[i:]
            elif damage == "tail" and lines:
                lines[i] += choose(["\\", " ", "--", "x", " #", ";"])
            elif damage == "lead":
                lines[:0] = choose([[""], ["", ""], ["From nobody Tue Nov 24 2026"], ["--" + boundary], ["# a comment"]])
            elif damage == "swap" and lines:
                j = randrange(len(lines))
                lines[i], lines[j] = lines[j], lines[i]
            elif damage == "drop-blank" and blank:
                del lines[choose(blank)]
            elif damage == "drop-closing" and closing:
                n = choose(closing)
                lines[n] = choose([lines[n][:-2], lines[n] + "\\"])

        return lines

    def document(self):
        choose = self.random.choice
        boundary = choose(["B", "//", "==BOUND==", "MIME BOUNDARY", "b-"])
        shown = choose([f'boundary="{boundary}"'] * 3 + [f"boundary={boundary}"])

        if self.random.random() < 0.2:
            half, escaped = len(boundary) // 2, urllib.parse.quote(boundary, safe="")
            head, tail = (urllib.parse.quote(piece, safe="") for piece in (boundary[:half], boundary[half:]))
            shown = choose([
                f'boundary*0="{boundary[:half]}"; boundary*1="{boundary[half:]}"',
                f'boundary*1="{boundary[half:]}";BOUNDARY*0="{boundary[:half]}"',
                f"boundary*=us-ascii''{escaped}", f"boundary*=UTF-8'en'{escaped}", f"boundary*=\"utf-8''{boundary}\"",
                f"boundary*0*=us-ascii''{head}; boundary*1*={tail}", f'boundary*0*=utf-8\'\'{head}; boundary*1="{boundary[half:]}"',
                f'boundary*0="{boundary}"', f"boundary*=iso-8859-1''{escaped}", f'boundary*1="{boundary}"'])

        fields = ["MIME-Version: 1.0", f"Content-Type: multipart/mixed;{choose([' ', ''])}{shown}"]
        if self.random.random() < 0.2:
            fields[1:] = ["Content-Type: multipart/mixed;", f" {shown}"]
        elif self.random.random() < 0.3:
            fields.reverse()

        if self.random.random() < 0.05:
            fields = ["MIME-Version: 1.0", choose(["Content-Type: text/x-shellscript", "Content-Type: multipart/mixed", "X: y"])]
        lines = [*fields, *choose([[], [], [], ["Number-Attachments: 2"]]), ""]
        lines += choose([[], [], ["a preamble"], [""]])

        for _ in range(choose([0, 1, 1, 2, 2, 3])):
            lines += ["--" + boundary, *self.part(boundary)]
        lines += choose([["--" + boundary + "--"]] * 6 + [["--" + boundary], ["--" + boundary, "X: y"], ["--" + boundary, ""], []])
        end = choose(["\n", "\n", "\r\n"])
        text = end.join(self.damaged(lines, boundary)) + choose([end, end, end, ""])

        if end == "\n" and self.random.random() < 0.1:
            text = text[:self.random.randrange(len(text) + 1)]

        return text.strip(" \t")


class MimeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        generator = Generator()
        cls.documents = [generator.document() for _ in range(COUNT)]
        lines = "".join(base64.b64encode(text.encode()).decode() + "\n" for text in cls.documents)
        done = subprocess.run([PROBE], input=lines, capture_output=True, text=True, timeout=120, check=True)
        cls.read = [json.loads(line) for line in done.stdout.splitlines()]
        cls.go = [go_reads(text) for text in cls.documents]
        cls.parts = [python_parts(text) for text in cls.documents]

    def each(self):
        self.assertEqual(len(self.read), COUNT)
        for text, read, go, parts in zip(self.documents, self.read, self.go, self.parts):
            yield text, read, go, parts, f"{read}\nGo: {go}\n{text}"

    def test_what_nodeadm_reads_is_read_in_the_same_way(self):
        count = 0
        for _, read, go, _, reported in self.each():
            if isinstance(go, str):
                continue
            self.assertNotIn("refused", read, reported)
            own = [d["text"] for d in read["documents"] if not d["toml"] and not d["nested"]]
            self.assertEqual(own, go, reported)
            count += bool(go)

        self.assertGreater(count, COUNT / 10)

    def test_only_what_nodeadm_rejects_is_refused(self):
        count = 0
        for text, read, go, parts, reported in self.each():
            if "refused" not in read or "mime-version:" not in text.lower():  # as cloud-init knows MIME
                continue

            self.assertIsInstance(go, str, reported)

            named = {line.split(":", 1)[1].split(";")[0].strip().lower()
                     for line in text.splitlines() if line.lower().startswith("content-type:")}
            self.assertTrue({kind for kind, _, _ in parts} & OURS or (not parts and named & OURS), reported)

            count += 1

        self.assertGreater(count, COUNT / 20)

    def test_the_scripts_that_cloud_init_finds_are_known(self):
        count = 0
        for _, read, go, parts, reported in self.each():
            script = any((kind == "text/x-shellscript" and body and not cannot_run(body))
                         or (kind == "text/plain" and body.startswith("#!")) for kind, body, _ in parts)
            if script and "refused" not in read:
                self.assertTrue(read["scripts"], reported)
                count += isinstance(go, str)

        self.assertGreater(count, COUNT / 20)

    def test_nothing_is_left_to_cloud_init_in_silence(self):
        count = 0
        for text, read, go, parts, reported in self.each():
            if go != "rejected" or "refused" in read:
                continue

            used = [d for d in read["documents"] if not d["nested"]]
            self.assertEqual(len(used), sum(kind in OURS and not nested for kind, _, nested in parts), reported)

            # Go also rejects a body with a line that only begins as a delimiter does.
            dashes = {line.rstrip() for line in text.splitlines() if line.startswith("--")}
            alike = any(a.startswith(b) and a not in (b, b + "--") for a in dashes for b in dashes)
            self.assertTrue(read["notes"] or alike or not parts, reported)

            count += bool(read["notes"])

        self.assertGreater(count, COUNT / 20)


if __name__ == "__main__":
    PROBE = sys.argv.pop(1)
    unittest.main()
