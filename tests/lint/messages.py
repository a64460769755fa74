#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The table of messages is whole, nothing in it is dead, and journald reads what is generated from it."""

import re
import runpy

from lint import at, line_of, main, run, tool, without_comments

MESSAGES = "helpers/data/messages.txt"
SCRIPT = "helpers/data/render-messages"
HEADER = "helpers/lib/base/messages.hpp"
LITERALS = re.compile(r'"(?:\\.|[^"\\\n])*"(?:\s+"(?:\\.|[^"\\\n])*")*|\'(?:\\.|[^\'\\\n])+\'')
RIDDLE = re.compile(r"\bthat (?:is|are) none\b|(?<!there )\bis no (?!longer\b)[a-z]+|\bno option of it\b|\banew\b")
ERROR = re.compile(r"(\bError\s*[({]|\{)\s*(failure::\w+)")
OF_OTHERS = ("helpers/compat/commands/", "helpers/compat/nodeadm/")


def script(tree):
    """What the build reads the table with."""
    return runpy.run_path(str(tree.source / SCRIPT))


def messages(tree):
    """The messages, as the script has them: .name, .identifier, .kind, .id, .line, .text, .fields."""
    return script(tree)["parse"](tree.text(MESSAGES))


def check_table(tree):
    """What stops a build, with its line: ids and names that are not valid or not unique, fields or a text that is missing."""
    for line, text in script(tree)["problems"](messages(tree)):
        yield at(MESSAGES, line, text)


def check_statuses(tree):
    """The script has C++'s exit statuses."""
    text = without_comments(tree.text(HEADER))
    declared = re.search(r"enum class Errc \{([^}]*)\}", text)
    known = {name: value for value, name in script(tree)["STATUSES"].items()}
    if known != dict(re.findall(r"(\w+) = (\d+)", declared[1])):
        yield at(HEADER, line_of(text, declared.start()), f"Errc is not STATUSES of {SCRIPT}, make them equal")


def check_used(tree):
    used = set()
    for path in tree.files("helpers/**/*.cpp", "helpers/**/*.hpp", "generators/**/*.cpp", "generators/**/*.hpp"):
        used |= set(re.findall(r"\b(event|failure)::(\w+)", without_comments(tree.text(path))))
    for message in messages(tree):
        if (message.kind, message.identifier) not in used:
            yield at(MESSAGES, message.line, f"{message.kind}::{message.identifier} is used nowhere, use or remove it")


def check_plain_words(tree):
    """A token is "not valid", rather than "none": messages are read in a hurry, and by people who skim."""
    for path in tree.files("helpers/**/*.cpp", "helpers/**/*.hpp", "generators/**/*.cpp", "generators/**/*.hpp"):
        text = without_comments(tree.text(path))
        for literals in LITERALS.finditer(text):
            reported = re.sub(r'"\s+"', "", literals[0])  # as the compiler joins them
            if literals[0].startswith('"') and (m := RIDDLE.search(reported)):
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


def check_fields(tree):
    """A text may show fields of its record; ours must be ones that the code sends."""
    sources = "".join(tree.text(path) for path in tree.files("helpers/**/*.cpp", "generators/**/*.cpp"))
    sent = set(re.findall(r'"(EKS_[A-Z_]+)[="]', sources))
    for number, text in tree.lines(MESSAGES):
        for name in re.findall(r"@(EKS_\w+)@", text):
            if name not in sent:
                yield at(MESSAGES, number, f"@{name}@ is sent by no program, drop it or send the field")


def check_catalog(tree):
    """journald reads the catalog as it is generated, and finds all of it."""
    journalctl = tool("journalctl")
    root = tree.temporary()
    directory = root / "usr/lib/systemd/catalog"
    directory.mkdir(parents=True)

    made = run(tree.source / SCRIPT, "catalog", tree.source / MESSAGES)
    if made.returncode != 0:
        return  # said by check_table

    (directory / "eks-node.catalog").write_text(made.stdout)
    done = run(journalctl, f"--root={root}", "--update-catalog")
    if done.returncode != 0 or done.stdout:
        yield at(MESSAGES, 1, f"journalctl --update-catalog refuses it: {done.stdout.strip()}")
        return

    listed = set(re.findall(r"^[0-9a-f]{32}", run(journalctl, f"--root={root}", "--list-catalog").stdout, re.MULTILINE))
    for message in messages(tree):
        if message.id not in listed:
            yield at(MESSAGES, message.line, f"journald does not find {message.id}, look for what ends the text before it")


if __name__ == "__main__":
    main()
