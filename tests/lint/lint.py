#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the lint tests share: the tree under test, its unit files, and the loop that prints findings.

A lint test is a file of functions named check_*. Each takes a Tree and yields findings, `file:line: what, and what to
do`. Called as `units.py SOURCE BUILD`; exit status 0, 1 with findings, 77 when a check had to be skipped.
self_test.py plants a violation for every one of them.
"""

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

SKIPPED = 77
STEP_CONF = "units/step.conf"
UNIT_DIRECTORY = "usr/lib/systemd/system"
NODE_UNIT_DIRECTORY = "usr/lib/eks/units"  # the generator links what is there
LIBEXEC_DIRECTORY = "usr/libexec/eksnode"
# What tests compare with byte for byte, and what users may send: not ours to tidy.
FIXTURES = re.compile(r"tests/golden/[^/]+/.*|tests/(?:.*/)?(?:corpus|data|reference)/.*")


class Skip(Exception):
    """A check cannot be made here; the text says what is missing."""


def at(path, line, text):
    return f"{path}:{line}: {text}"


def tool(*names):
    """The first of these programs that exists."""
    for name in names:
        if found := shutil.which(name):
            return found
    raise Skip(f"{names[0]} is not installed")


def run(*command, env=None, **options):
    """Run a program; both streams in .stdout, in order, unless asked otherwise, and no terminal for it to adapt to."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0", **(env or {})}
    usual = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "timeout": 300}
    return subprocess.run([str(word) for word in command], text=True, errors="replace", check=False, env=environment,
                          **(usual | options))


def usr_merge(root):
    """Our targets have /lib as a link: what is installed to /lib and to /usr/lib is one directory."""
    for name in ("bin", "lib", "sbin"):
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(f"usr/{name}")


class Tree:
    """A source tree, its build directory, and what the build installs."""

    def __init__(self, source, build, stage=None):
        self.source = Path(source).resolve()
        self.build = Path(build).resolve()
        self._temporary = Path(tempfile.mkdtemp(prefix="eksnode-lint."))
        if stage is not None:
            self.stage = Path(stage)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self._temporary)

    def temporary(self):
        return Path(tempfile.mkdtemp(dir=self._temporary))

    @cached_property
    def stage(self):
        stage = self.temporary()
        usr_merge(stage)
        done = run(tool("meson"), "install", "-C", self.build, "--no-rebuild", "--strip", "--quiet", "--destdir", stage)
        if done.returncode != 0:
            raise RuntimeError(f"meson install failed:\n{done.stdout}")
        return stage

    @cached_property
    def options(self):
        """The build's meson options."""
        return {o["name"]: o["value"] for o in json.loads((self.build / "meson-info/intro-buildoptions.json").read_text())}

    @cached_property
    def all_files(self):
        """Paths of everything that is, or on `git add` would be, under version control; a tarball has no git."""
        if (self.source / ".git").exists() and shutil.which("git"):
            listed = run("git", "-c", "safe.directory=*", "-C", self.source, "ls-files", "-z", "--cached", "--others",
                         "--exclude-standard")  # safe: in CI, root tests a checkout that is somebody else's
            if listed.returncode != 0:
                raise RuntimeError(f"git ls-files failed: {listed.stdout}")
            names = [name for name in listed.stdout.split("\0") if name]
        else:
            names = []
            for directory, folders, found in os.walk(self.source):
                here = Path(directory).relative_to(self.source)
                folders[:] = [f for f in folders if f not in ("__pycache__", ".git") and
                              not (here == Path() and f.startswith("build"))]
                names += [str(here / name) for name in found if not name.endswith(".pyc")]
        # git lists what is deleted but not yet committed, too
        return sorted(Path(n) for n in set(names) if os.path.lexists(self.source / n))

    def files(self, *patterns):
        """Those of our writing that match a glob (`helpers/**/*.cpp`) and are regular files."""
        expressions = [re.compile(_glob(pattern)) for pattern in patterns]
        return [p for p in self.all_files if any(e.fullmatch(str(p)) for e in expressions) and
                not FIXTURES.fullmatch(str(p)) and (self.source / p).is_file() and not (self.source / p).is_symlink()]

    def text(self, path):
        return (self.source / path).read_text()

    def lines(self, path):
        """(number, line) of a file."""
        return enumerate(self.text(path).splitlines(), 1)

    def shebang(self, path):
        with open(self.source / path, "rb") as file:
            first = file.readline(200)
        return first.decode(errors="replace").strip() if first.startswith(b"#!") else ""

    def program(self, name):
        return self.stage / LIBEXEC_DIRECTORY / name


