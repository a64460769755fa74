#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Installed programs: what each loads, how large it all is, and what the compiler was to protect them with."""

import gzip
import re
from pathlib import Path

from lint import Skip, at, main, run, tool

TABLE = Path(__file__).with_name("needed.tsv")
X86_64, AARCH64 = 62, 183  # the machine in an ELF header
# Bytes of everything installed, stripped, pages compressed as in the packages. Instructions of AArch64 take more room.
LIMIT = {X86_64: 8_300_000, AARCH64: 8_900_000}
# Every C++ program has these, whatever it does; which of them the linker keeps differs between machines.
ALWAYS = {"libc", "libgcc_s", "libm", "libstdc++", "ld-linux-aarch64", "ld-linux-x86-64"}

# The newest version of symbols that Amazon Linux 2023 has, by the library's prefix: glibc 2.34, gcc 11, openssl 3.0,
# systemd 252, util-linux 2.37.
NEWEST = {"BLKID": (2, 37), "CXXABI": (1, 3, 13), "GCC": (11,), "GLIBC": (2, 34), "GLIBCXX": (3, 4, 29), "LIBSYSTEMD": (252,),
          "OPENSSL": (3, 0, 0)}

# All are compiled alike; these call functions of libc and libstdc++ that have a checked form.
CHECKED = {"libeksnode-base.so", "libeksnode-input.so", "libeksnode-node.so"}
# Bytes of a step, whose logic is little: the libraries have the rest.
STEP_LIMIT = 160 * 1024
# What a step loads that has no line in the table.
OF_A_STEP = {"libeksnode-base", "libeksnode-node"}
# Their main() is one call.
TINY = {"eksnode-apply"}
# What a function may begin with that is called through a pointer.
LANDINGS = {X86_64: ("-fcf-protection", [b"\xf3\x0f\x1e\xfa"]),
            AARCH64: ("-mbranch-protection", [b"\x5f\x24\x03\xd5", b"\x3f\x23\x03\xd5"])}


