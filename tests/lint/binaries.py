#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Installed programs: what each loads, and how large it all is."""

import re
from pathlib import Path

from lint import Skip, at, main, run, tool

TABLE = Path(__file__).with_name("needed.tsv")
LIMIT = 10_000_000  # bytes of everything installed, stripped
# Every C++ program has these, whatever it does; which of them the linker keeps differs between machines.
ALWAYS = {"libc", "libgcc_s", "libm", "libstdc++", "ld-linux-aarch64", "ld-linux-x86-64"}


def executables(tree):
    found = {}
    for path in sorted(tree.stage.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with open(path, "rb") as file:
                if file.read(4) == b"\x7fELF":
                    found[path.name] = path
    return found


def refuse_sanitizers(tree):
    if tree.options.get("b_sanitize", "none") != "none":
        raise Skip("a build with sanitizers loads and weighs more")


def check_needed(tree):
    """Loading libcurl costs 5 ms and all it links to: a step loads what it calls, and no more."""
    refuse_sanitizers(tree)
    table = f"tests/lint/{TABLE.name}"
    allowed = {}
    for number, line in enumerate(TABLE.read_text().splitlines(), 1):
        if not line.startswith("#"):
            name, *libraries = line.split()
            allowed[name] = (set(libraries), number)
    found = executables(tree)
    for name, (_, number) in allowed.items():
        if name not in found:
            yield at(table, number, f"{name} is not installed, drop the line")
    for name, path in found.items():
        if name not in allowed:
            yield at(table, 1, f"no line for {name}, add it with what it must load")
            continue
        libraries, number = allowed[name]
        dynamic = run(tool("readelf"), "-d", path).stdout
        needed = {re.sub(r"(-[\d.]+)?\.so.*", "", n) for n in re.findall(r"\(NEEDED\).*\[([^]]+)\]", dynamic)} - ALWAYS
        for library in sorted(needed - libraries):
            yield at(table, number, f"{name} loads {library}, link it without, or allow it here and say why")
        for library in sorted(libraries - needed):
            yield at(table, number, f"{name} does not load {library}, drop it from the line")


def check_size(tree):
    refuse_sanitizers(tree)
    if tree.options.get("optimization") == "0":
        raise Skip("a build without optimization is larger")
    sizes = {path: path.stat().st_size for path in tree.stage.rglob("*") if path.is_file() and not path.is_symlink()}
    if sum(sizes.values()) > LIMIT:
        largest = ", ".join(f"{p.name} {sizes[p]}" for p in sorted(sizes, key=sizes.get)[:-4:-1])
        yield at("helpers/meson.build", 1,
                 f"{sum(sizes.values())} bytes are installed, more than {LIMIT}: make smaller {largest}")


if __name__ == "__main__":
    main()
