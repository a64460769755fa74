#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""clang-tidy over some files that a change touches, the newest first, which takes a minute; tidy.py looks at all."""

from pathlib import Path

from lint import Skip, main, run
from tidy import Commands, look_at, sources

MOST = 4  # files; each takes 5 to 15 s
COMMITS = 20  # of main itself, whose changes are there already


def git(tree, *words):
    result = run("git", "-c", "safe.directory=*", "-C", tree.source, *words)
    return result.stdout.split("\n") if result.returncode == 0 else []


def changed(tree):
    """Names of files: those that are not committed, then those of the commits since main, without doubles."""
    base = git(tree, "merge-base", "HEAD", "origin/main")[:1]
    is_main = not base or base == git(tree, "rev-parse", "HEAD")[:1]
    commits = [f"-{COMMITS}"] if is_main else [f"{base[0]}..HEAD"]
    names = git(tree, "diff", "--name-only", "HEAD") + git(tree, "log", "--name-only", "--format=", *commits)
    return dict.fromkeys(map(Path, filter(None, names)))


def check_tidy(tree):
    if not (tree.source / ".git").exists():
        raise Skip("not a clone of the repository")

    commands = Commands(tree)
    checked = set(sources(tree))
    paths = [path for path in changed(tree) if path in checked and tree.source / path in commands.directories]
    for path in paths[:MOST]:
        yield from look_at(tree, path, commands)
    if paths[MOST:]:
        print(f"not looked at, see `tests/run tidy`: {' '.join(map(str, paths[MOST:]))}")


if __name__ == "__main__":
    main()
