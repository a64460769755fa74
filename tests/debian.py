# SPDX-License-Identifier: Apache-2.0
"""Packages of any Debian suite, fetched from the mirror that this machine uses, and unpacked into a folder.

apt fetches them, with a configuration and a state of its own below the cache: the machine's own lists, cache and
settings are not changed. apt verifies the suite by the keyring of Debian, and the package by the suite. What is in
the cache is not fetched again, so that a second run needs no network; remove the folder to get a newer version.

usage: tests/debian.py CACHE SUITE PACKAGE...     prints version and folder of each"""

import contextlib
import fcntl
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

# What follows the machine's own configuration, of which the proxy and such remain.
APT_CONFIG = """\
#clear APT::Update;
APT::Sandbox::User "root";
Dir::Etc::SourceList "{folder}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "{folder}/state";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Log "{folder}/log";
"""


@dataclass
class Package:
    name: str
    version: str  # as Debian has it: 2.1.9+ds1-5
    root: Path    # its files; /lib and such are below /usr


def run(*argv, **options):
    return subprocess.run([str(a) for a in argv], check=True, stdin=subprocess.DEVNULL, **options)


def mirror() -> str:
    """The mirror that this machine uses for Debian itself, so that all packages come from one place."""
    policy = run("apt-cache", "policy", capture_output=True, text=True).stdout
    found = re.search(r"^\s+\d+ (\S+) bookworm/main", policy, re.MULTILINE)
    if not found:
        raise RuntimeError("apt knows no mirror of bookworm: run `apt-get update`, or name one in its sources")
    return found[1]


@contextlib.contextmanager
def locked(folder: Path):
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def known(folder: Path, name: str) -> Package | None:
    """The newest that was unpacked earlier."""
    found = sorted(folder.glob(f"{real_name(name)}_*"), key=lambda path: path.stat().st_mtime)
    if not found:
        return None
    real, version = found[-1].name.split("_", 1)
    return Package(real, version.replace("%3a", ":"), found[-1])


def real_name(name: str) -> str:
    """As a pattern: linux-image-cloud-amd64 is empty and depends on the newest linux-image-VERSION-cloud-amd64."""
    return re.sub(r"^linux-image-(?=[a-z])", "linux-image-[0-9]*-", name)


def depended_on(config: Path, name: str) -> str:
    text = run("apt-cache", f"--config-file={config}", "depends", "--important", name, capture_output=True, text=True).stdout
    return re.search(r"Depends: (\S+)", text)[1]


def unpack(archive: Path, root: Path):
    run("dpkg-deb", "--extract", archive, root)
    for name in "bin", "lib", "lib64", "sbin":  # older packages have files outside /usr, where the image has links
        if (root / name).is_dir():
            shutil.copytree(root / name, root / "usr" / name, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(root / name)


def packages(cache: Path, suite: str, *names: str) -> list[Package]:
    """These packages of the suite, without what they depend on."""
    folder = cache.resolve() / "debian" / suite
    with locked(folder):
        missing = [name for name in names if not known(folder, name)]
        if missing:
            with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as work:
                fetch(Path(work), suite, missing, folder)
        return [known(folder, name) for name in names]


def fetch(work: Path, suite: str, names: list[str], folder: Path):
    for part in "state/lists/partial", "cache/archives/partial", "log", "archives":
        (work / part).mkdir(parents=True)
    (work / "status").touch()
    (work / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror()} {suite} main\n")
    (work / "apt.conf").write_text(APT_CONFIG.format(folder=work))
    apt = ["apt-get", "--quiet", "--quiet", f"--config-file={work}/apt.conf"]
    run(*apt, "--error-on=any", "update", stdout=sys.stderr, timeout=300)
    names = [depended_on(work / "apt.conf", name) if real_name(name) != name else name for name in names]
    run(*apt, "download", *names, cwd=work / "archives", stdout=sys.stderr, timeout=300)

    for archive in (work / "archives").iterdir():
        name, version = run("dpkg-deb", "--show", "--showformat=${Package} ${Version}", archive, capture_output=True,
                            text=True).stdout.split()
        root = work / f"{name}_{version.replace(':', '%3a')}"  # as apt names files
        unpack(archive, root)
        root.rename(folder / root.name)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    for package in packages(Path(sys.argv[1]), *sys.argv[2:]):
        print(package.name, package.version, package.root)
