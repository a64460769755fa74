#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Manual pages: one for everything a user can name, in one shape, and true to the programs."""

import json
import re
import subprocess
import tomllib

import messages
from lint import LIBEXEC_DIRECTORY, Skip, at, line_of, main, run, tool, units, without_comments

ORDER = ["NAME", "SYNOPSIS", "DESCRIPTION", "FILES", "ENVIRONMENT", "EXIT STATUS", "MESSAGES", "SEE ALSO"]
REQUIRED = ["NAME", "SYNOPSIS", "DESCRIPTION", "SEE ALSO"]
REQUIRED_OF_STEPS = [*REQUIRED, "FILES", "EXIT STATUS", "MESSAGES"]
REQUIRED_OF_COMMANDS = [*REQUIRED, "EXIT STATUS"]
KEYS = "helpers/data/keys.toml"
CONFIG_PAGE = "man/eks-node.toml.5.scd"
INSTALLED_CONFIG_PAGE = "usr/share/man/man5/eks-node.toml.5"
INSTALLED_MESSAGES_PAGE = "usr/share/man/man7/eks-messages.7"
MIGRATION = "man/eks-migration.7.scd"
NODE_CONFIG_SCHEMA = "usr/share/eks/schema/node-config.schema.json"
OVERVIEW = "man/eks-node.7.scd"
# As the scripts did whose names these have.
HELP_FAILS = {"bootstrap.sh", "max-pods-calculator.sh"}
# In what form eks-config hands the resolved configuration to the other steps is between them, and may change.
PRIVATE_FORMATS = {"/run/eks/node.json"}


def pages(tree):
    return tree.files("man/*.scd")


def plain(text):
    """scdoc's escapes removed, so that names are found as a reader sees them."""
    return text.replace("\\", "")


def page_of(program):
    """The page of an installed program."""
    if program in ("imds", "vercmp"):
        return f"man/{program}.1.scd"
    if program.endswith(".sh") or program in ("cache-pause-container", "nodeadm"):
        return f"man/{program}.8.scd"
    if program.startswith("eksnode"):
        return f"man/{program}.1.scd"

    return f"man/{program}.service.8.scd"


def programs(tree):
    """Installed programs that people or units start, by name."""
    found = {path.name: path for path in sorted((tree.stage / LIBEXEC_DIRECTORY).iterdir())
             if path.suffix != ".so" and path.name != "compat-commands"}  # that is called by other names
    return found | compat_commands(tree) | {"eksnode": tree.stage / "usr/bin/eksnode"}


def compat_commands(tree):
    """Commands of older images, by name."""
    places = [*(tree.stage / "usr/bin").iterdir(), *(tree.stage / "etc/eks").glob("**/*.sh")]
    return {path.name: path for path in sorted(places) if path.is_symlink()}


def sections(tree, page):
    """[(heading, line, text)] of a page."""
    found, literal = [], False
    for number, line in tree.lines(page):
        literal ^= line.startswith("```")  # there, "# " is a root shell's prompt
        if not literal and (m := re.match(r"# (.+)", line)):
            found.append([m[1].strip(), number, ""])
        elif found:
            found[-1][2] += line + "\n"

    return found


def check_every_page(tree):
    """Each unit, command, generator and file format has a page."""
    expected = {f"man/{name.replace('@', '')}.8.scd": tree_unit.path for name, tree_unit in units(tree).items()}
    expected |= {page_of(name): "helpers/steps/meson.build" for name in programs(tree)}

    for generator in sorted((tree.stage / "usr/lib/systemd/system-generators").iterdir()):
        expected[f"man/{generator.name}.8.scd"] = "generators/meson.build"

    expected[CONFIG_PAGE] = KEYS
    expected[OVERVIEW] = "README.md"
    for page, reason in expected.items():
        if not (tree.source / page).exists():
            yield at(page, 1, f"there is no such page, write it for {reason}")


def check_installed(tree):
    """Each page that is written is installed."""
    installed = {path.name for path in tree.stage.glob("usr/share/man/man*/*")}
    if not installed:
        raise Skip("this build has no manual pages")
    for page in pages(tree):
        if page.name.removesuffix(".scd") not in installed:
            yield at("man/meson.build", 1, f"{page.name} is not installed, add it to the list there")