def executables(tree):
    found = {}
    for path in sorted(tree.stage.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with open(path, "rb") as file:
                if file.read(4) == b"\x7fELF":
                    found[without_version(path.name)] = path

    return found


def without_version(library):
    """libeksnode-base-0.1.0.so and libcrypto.so.3 without their versions."""
    return re.sub(r"(-[\d.]+)?\.so.*", ".so", library)


def machine(data):
    return int.from_bytes(data[18:20], "little")


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
        if name not in allowed and not name.startswith("eks-"):
            yield at(table, 1, f"no line for {name}, add it with what it must load")
            continue

        libraries, number = allowed.get(name, (OF_A_STEP, 1))
        dynamic = run(tool("readelf"), "-d", path).stdout
        needed = {without_version(n).removesuffix(".so") for n in re.findall(r"\(NEEDED\).*\[([^]]+)\]", dynamic)} - ALWAYS
        for library in sorted(needed - libraries):
            yield at(table, number, f"{name} loads {library}, link it without, or allow it here and say why")
        for library in sorted(libraries - needed):
            yield at(table, number, f"{name} does not load {library}, drop it from the line")


def installed_sizes(stage):
    """{path: bytes} of what the packages install."""
    files = (path for path in stage.rglob("*") if path.is_file() and not path.is_symlink())
    return {path: len(gzip.compress(path.read_bytes(), 9)) if "man" in path.relative_to(stage).parts else path.stat().st_size
            for path in files}


def check_size(tree):
    refuse_sanitizers(tree)
    if tree.options.get("optimization") == "0":
        raise Skip("a build without optimization is larger")

    sizes = installed_sizes(tree.stage)
    machines = {machine(path.read_bytes()) for path in executables(tree).values()}
    limit = min((LIMIT[one] for one in machines if one in LIMIT), default=max(LIMIT.values()))
    if sum(sizes.values()) > limit:
        largest = ", ".join(f"{p.name} {sizes[p]}" for p in sorted(sizes, key=sizes.get)[:-4:-1])
        yield at("helpers/meson.build", 1,
                 f"{sum(sizes.values())} bytes are installed, more than {limit}: make smaller {largest}")

    for path, size in sizes.items():
        if path.name.startswith("eks-") and path.parent.name == "eksnode" and size > STEP_LIMIT:
            yield at("helpers/steps/meson.build", 1,
                     f"{path.name} has {size} bytes, more than {STEP_LIMIT}: move what others need too into a room of helpers/lib")


def check_versions(tree):
    """A package for Amazon Linux 2023 that is built here needs nothing newer than what is there."""
    refuse_sanitizers(tree)
    for name, path in executables(tree).items():
        needs = run(tool("readelf"), "--wide", "--version-info", path).stdout.partition("Version needs section")[2]
        for library, number in sorted(set(re.findall(r"Name: (\w+)_(\d[\d.]*)", needs))):
            if library not in NEWEST:
                yield at("meson.build", 1, f"{name} needs {library}_{number}, which is Debian's only: link without the version")
            elif tuple(map(int, number.split("."))) > NEWEST[library]:
                yield at("meson.build", 1, f"{name} needs {library}_{number}, newer than Amazon Linux 2023 has, call something older")


def flags_of(text, tag):
    return set(re.findall(r"\w+", " ".join(re.findall(rf"\({tag}\)\s+(?:Flags: )?(.*)", text))))


def imported(symbols):
    """Names of what a program takes from libraries, without versions."""
    return {m[1] for m in re.finditer(r"\bUND (\w+)", symbols)}


def missing_protection(path, fortified):
    """What a program was not compiled or linked with, as the ELF file shows it."""
    text = run(tool("readelf"), "--wide", "--program-headers", "--dynamic", "--dyn-syms", "--notes", path).stdout
    functions = imported(text)

    if path.suffix != ".so" and "PIE" not in flags_of(text, "FLAGS_1"):
        yield "is not position-independent (-pie)"
    if not re.search(r"GNU_RELRO", text):
        yield "has no read-only relocations (-z relro)"
    if "BIND_NOW" not in flags_of(text, "FLAGS") and "NOW" not in flags_of(text, "FLAGS_1"):
        yield "binds symbols late, so that their table stays writable (-z now)"
    stack = re.search(r"GNU_STACK(?: +0x\w+){5} +(\w+)", text)
    if stack is None or "E" in stack[1]:
        yield "has an executable stack (-z noexecstack)"
    if re.search(r"LOAD(?: +0x\w+){5} +RWE", text):
        yield "has memory that is writable and executable"
    if path.name in TINY:
        return

    if "__stack_chk_fail" not in functions:
        yield "has no stack protector (-fstack-protector-strong)"

    # Debian's start files have no mark for it, so that the linker sets none: look for the instruction.
    data = path.read_bytes()
    option, landings = LANDINGS.get(machine(data), ("", []))
    if option and sum(map(data.count, landings)) < 4:
        yield f"is without control-flow protection ({option})"
    checked = without_version(path.name) in CHECKED
    if checked and fortified and not any(name.endswith("_chk") and name != "__stack_chk_fail" for name in functions):
        yield "calls no checked function of libc (-D_FORTIFY_SOURCE)"

    # Our own, or libstdc++'s; without that library only the text of ours shows.
    if checked and "__glibcxx_assert_fail" not in text and b"Assertion '%s' failed" not in data:
        yield "has no assertions of libstdc++ (-D_GLIBCXX_ASSERTIONS)"


def check_protection(tree):
    """Programs that parse untrusted input as root are built so that a mistake in them ends in an abort."""
    refuse_sanitizers(tree)
    fortified = tree.options.get("optimization") not in ("0", "plain")
    for name, path in executables(tree).items():
        for missing in missing_protection(path, fortified):
            yield at("meson.build", 1, f"{name} {missing}")


if __name__ == "__main__":
    main()
