#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The ids in the code and the texts in the journal's catalog are one list, and nothing on it is dead."""

import re
import shutil

from lint import at, line_of, main, run, tool, without_comments

HEADER = "helpers/lib/base/messages.hpp"
HEADERS = (HEADER, "helpers/lib/storage/messages.hpp", "helpers/lib/net/messages.hpp")
CATALOG = "man/eks-node.catalog"
LITERALS = re.compile(r'"(?:\\.|[^"\\\n])*"(?:\s+"(?:\\.|[^"\\\n])*")*|\'(?:\\.|[^\'\\\n])+\'')
RIDDLE = re.compile(r"\bthat (?:is|are) none\b|(?<!there )\bis no (?!longer\b)[a-z]+|\bno option of it\b|\banew\b")
ERROR = re.compile(r"(\bError\s*[({]|\{)\s*(failure::\w+)")
OF_OTHERS = ("helpers/compat/commands/", "helpers/compat/nodeadm/")
CONSTANT = re.compile(r'constexpr\s+(Event|Failure)\s+(\w+)\s*\{\s*"([^"]*)",\s*"([^"]*)"')


def constants(tree):
    """(kind, identifier, name, id, (header, line)) of every message of the code."""
    found = []
    for header in HEADERS:
        text = without_comments(tree.text(header))
        found += [(m[1].lower(), m[2], m[3], m[4], (header, line_of(text, m.start()))) for m in CONSTANT.finditer(text)]
    return found


def entries(tree):
    """(id, line, body lines) of the catalog."""
    if not (tree.source / CATALOG).exists():
        return []
    found = []
    for number, line in tree.lines(CATALOG):
        if m := re.fullmatch(r"-- (\S+)(?: \S+)?", line):
            found.append((m[1], number, []))
        elif found and not line.startswith("#"):
            found[-1][2].append(line)
    return found


def check_header(tree):
    seen = {}
    for _, identifier, name, message_id, place in constants(tree):
        if not re.fullmatch(r"[0-9a-f]{32}", message_id):
            yield at(*place, f"'{message_id}' is not a message id, make one with systemd-id128 new")
        if name != identifier.replace("_", "-"):
            yield at(*place, f"{identifier} is named '{name}', name it '{identifier.replace('_', '-')}'")
        for value in (name, message_id):
            if value in seen:
                yield at(*place, f"'{value}' is already on line {seen[value][1]} of {seen[value][0]}, give each message its own")
            seen[value] = place


def check_used(tree):
    paths = tree.files("helpers/**/*.cpp", "helpers/**/*.hpp", "generators/**/*.cpp", "generators/**/*.hpp")
    used = set()
    for path in paths:
        if str(path) not in HEADERS:
            used |= set(re.findall(r"\b(event|failure)::(\w+)", without_comments(tree.text(path))))
    for kind, identifier, _, _, place in constants(tree):
        if (kind, identifier) not in used:
            yield at(*place, f"{kind}::{identifier} is used nowhere, use or remove it")


def check_plain_words(tree):
    """A token is "not valid", rather than "none": messages are read in a hurry, and by people who skim."""
    for path in tree.files("helpers/**/*.cpp", "helpers/**/*.hpp", "generators/**/*.cpp", "generators/**/*.hpp"):
        text = without_comments(tree.text(path))
        for literals in LITERALS.finditer(text):
            said = re.sub(r'"\s+"', "", literals[0])  # as the compiler joins them
            if literals[0].startswith('"') and (m := RIDDLE.search(said)):
                yield at(path, line_of(text, literals.start()), f"'{m[0]}' is hard to read, write 'is not a ...'")


def arguments(text, start):
    """The arguments of a call whose first one begins at `start`."""
    found, depth, begin, at_ = [], 1, start, start
    while at_ < len(text):
        if literal := LITERALS.match(text, at_):
            at_ = literal.end()
            continue
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(text[at_], 0)
        if depth == 0 or (depth == 1 and text[at_] == ","):
            found.append(text[begin:at_].strip())
            begin = at_ + 1
        if depth == 0:
            break
        at_ += 1
    return found