def check_file_formats(tree):
    """Each JSON file under /run/eks that steps hand to each other is described in a page of section 5."""
    described = "".join(plain(tree.text(page)) for page in pages(tree) if page.name.endswith(".5.scd"))
    seen = set()

    for path in tree.files("helpers/**/*.cpp", "helpers/**/*.hpp"):
        text = without_comments(tree.text(path))
        for m in re.finditer(r'"(/run/eks/[\w.-]+\.json)"', text):
            if m[1] not in {*PRIVATE_FORMATS, *seen} and m[1] not in described:
                seen.add(m[1])
                yield at(path, line_of(text, m.start()), f"the format of {m[1]} is in no page of section 5, describe it")


def check_shape(tree):
    """Title, first line and sections are what a reader of one page expects of the next."""
    for page in pages(tree):
        name, section = page.name.removesuffix(".scd").rsplit(".", 1)
        lines = tree.text(page).splitlines()
        if not lines or not lines[0].startswith(f"{name}({section})"):
            yield at(page, 1, f"the title is not {name}({section}), mend the first line")
        found = sections(tree, page)
        headings = [heading for heading, _, _ in found]

        known = [(heading, line) for heading, line, _ in found if heading in ORDER]
        for (before, _), (after, line) in zip(known, known[1:]):
            if ORDER.index(after) <= ORDER.index(before):
                yield at(page, line, f"{after} comes after {before}, keep the order {', '.join(ORDER)}")

        required = REQUIRED
        if name.startswith("eks-") and name.endswith(".service"):
            required = REQUIRED_OF_STEPS
        elif section == "1":
            required = REQUIRED_OF_COMMANDS

        for heading in required:
            if heading not in headings:
                yield at(page, 1, f"no section {heading}, add it")

        for heading, line, text in found:
            if heading == "NAME" and not re.match(rf"\s*{re.escape(name)}\b.* - \S", plain(text)):
                yield at(page, line, f"NAME is not '{name} - what it does', which is what apropos reads")
            elif heading.upper() != heading:
                yield at(page, line, f"heading '{heading}' is not in capitals, write it so")


def check_options(tree):
    """Every option in --help is in the program's page."""
    for name, path in programs(tree).items():
        page = page_of(name)

        # A root of its own: a program that does not know --help must not find the machine's files.
        done = run(path, "--help", env={"EKS_ROOT": str(tree.temporary())})
        if done.returncode != 0 and name not in HELP_FAILS:
            yield at("helpers/meson.build", 1,
                     f"{name} --help ends with status {done.returncode}, print the usage and end with 0")

        if not (tree.source / page).exists():
            continue  # said by check_every_page

        text = plain(tree.text(page))
        for option in sorted(set(re.findall(r"(?<![\w-])--[a-z][a-z0-9_-]*", done.stdout))):
            if not re.search(rf"(?<![\w-]){option}(?![\w-])", text):
                yield at(page, 1, f"option {option} of {name} is missing, describe it")


def check_environment(tree):
    """Every variable that a program reads is in some page."""
    documented = "".join(plain(tree.text(page)) for page in pages(tree))
    for path in tree.files("helpers/**/*.cpp", "helpers/**/*.hpp", "generators/**/*.cpp"):
        text = without_comments(tree.text(path))
        if "getenv(" not in text:
            continue

        # a file that wraps getenv() names its variables as the wrapper's argument
        wrapped = re.search(r"getenv\([a-z]", text) is not None
        for m in re.finditer(r'(\w+)\(\s*"([A-Z][A-Z0-9_]+)"', text):
            if (m[1].endswith("getenv") or wrapped) and not re.search(rf"(?<!\w){m[2]}(?!\w)", documented):
                yield at(path, line_of(text, m.start()), f"reads ${m[2]}, which is in no manual page, describe it")


def check_schema(tree):
    """The page of the configuration file has an entry for every key, which the build puts in."""
    page = tree.stage / INSTALLED_CONFIG_PAGE
    if not page.exists():
        raise Skip("this build has no manual pages")

    entries = page.read_text().replace("\\&", "").splitlines()
    text = tree.text(KEYS)
    for key in tomllib.loads(text):
        if key not in entries:
            yield at(KEYS, line_of(text, text.index(f'["{key}"]')),
                     f"key {key} is not in the installed page, mend its '; @KEYS@' line")


def leaves(schema, path=""):
    """Keys of a JSON schema, with dots between."""
    if "properties" not in schema or (path and not schema["properties"]):
        yield path
        return
    for name, below in schema["properties"].items():
        yield from leaves(below, f"{path}.{name}" if path else name)