def _glob(pattern):
    """fnmatch lets `*` cross directories; here only `**/` does."""
    parts = re.split(r"(\*\*/|\*)", pattern)
    return "".join({"**/": "(?:.*/)?", "*": "[^/]*"}.get(part, re.escape(part)) for part in parts)


@dataclass(frozen=True)
class Setting:
    section: str
    key: str
    value: str
    line: int


class Unit:
    """A rendered unit or drop-in, and the source file and line that a finding names."""

    def __init__(self, tree, file):
        self.file = file
        self.name = file.name
        relative = unit_name(tree, file)
        candidates = [f"units/{relative}.in", f"units/{relative}", f"dropins/{relative}.in", f"dropins/{relative}"]
        existing = [c for c in candidates if (tree.source / c).exists()]
        self.path = existing[0] if existing else str(relative)
        self.settings = [self._in_source(tree, setting) for setting in settings(file.read_text())]

    def _in_source(self, tree, setting):
        """The setting with the source's line number: what stands for lines of units/step.conf is one line there."""
        if not self.path.endswith(".in"):
            return setting

        rendered = 0
        lengths = {placeholder: len(text.splitlines()) for placeholder, text in step_lines(tree).items()}

        for number, line in tree.lines(self.path):
            rendered += lengths.get(line, 1)
            if rendered >= setting.line:
                return replace(setting, line=number)

        return setting

    def values(self, key):
        """(value, line) of every assignment."""
        return [(s.value, s.line) for s in self.settings if s.key == key]

    def value(self, key):
        """The last assignment's value, or None."""
        values = self.values(key)
        return values[-1][0] if values else None

    def words(self, key):
        return {word for value, _ in self.values(key) for word in value.split()}

    def line(self, key):
        """Where to look: the assignment, or the file's beginning."""
        values = self.values(key)
        return values[-1][1] if values else 1

    def sections(self):
        return {s.section for s in self.settings}

    def headings(self):
        """Every section heading, in order."""
        return re.findall(r"(?m)^\[(\w+)\]$", self.file.read_text())


def step_lines(tree):
    """{placeholder: the lines that meson puts there}, see units/meson.build."""
    unit, service = tree.text(STEP_CONF).partition("\n[Unit]\n")[2].split("\n\n[Service]\n")
    return {"@STEP_UNIT@": unit.strip(), "@STEP_SERVICE@": service.strip()}


def settings(text):
    section, pending, start = "", "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(("#", ";")) or (not pending and not line.strip()):
            continue

        start = start if pending else number
        pending += line.removesuffix("\\")

        if line.endswith("\\"):
            pending += " "
            continue

        logical, pending = pending.strip(), ""
        if logical.startswith("["):
            section = logical.strip("[]")
        else:
            key, _, value = logical.partition("=")
            yield Setting(section, key.strip(), value.strip(), start)


def unit_directories(tree):
    return [tree.stage / UNIT_DIRECTORY, tree.stage / NODE_UNIT_DIRECTORY]


def unit_name(tree, file):
    """The path of a unit or drop-in below the directory that systemd has it from."""
    return next(file.relative_to(top) for top in unit_directories(tree) if file.is_relative_to(top))


def units(tree):
    """Our units, by name."""
    found = (Unit(tree, file) for top in unit_directories(tree) for file in sorted(top.iterdir()) if file.is_file())
    return {unit.name: unit for unit in found}


def drop_ins(tree):
    """Our drop-ins for units, ours and foreign."""
    return [Unit(tree, file) for top in unit_directories(tree) for file in sorted([*top.glob("*.d/*.conf"), *top.glob("node/*.conf")])]


def steps(tree):
    """Our services: eks-*.service."""
    return {name: unit for name, unit in units(tree).items() if name.startswith("eks-") and name.endswith(".service")}


def without_comments(source):
    """C++ text with comments and nothing else blanked out, so that line numbers stay. String literals remain."""
    token = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.DOTALL)
    return token.sub(lambda m: re.sub(r"[^\n]", " ", m[0]) if m[0].startswith("/") else m[0], source)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def checks(module):
    return [f for name, f in inspect.getmembers(module, inspect.isfunction) if name.startswith("check_")]


def main():
    """Run every check of the calling file."""
    if len(sys.argv) != 3:
        print(f"usage: {sys.argv[0]} SOURCE BUILD", file=sys.stderr)
        sys.exit(2)

    findings, skipped = 0, False
    with Tree(sys.argv[1], sys.argv[2]) as tree:
        for check in checks(sys.modules["__main__"]):
            try:
                for finding in sorted(set(check(tree))):
                    print(finding)
                    findings += 1
            except Skip as reason:
                print(f"skipped {check.__name__}: {reason}")
                skipped = True

    if findings:
        print(f"{findings} finding{'s' if findings > 1 else ''}")
    sys.exit(1 if findings else SKIPPED if skipped else 0)
