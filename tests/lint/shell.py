#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shell scripts, found by their first line or name."""

import re

from lint import at, main, run, tool


def scripts(tree):
    """(path, shell) of every script."""
    for path in tree.files("**/*"):
        shebang = tree.shebang(path)
        if m := re.match(r"#!\s*\S*/(?:env\s+(?:-S\s+)?)?(sh|bash|dash)\b", shebang):
            yield path, m[1]
        elif path.suffix in (".sh", ".bash"):
            yield path, "bash"


def check_syntax(tree):
    for path, shell in scripts(tree):
        for text in run(tool(shell), "-n", tree.source / path).stdout.splitlines():
            m = re.match(r"\S+: (?:line )?(\d+): (.*)", text)
            yield at(path, m[1] if m else 1, f"{m[2] if m else text}, mend it")


def check_shellcheck(tree):
    shellcheck = tool("shellcheck")
    for path, shell in scripts(tree):
        done = run(shellcheck, "--external-sources", "--format=gcc", f"--shell={shell}", "--source-path=SCRIPTDIR", path,
                   cwd=tree.source)
        for text in done.stdout.splitlines():
            m = re.match(r"[^:]+:(\d+):\d+: (.*)", text)
            yield at(path, m[1] if m else 1, f"shellcheck: {m[2] if m else text}")


def check_strict(tree):
    """A misspelt variable or a failed end of a pipe is an error. Without -e only where a script goes on by design."""
    for path, shell in scripts(tree):
        if shell == "bash" and not re.search(r"^set -e?uo pipefail$", tree.text(path), re.MULTILINE):
            yield at(path, 1, "no 'set -euo pipefail' on a line of its own, add it")


if __name__ == "__main__":
    main()