def check_migration(tree):
    """The page about other images names every option, key and command, and only keys that exist."""
    page = tree.source / MIGRATION
    if not page.exists():
        yield at(MIGRATION, 1, "there is no such page, write it")
        return

    text = plain(page.read_text())

    def named(word):
        return re.search(rf"(?<![\w.-]){re.escape(word)}(?![\w-])", text) is not None

    for path, prefix in {"helpers/compat/bootstrap/options.cpp": "", "helpers/compat/nodeadm/arguments.cpp": "--"}.items():
        source = tree.text(path)
        for m in re.finditer(r'Option\{\s*"([a-z-]+)"', source):
            if not named(prefix + m[1]):
                yield at(MIGRATION, 1, f"option {prefix + m[1]} of {path} is missing, say what becomes of it")

    schema = json.loads((tree.stage / NODE_CONFIG_SCHEMA).read_text())
    for key in leaves(schema["properties"]["spec"]):
        if not named(key):
            yield at(MIGRATION, 1, f"key {key} of NodeConfig is missing, say where it is")

    for name in compat_commands(tree):
        if not named(name) and not re.search(rf"/{re.escape(name)}\b", text):
            yield at(MIGRATION, 1, f"command {name} is missing, name it")

    known = set(tomllib.loads(tree.text(KEYS)))
    sections_of_keys = "|".join(sorted({key.split(".")[0] for key in known if "." in key}))
    for m in re.finditer(rf"(?<![\w/.-])(?:{sections_of_keys})\.(?!service|slice|d/)[A-Za-z][\w.]*\w", text):
        if m[0] not in known and not any(m[0].startswith(key + ".") for key in known):
            yield at(MIGRATION, line_of(text, m.start()), f"{m[0]} is not a key of the configuration, mend it")


def check_messages(tree):
    """The messages that a page lists are in the table. The build puts all of the table into eks-messages(7)."""
    known = {message.name for message in messages.messages(tree)}
    for page in pages(tree):
        for heading, line, text in sections(tree, page):
            listed = re.fullmatch(r"\s*([a-z][a-z-]+(?:,\s+[a-z][a-z-]+)*)[;.].*", plain(text), re.DOTALL)
            if heading == "MESSAGES" and listed:
                for name in set(re.split(r",\s+", listed[1])) - known:
                    yield at(page, line, f"message {name} is not in {messages.MESSAGES}, mend the name")


def check_references(tree):
    """A page of ours that a page or a program's message names exists."""
    name = r"(?:eks(?:node)?(?:-[a-z0-9-]+)?|kubelet|runtime)(?:\.(?:service|target|slice|toml|json))?"
    ours = re.compile(rf"\b({name}|nodeadm)[*_]*\((\d)\)")

    for path in [*pages(tree), *tree.files(messages.MESSAGES, "helpers/**/*.cpp", "helpers/**/*.hpp", "README.md")]:
        text = plain(tree.text(path))
        for m in ours.finditer(text):
            if not (tree.source / f"man/{m[1]}.{m[2]}.scd").exists():
                yield at(path, line_of(text, m.start()),
                         f"names {m[1]}({m[2]}), which has no page, write man/{m[1]}.{m[2]}.scd or mend the name")


def man_warnings(page):
    """What man says about a rendered page."""
    shown = run(tool("man"), "--warnings", "--encoding=UTF-8", "--local-file", page, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, env={"MANWIDTH": "100", "MANPAGER": "cat"})
    return [f"man --warnings says: {text}" for text in shown.stderr.splitlines()]


def check_renders(tree):
    """scdoc accepts every page, and man shows it without a warning; also the pages that the build adds to."""
    scdoc = tool("scdoc")
    directory = tree.temporary()

    for page in pages(tree):
        with open(tree.source / page, encoding="utf-8") as source:
            done = run(scdoc, stdin=source, stderr=subprocess.PIPE)

        if done.returncode != 0:
            m = re.search(r" at (\d+),", done.stderr)
            yield at(page, m[1] if m else 1, f"scdoc refuses it: {done.stderr.strip()}")
            continue

        rendered = directory / page.stem
        rendered.write_text(done.stdout)

        for text in man_warnings(rendered):
            yield at(page, 1, text)

    for page, source in ((INSTALLED_CONFIG_PAGE, KEYS), (INSTALLED_MESSAGES_PAGE, messages.MESSAGES)):
        if (tree.stage / page).exists():
            for text in man_warnings(tree.stage / page):
                yield at(source, 1, f"of {page}, {text}")


if __name__ == "__main__":
    main()
