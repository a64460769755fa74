#!/usr/bin/python3 -IS
# SPDX-License-Identifier: Apache-2.0
"""Tests of the JSON Schemas: they accept what eksnode accepts, and refuse the keys that it refuses.

usage: schema_test.py SOURCE EKSNODE-VALIDATE NODE-CONFIG-SCHEMA TOML-SCHEMA"""

import copy
import json
import re
import subprocess
import sys
import tempfile
import tomllib
import unittest
from pathlib import Path

sys.path += ["/usr/lib/python3/dist-packages"]  # -S leaves it out; a developer's own Python has other versions
try:
    import jsonschema
    import yaml
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

SOURCE, VALIDATE, NODE_CONFIG, TOML = sys.argv[1:]
SCHEMAS = {"yaml": json.loads(Path(NODE_CONFIG).read_text()), "toml": json.loads(Path(TOML).read_text())}
HEAD = {"apiVersion": "node.eks.aws/v1alpha1", "kind": "NodeConfig"}
GOLDEN = Path(SOURCE, "tests/golden")


def load(text, form):
    return tomllib.loads(text) if form == "toml" else yaml.safe_load(text)


def key_path(parts):
    """As key_path() of the programs writes it."""
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            bare = re.fullmatch(r"[A-Za-z0-9_/-]+", part)
            text += ("." if text else "") + (part if bare else json.dumps(part))

    return text


def refused_by_schema(document, form):
    """Paths of what the schema refuses. Of an unknown or missing key, that of the key itself."""
    found = set()
    for error in jsonschema.Draft202012Validator(SCHEMAS[form]).iter_errors(document):
        here = list(error.absolute_path)
        if error.validator == "additionalProperties":
            found |= {key_path([*here, name]) for name in error.instance.keys() - error.schema["properties"].keys()}
        elif error.validator == "required":
            found |= {key_path([*here, name]) for name in error.validator_value if name not in error.instance}
        else:
            found.add(key_path(here))

    return found


