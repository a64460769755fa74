#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""C++ is formatted as .clang-format says. Version 14 decides, Debian 12's: each version formats a little otherwise."""

import re

from lint import Skip, at, main, run, tool


def clang_format():
    program = tool("clang-format-14", "clang-format")
    if "version 14." not in run(program, "--version").stdout:
        raise Skip("clang-format 14 is not installed")
    return program


def check_format(tree):
    program = clang_format()
    for path in tree.files("helpers/**/*.cpp", "helpers/**/*.hpp", "generators/**/*.cpp", "generators/**/*.hpp",
                           "tests/**/*.cpp", "tests/**/*.hpp"):
        done = run(program, "--dry-run", "-Werror", tree.source / path)
        wrong = sorted({int(n) for n in re.findall(r":(\d+):\d+: error: ", done.stdout)})
        if wrong or done.returncode != 0:
            yield at(path, wrong[0] if wrong else 1,
                     f"the first of {len(wrong)} that clang-format-14 writes otherwise, run clang-format-14 -i {path}")


if __name__ == "__main__":
    main()
