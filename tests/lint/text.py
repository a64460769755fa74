#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What holds for every file: a licence line, clean line ends, nothing of one developer's machine; short main.cpp."""

import re

from lint import at, line_of, main, without_comments

LICENSED = (
    "**/*.cpp", "**/*.hpp", "**/*.hpp.in", "**/*.py", "**/*.sh", "**/*.conf", "**/*.conf.in", "**/meson.build",
    "meson_options.txt", "**/*.service", "**/*.service.in", "**/*.target", "**/*.slice", "**/*.socket", "**/*.timer",
    "**/*.path", "**/*.hcl", "**/Makefile", "**/*.mk")
AVOIDED = {  # words, and what to write
    r"\b[Ww]hoever\b": "who or what it is: 'a program that', 'an administrator who'",
    r"\b[Ww]hat won\b": "'the value that was merged last'",
    r"\b(?:is|are) told apart\b": "'are distinguished'",
    r"\bbefore its time\b": "'too early'",
    r"\bmay be said\b": "'is possible'",
    r"\bstrangers?'?\b": "'untrusted', 'another program'",
    r"\b(?:half_made|pages_there|said(?= =)|judge(?=\())": "a name of what it holds or does",
}
NODE_TESTS = re.compile(r"tests/(?:boot|vm|fault)/")  # root's home there is the booted node's

LONGEST_STEP = 60
LONGEST_VERB = 150


def texts(tree):
    """(path, text) of every text file of ours."""
    for path in tree.files("**/*"):
        data = (tree.source / path).read_bytes()
        if b"\0" not in data[:4096] and str(path) != "LICENSE":
            yield path, data.decode(errors="replace")


def check_licence(tree):
    scripts = [path for path in tree.files("**/*") if tree.shebang(path)]
    for path in {*tree.files(*LICENSED), *scripts}:
        text = tree.text(path)
        if text.strip() and "SPDX-License-Identifier: Apache-2.0" not in "\n".join(text.splitlines()[:3]):
            yield at(path, 1, "no licence, add 'SPDX-License-Identifier: Apache-2.0' as a comment at the top")


def check_line_ends(tree):
    for path, text in texts(tree):
        if text and not text.endswith("\n"):
            yield at(path, text.count("\n") + 1, "no newline at the end, add it")
        if text.endswith("\n\n"):
            yield at(path, text.count("\n"), "blank lines at the end, remove them")

        # a row of a table may end in an empty field
        blanks = " \r" if path.suffix == ".tsv" else None
        for number, line in enumerate(text.split("\n"), 1):
            if line != line.rstrip(blanks):
                yield at(path, number, "blanks or a carriage return at the end of the line, remove them")


def check_todo(tree):
    """A note needs an issue, because notes in code are not read."""
    for path, text in texts(tree):
        for m in re.finditer(r"\b(?:TO[D]O|FIX[M]E)\b(?!\s*\(?#\d)", text):
            yield at(path, line_of(text, m.start()), f"{m[0]} without an issue, write {m[0]}(#123) or do it")


def check_words(tree):
    """Plain technical English, as systemd's and the kernel's pages have it; and names that say what a thing is."""
    for path, text in texts(tree):
        if str(path).startswith(("tests/golden/", "tests/fuzz/")) or path.name == "text.py":
            continue
        for words, instead in AVOIDED.items():
            for m in re.finditer(words, text):
                yield at(path, line_of(text, m.start()), f"'{m[0]}' is no plain word here, write {instead}")


def check_shell_calls(tree):
    """A shell between us and a program adds quoting, time and a way to inject: run_program() takes a list."""
    for path in tree.files("**/*.cpp", "**/*.hpp"):
        text = without_comments(tree.text(path))
        for m in re.finditer(r"(?<![\w.>])(?:::|std::)?(system|popen)\s*\(", text):
            yield at(path, line_of(text, m.start()), f"{m[1]}() starts a shell, use run_program()")


def check_foreign_places(tree):
    """Mirrors and home directories differ between machines: what needs one takes it from configuration."""
    for path, text in texts(tree):
        for m in re.finditer(r"\b(?:(?:deb|security|snapshot|ftp)\.debian\.org|archive\.ubuntu\.com|pypi\.org)\b", text):
            yield at(path, line_of(text, m.start()),
                     f"names the host {m[0]}, leave mirrors to the machine's configuration")
        for m in re.finditer(r"(?<![\w.{}$*/-])/(?:work|home|root)/[\w.-]*", text):
            if m[0].startswith("/root") and NODE_TESTS.match(str(path)):
                continue
            yield at(path, line_of(text, m.start()),
                     f"names '{m[0]}' of somebody's machine, use a path relative to the source or an argument")


def code_lines(text):
    """Lines of code: without comments, blank lines, and text for the user (string literals of their own)."""
    lines = [line.strip() for line in without_comments(text).splitlines()]
    return [line for line in lines if line and not re.match(r'(?:constexpr (?:auto|std::string_view) usage = )?"', line)]


def check_rooms(tree):
    """Each room of the library uses only those that helpers/lib/meson.build names before it, and net base alone."""
    table = tree.text("helpers/lib/meson.build").partition("\nlibraries = [")[0]
    order = re.findall(r"'name': '(\w+)'", table)

    for path in tree.files("helpers/lib/*/*.cpp", "helpers/lib/*/*.hpp"):
        room = path.parts[2]
        if room not in order:
            continue

        below = {room, "base"} if room == "net" else set(order[:order.index(room) + 1])
        for number, line in tree.lines(path):
            if (m := re.match(r'#include "(\w+?)(?:/|_messages\.hpp")', line)) and m[1] in order and m[1] not in below:
                yield at(path, number, f"{room} does not stand on {m[1]}, move what it needs")


def check_main_length(tree):
    """main.cpp is wiring: logic belongs where tests and `eksnode plan` link it."""
    for path in tree.files("helpers/**/main.cpp", "generators/**/main.cpp"):
        text = tree.text(path)
        step = "run_step(" in text or path.parts[0] == "generators"
        limit = LONGEST_STEP if step else LONGEST_VERB
        length = len(code_lines(text))
        if length > limit:
            yield at(path, 1, f"{length} lines of code, at most {limit}: move logic into the library beside it")


if __name__ == "__main__":
    main()