def toml_value(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    return json.dumps(value)


def write(document, form):
    if form == "yaml":
        return json.dumps(document)
    return "".join(f"{json.dumps(key)} = {toml_value(value)}\n" for key, value in document.items())


def refused_by_eksnode(document, form):
    """Paths of keys and types that eksnode refuses; what the values mean is not the schema's."""
    with tempfile.NamedTemporaryFile("w", suffix=f".{form}") as file:
        file.write(write(document, form))
        file.flush()
        done = subprocess.run([VALIDATE, file.name], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, check=False)

    if done.returncode not in (0, 78):
        raise AssertionError(f"{VALIDATE} ends with {done.returncode}: {done.stderr}")

    line = re.compile(rf"error: {file.name}(?:, line \d+, column \d+)?: (\S+?)(?: = .*)?: "
                      r"(?:unknown key|must be|missing: must be|not a name of)")
    found = {m[1] for m in map(line.match, done.stderr.splitlines()) if m}

    # Within a free map the schema leaves it to eksnode. Of the merged result a name is one without "spec".
    return {f"spec.{key}" if (key, form) == ("cluster.name", "yaml") else key
            for key in found if not key.startswith(("kubelet.config.", "containerd.runtimes."))}


def leaves(schema, path=()):
    """(path) of every key that has a value of its own."""
    for name, child in schema.get("properties", {}).items():
        if "properties" in child:
            yield from leaves(child, (*path, name))
        else:
            yield (*path, name)


def inner(schema, path=()):
    """(path) of every map that keys stand in."""
    yield path
    for name, child in schema.get("properties", {}).items():
        if "properties" in child:
            yield from inner(child, (*path, name))


def put(document, path, value):
    for part in path[:-1]:
        document = document.setdefault(part, {})
    document[path[-1]] = copy.deepcopy(value)


def code_blocks(page):
    return re.findall(r"^```\w*\n(.*?)^```$", Path(SOURCE, page).read_text(), re.M | re.S)


def examples():
    """(name, form, text) of every configuration in pages for users."""
    for page in [Path("README.md"), *(p.relative_to(SOURCE) for p in sorted(Path(SOURCE, "man").glob("*.scd")))]:
        for number, text in enumerate(code_blocks(page), 1):
            if text.startswith("apiVersion: node.eks.aws"):
                yield f"{page}, example {number}", "yaml", text
            elif (m := re.match(r"(?:#.*\n)*\[(\w+)", text)) and m[1] in SCHEMAS["toml"]["properties"]:
                yield f"{page}, example {number}", "toml", text


def golden(valid):
    """(name, form, text) of the configurations in golden cases that are, or are not, valid."""
    for case in sorted(GOLDEN.iterdir()):
        status = case / "status"
        if not case.is_dir() or (not status.exists() or status.read_text().strip() == "0") != valid:
            continue

        for file in sorted(case.glob("root/**/*")):
            form = None
            if file.name == "node.toml" or file.parent.name in ("node.d", "nodeadm.d", "layers"):
                form = {".toml": "toml", ".yaml": "yaml", ".yml": "yaml"}.get(file.suffix)

            if file.name == "user-data" and b"\nkind: NodeConfig" in file.read_bytes() \
                    and not any(word in file.read_bytes()[:200] for word in (b"multipart/", b"MIME-Version")):
                form = "yaml"

            if form and file.is_file():
                yield str(file.relative_to(GOLDEN)), form, file.read_text(encoding="utf-8-sig")


class SchemaTest(unittest.TestCase):
    def test_schemas_are_schemas(self):
        for form, schema in SCHEMAS.items():
            with self.subTest(form):
                jsonschema.Draft202012Validator.check_schema(schema)
                self.assertRegex(schema["$id"], r"^urn:eksnode:\d+\.\d+\.\d+:")

    def test_every_key_is_described(self):
        for form, schema in SCHEMAS.items():
            for path in leaves(schema):
                node = schema
                for part in path:
                    node = node["properties"][part]
                with self.subTest(form, path=path):
                    self.assertTrue("const" in node or len(node["description"]) > 10)

    def test_examples_pass(self):
        found = list(examples())
        self.assertEqual({form for _, form, _ in found}, {"yaml", "toml"})
        for name, form, text in found:
            with self.subTest(name):
                self.assertEqual(refused_by_schema(load(text, form), form), set())

    def test_golden_cases_pass(self):
        found = list(golden(valid=True))
        self.assertGreater(len(found), 10)
        for name, form, text in found:
            with self.subTest(name):
                self.assertEqual(refused_by_schema(load(text, form), form), set())

    def test_wrong_golden_cases_fail(self):
        wrong = {
            "bad-wrong-types/root/run/eks/user-data": {"spec.cluster.name", "spec.kubelet.flags"},
            "bad-admin-key/root/etc/eks/node.toml": {"cluster.nmae"}}

        for name, form, text in golden(valid=False):
            if name in wrong:
                with self.subTest(name):
                    self.assertEqual(refused_by_schema(load(text, form), form), wrong.pop(name))

        self.assertEqual(wrong, {})

    def test_wrong_documents_fail_where_they_are_wrong(self):
        rows = [
            ("toml", "[cluster]\nname = 5", {"cluster.name"}),
            ("toml", "[cluster]\nname = '-a'", {"cluster.name"}),
            ("toml", "[clutser]\nname = 'a'", {"clutser"}),
            ("toml", "[kubelet]\nmode = 'merge'\nflags = [1, 'a', 2]", {"kubelet.mode", "kubelet.flags[0]", "kubelet.flags[2]"}),
            ("toml", "[kubelet]\nconfigMode = 'mrege'", {"kubelet.configMode"}),
            ("toml", "[instance.localStorage]\ndisabledMounts = ['SOCI', 'soci']", {"instance.localStorage.disabledMounts[1]"}),
            ("toml", "[featureGates]\n\"a.b\" = 1", {'featureGates."a.b"'}),
            ("toml", "[cni]\nmaxENIs = -1", {"cni.maxENIs"}),
            ("yaml", "kind: NodeConfig", {"apiVersion"}),
            ("yaml", "apiVersion: node.eks.aws/v1\nkind: Node", {"apiVersion", "kind"}),
            ("yaml", json.dumps(HEAD | {"spec": []}), {"spec"}),
            ("yaml", json.dumps(HEAD | {"spec": {"cluster": {"cidr": 5}, "kubelet": "x"}}),
             {"spec.cluster.cidr", "spec.kubelet"}),
            ("yaml", json.dumps(HEAD | {"spec": {"instance": {"environment": {"default": {"A": 1}}}}}),
             {"spec.instance.environment.default.A"})]
        for form, text, paths in rows:
            with self.subTest(text):
                self.assertEqual(refused_by_schema(load(text, form), form), paths)

    def test_fields_of_tomorrow_pass_in_a_node_config_only(self):
        self.assertEqual(refused_by_schema(HEAD | {"spec": {"kubelet": {"new": 1}, "new": {}}, "status": 1}, "yaml"), set())
        self.assertEqual(refused_by_schema({"kubelet": {"new": 1}, "new": {}}, "toml"), {"kubelet.new", "new"})

    def test_eksnode_agrees(self):
        """Each value in the place of every key at once: eksnode names them all, and so must the schema."""
        values = [5, -1, 2**31, True, "", "x", "no name", "RAID0", [], ["x"], ["SOCI", ""], ["x", 5], {}, {"a": "b"}, {"a": True},
                  {"a": 1}, {"a": {"b": "c"}}, {"a": {"b": 1}}, {"a.b": [1]}]
        some_refused = some_accepted = False

        for form, schema in SCHEMAS.items():
            # null is a matter of YAML; a file of that name is not there, which is no matter of types
            for value in values if form == "toml" else [*values, None, [None], {"a": None}, {"a": {"b": None}}]:
                document = {}
                for path in leaves(schema):
                    if path[-1] != "configFile":
                        put(document, path, value)

                if form == "yaml":
                    document |= HEAD

                with self.subTest(form, value=value):
                    refused = refused_by_eksnode(document, form)
                    self.assertEqual(refused_by_schema(document, form), refused)
                    some_refused |= bool(refused)
                    some_accepted |= not refused

        self.assertTrue(some_refused)
        self.assertTrue(some_accepted)

    def test_eksnode_agrees_on_unknown_keys(self):
        for form, schema in SCHEMAS.items():
            document = {}
            for path in inner(schema):
                put(document, (*path, "phantom"), 1)
            if form == "yaml":
                document |= HEAD

            with self.subTest(form):
                refused = refused_by_eksnode(document, form)
                self.assertEqual(refused_by_schema(document, form), refused)
                self.assertEqual(bool(refused), form == "toml")

    def test_eksnode_agrees_on_maps(self):
        """A value that is not a map, in place of a map."""
        for form, schema in SCHEMAS.items():
            for value in [5, "x", [], True] + ([None] if form == "yaml" else []):
                document = {}
                for path in inner(schema):
                    if len(path) == (2 if form == "yaml" else 1):
                        put(document, path, value)

                if form == "yaml":
                    document |= HEAD
                with self.subTest(form, value=value):
                    self.assertEqual(refused_by_schema(document, form), refused_by_eksnode(document, form))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
