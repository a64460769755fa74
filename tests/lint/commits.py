#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Commit messages: `area: what it does` in the imperative, at most 72 characters, and a body at 80 columns that says why."""

import re
import shutil

from lint import Skip, main, run

# Messages up to this commit were written before there was a check.
SINCE = "5eead2b15c9fa094e0aa1aa1ac00ad12897ef2dd"

LONGEST_SUBJECT = 72
LONGEST_LINE = 80
AREA = re.compile(r"(?:[a-z0-9*][\w*./+-]*(?:, )?)+: ")

# An imperative has the form of the infinitive. These end like another form and are none.
NO_OTHER_FORM = re.compile(r"(?:.*(?:ss|us|focus|bias|alias|canvas)|embed|feed|need|seed|shed|speed|bring|string|ping|ring|bed)")
OTHER_FORM = re.compile(r".*(?:s|ed|ing)")
UNFINISHED = re.compile(r"wip|fixup!|squash!|review|audit", re.IGNORECASE)


def git(tree, *words):
    return run("git", "-c", "safe.directory=*", "-C", tree.source, *words)


def messages(tree):
    """(hash, message) of each commit since the check exists; of the newest one in a clone without that history."""
    if not (tree.source / ".git").exists() or not shutil.which("git"):
        raise Skip("not a clone of the repository")

    known = git(tree, "merge-base", "--is-ancestor", SINCE, "HEAD").returncode == 0
    log = git(tree, "log", "--no-merges", "--format=%h%n%B%x00", *([f"{SINCE}..HEAD"] if known else ["-1"]))
    if log.returncode != 0:
        raise RuntimeError(f"git log failed: {log.stdout}")

    for entry in log.stdout.split("\0"):
        if entry.strip():
            yield entry.strip().split("\n", 1)


def check_subjects(tree):
    for commit, message in messages(tree):
        subject = message.split("\n")[0]
        where = f"commit {commit}:1"

        if len(subject) > LONGEST_SUBJECT:
            yield f"{where}: the subject has {len(subject)} characters, at most {LONGEST_SUBJECT}"

        area = AREA.match(subject)
        if not area:
            yield f"{where}: '{subject}' names no area, write 'area: what it does'"
            continue

        verb = subject[area.end():].split(" ")[0].rstrip(",")
        if not verb.islower() and not verb[:1].islower():
            yield f"{where}: '{verb}' begins with a capital, write the subject in lower case"
        elif OTHER_FORM.fullmatch(verb) and not NO_OTHER_FORM.fullmatch(verb):
            yield f"{where}: '{verb}' is no imperative, write what the commit does: 'add', not 'adds' or 'added'"

        if found := UNFINISHED.search(subject):
            yield f"{where}: '{found[0]}' says nothing about the effect, name the effect"


def check_bodies(tree):
    for commit, message in messages(tree):
        subject, *body = message.rstrip().split("\n")
        if not "".join(body).strip():
            yield f"commit {commit}:1: '{subject}' has no body, say why"
        if body and body[0]:
            yield f"commit {commit}:2: no blank line after the subject"

        for number, line in enumerate(body, 2):
            # a path or a quotation cannot be broken
            if len(line) > LONGEST_LINE and " " in line.strip() and not line.startswith("    "):
                yield f"commit {commit}:{number}: {len(line)} columns, break lines at {LONGEST_LINE}"


if __name__ == "__main__":
    main()
