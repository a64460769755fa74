#!/usr/bin/python3 -IS
# SPDX-License-Identifier: Apache-2.0
"""Every config.toml that the golden cases expect, held against what containerd makes of it.

usage: containerd_config.py schema-2|schema-3

Schema 2: `containerd --config FILE config dump` of the real daemon must show every setting of the file. It passes over
what it does not know without a word, so a setting in the wrong place shows here and nowhere else. Schema 3: Debian
12, where this runs, has no 2.x daemon; every setting must be in containerd-3-keys.txt, made from what 2.x prints and
documents. The boot tests start a 2.x daemon, of another Debian, with the files of a node.
"""

import fnmatch
import importlib.machinery
import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
CONFIG = "etc/containerd/config.toml"

sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("golden", str(HERE / "run"))
golden = importlib.util.module_from_spec(importlib.util.spec_from_loader("golden", loader))
loader.exec_module(golden)

# containerd 1.7 and later; our cases are dumped by whatever 1.x is installed.
SINCE_17 = {
    "plugins/io.containerd.grpc.v1.cri/enable_cdi",
    "plugins/io.containerd.grpc.v1.cri/image_pull_progress_timeout",
    "plugins/io.containerd.grpc.v1.cri/containerd/runtimes/*/sandbox_mode",
    "plugins/io.containerd.grpc.v1.cri/containerd/runtimes/*/snapshotter",
    "proxy_plugins/*/exports/*",
}
# containerd 2.3 and later, which no suite of Debian has yet.
SINCE_23 = {
    "debug/log_trace_id",
    "plugins/io.containerd.cri.v1.runtime/enable_criu",
    "plugins/io.containerd.cri.v1.runtime/stats_collect_period",
}
# Settings that a case gives to check that unknown settings are kept.
UNKNOWN = {
    "containerd-toml-2-on-2": {
        "plugins/com.example.thing.v1.thing/*",
        "plugins/io.containerd.grpc.v1.cri/tomorrow",
    },
}


def settings(tree, path=()):
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from settings(value, (*path, key))
        else:
            yield "/".join((*path, key)), value


def fits(setting, patterns):
    """As a shell's pattern, but "*" is one name, and a last "**" all that is below."""
    words = setting.split("/")
    for pattern in patterns:
        parts = pattern.split("/")
        if parts[-1] == "**":
            parts[-1:] = ["*"] * max(1, len(words) - len(parts) + 1)
        if len(parts) == len(words) and all(fnmatch.fnmatchcase(w, p) for w, p in zip(words, parts)):
            return True

    return False


def cases(schema):
    """Name, text and settings of each case that expects a config.toml of its own."""
    for file in sorted(HERE.glob(f"*/expected/{CONFIG}*")):
        case = file.relative_to(HERE).parts[0]
        text = golden.expected_tree(HERE / case)[CONFIG][1].decode()
        tree = tomllib.loads(text)
        if tree["version"] == schema:
            yield case, text, tree


def skip(why):
    print(why)
    sys.exit(77)


def check_schema_2():
    try:
        version = subprocess.run(["containerd", "--version"], capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        skip("no containerd on this machine: tests/deps installs it")

    if not re.search(r" v?1\.\d+\.\d+", version):
        skip(f"containerd is no 1.x: {version}")
    old = "1.6." in version

    for case, text, tree in cases(2):
        dump = subprocess.run(["containerd", "--config", "/dev/stdin", "config", "dump"], input=text, capture_output=True,
                              text=True, timeout=30)
        if dump.returncode != 0:
            yield f"{case}: containerd config dump: {dump.stderr.strip()}"
            continue

        seen = dict(settings(tomllib.loads(dump.stdout)))
        for name, value in settings(tree):
            if old and fits(name, SINCE_17):
                continue
            if name not in seen:
                yield f"{case}: {name}: containerd does not know it"
            elif seen[name] != value:
                yield f"{case}: {name}: {value!r} was meant, containerd has {seen[name]!r}"


def check_schema_3():
    known = [line for line in (HERE / "containerd-3-keys.txt").read_text().splitlines() if line and line[0] != "#"]
    for case, _, tree in cases(3):
        for name, _ in settings(tree):
            if not fits(name, known) and not fits(name, UNKNOWN.get(case, ())):
                yield f"{case}: {name}: containerd 2.x does not know it"


def main():
    checks = {"schema-2": check_schema_2, "schema-3": check_schema_3}
    if len(sys.argv) != 2 or sys.argv[1] not in checks:
        sys.exit(__doc__)
    problems = list(checks[sys.argv[1]]())
    print("\n".join(problems))
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