def check_remedies(tree):
    """Who reads a console cannot ask what to do. Two kinds have no remedy: faults of ours, and the texts of commands that
    stand for others' commands."""
    for path in tree.files("helpers/**/*.cpp", "helpers/**/*.hpp"):
        if str(path).startswith(OF_OTHERS):
            continue
        text = without_comments(tree.text(path))
        for error in ERROR.finditer(text):
            if len(arguments(text, error.start(2))) < 3 and error[2] != "failure::internal":
                yield at(path, line_of(text, error.start(2)), f"an Error of {error[2]} without a remedy, say what the reader can do")


def check_waits(tree):
    """Who reads `systemctl status` of a step that waits wants to know until when, and what happens then."""
    for path in tree.files("helpers/**/*.cpp"):
        text = without_comments(tree.text(path))
        waits = re.search(r"(?:\.|->)awaiting\(", text)
        if waits and not re.search(r"(?:\.|->)wait_until\(", text):
            yield at(path, line_of(text, waits.start()), "says what is awaited and not until when, call wait_until() before")


def check_catalog(tree):
    """Both ways: an id without a text says nothing to `journalctl -x`, a text without an id is never shown."""
    if not (tree.source / CATALOG).exists():
        yield at(CATALOG, 1, "there is no catalog, write an entry for every id of messages.hpp")
        return
    known = {message_id: (name, place) for _, _, name, message_id, place in constants(tree)}
    first = {}
    for message_id, line, body in entries(tree):
        if message_id in first:
            yield at(CATALOG, line, f"{message_id} has an entry on line {first[message_id]}, drop one")
        first.setdefault(message_id, line)
        if message_id not in known:
            yield at(CATALOG, line, f"{message_id} is not in messages.hpp, drop the entry or mend the id")
        headers = [text for text in body if re.match(r"[A-Z][\w-]*: ", text)]
        if not any(text.startswith("Subject: ") for text in headers):
            yield at(CATALOG, line, "no Subject: line, add one")
        if not [text for text in body if text.strip() and text not in headers]:
            yield at(CATALOG, line, "no text below the subject, say what happened and what to do")
    for message_id, (name, place) in known.items():
        if message_id not in first:
            yield at(*place, f"{name} has no entry in {CATALOG}, add one for {message_id}")


def check_catalog_fields(tree):
    """A catalog text may show fields of its record; ours must be ones that the code sends."""
    sources = "".join(tree.text(path) for path in tree.files("helpers/**/*.cpp", "generators/**/*.cpp"))
    sent = set(re.findall(r'"(EKS_[A-Z_]+)[="]', sources))
    for _, start, body in entries(tree):
        for number, text in enumerate(body, start + 1):
            for field in re.findall(r"@(EKS_\w+)@", text):
                if field not in sent:
                    yield at(CATALOG, number, f"@{field}@ is sent by no program, drop it or send the field")


def check_catalog_compiles(tree):
    """journald reads the catalog as it is, and finds all of it."""
    if not (tree.source / CATALOG).exists():
        return
    journalctl = tool("journalctl")
    root = tree.temporary()
    directory = root / "usr/lib/systemd/catalog"
    directory.mkdir(parents=True)
    shutil.copy(tree.source / CATALOG, directory)
    done = run(journalctl, f"--root={root}", "--update-catalog")
    if done.returncode != 0 or done.stdout:
        yield at(CATALOG, 1, f"journalctl --update-catalog refuses it: {done.stdout.strip()}")
        return
    listed = set(re.findall(r"^[0-9a-f]{32}", run(journalctl, f"--root={root}", "--list-catalog").stdout, re.MULTILINE))
    for message_id, line, _ in entries(tree):
        if message_id not in listed:
            yield at(CATALOG, line, f"journald does not find {message_id}, write 32 hexadecimal digits after '-- '")


if __name__ == "__main__":
    main()
