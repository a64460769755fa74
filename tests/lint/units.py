#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Units as they are installed: valid, complete, each one step, and cheap where the boot waits for them."""

import re
import shutil
from pathlib import Path

from lint import (
    LIBEXEC_DIRECTORY, NODE_UNIT_DIRECTORY, STEP_CONF, UNIT_DIRECTORY, Skip, at, drop_ins, line_of, main, run, settings, steps,
    tool, unit_name, units, without_comments)

# Steps that need a running containerd and so cannot come before eks-configured.target; eks-node.target wants them.
AFTER_CONFIGURED = {"eks-sandbox-image.service", "eks-user-scripts.service"}

# Steps whose calls the kernel or a driver refuses without CAP_SYS_ADMIN. The service manager never asks for it: it accepts root.
ADMINISTERS = {"eks-containerd-volume.service", "eks-instance-store.service", "eks-nvidia-clocks.service",
               "eks-nvidia-mig.service", "eks-swap.service"}

# Steps whose sandbox may cost: no node waits for the first two, and the last waits for minutes itself.
CONFINED_BY_SYSTEMD = {"eks-docker-runtimes.service", "eks-join.service", "eks-retry.service", "eks-user-scripts.service"}

# Runs mdadm, cryptsetup, and a copy of a directory.
MAKES_FILESYSTEMS = {"eks-instance-store.service"}
FOR_FILESYSTEMS = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_IPC_LOCK", "CAP_MKNOD", "CAP_SETFCAP"]

# Makes device nodes.
MAKES_DEVICES = {"eks-nvidia-mig.service", "eks-nvidia.service"}

# Not part of the chain: the generator links the first in by a switch of its own, udev starts the second, a start of kubelet the
# next two, the latter if a file was edited, devices of the machine the next ones, and a failed step the last.
OFF_CHAIN = {"eks-docker-runtimes.service", "eks-efa.service", "eks-interface@.service", "eks-join.service",
             "eks-kubelet-edits.service", "eks-neuron.service", "eks-nvidia-cdi.service", "eks-nvidia-clocks.service", "eks-nvidia-mig.service", "eks-nvidia.service",
             "eks-readahead.service", "eks-retry.service"}

# Runs a program of systemd.
RUNS_ANOTHER_PROGRAM = {"eks-kernel-defaults.service"}

# They only talk to the service manager: boot tests try them.
MANAGER_ONLY = {"kubelet-edits", "nvidia-cdi"}

# These run again whenever they are started.
EACH_TIME = {"eks-join.service", "eks-kubelet-edits.service", "eks-retry.service"}

# Beside kubelet for as long as a node needs to join: with a pending job the boot would not be finished.
WATCHES = {"eks-join.service"}

# What each costs a unit, measured on 252 in a container on 2 cores. Steps confine themselves with Landlock instead.
MOUNT_NAMESPACE = """
    BindPaths BindReadOnlyPaths DynamicUser ExecPaths ExtensionDirectories ExtensionImages InaccessiblePaths LoadCredential
    LoadCredentialEncrypted MountAPIVFS MountFlags MountImages NetworkNamespacePath NoExecPaths PrivateDevices PrivateIPC
    PrivateMounts PrivateNetwork PrivateTmp PrivateUsers ProcSubset ProtectControlGroups ProtectHome ProtectKernelLogs
    ProtectKernelModules ProtectKernelTunables ProtectProc ProtectSystem ReadOnlyPaths ReadWritePaths RootDirectory RootImage
    SetCredential SetCredentialEncrypted TemporaryFileSystem""".split()
SECCOMP = """
    LockPersonality MemoryDenyWriteExecute ProtectClock ProtectHostname RestrictAddressFamilies RestrictNamespaces
    RestrictRealtime RestrictSUIDSGID SystemCallArchitectures SystemCallFilter SystemCallLog""".split()
REFUSED = {key: "needs a mount namespace, about 50 ms on every boot" for key in MOUNT_NAMESPACE}
REFUSED |= {key: "needs a seccomp filter, 1 to 11 ms of CPU on every boot" for key in SECCOMP}

SHELLS = {"ash", "bash", "busybox", "dash", "env", "python3", "sh", "xargs", "zsh"}
EXEC_KEYS = ("ExecCondition", "ExecStartPre", "ExecStart", "ExecStartPost", "ExecReload", "ExecStop", "ExecStopPost")
THRESHOLDS = Path(__file__).with_name("exposure.tsv")
MESON = "units/meson.build"
STAND_IN = "stand-in-"  # for the units that the generator gives a drop-in
STEP_THRESHOLD = "eks-*.service"  # the line for steps without one of their own


def commands(unit):
    """(key, prefix, words, line) of every Exec*=."""
    for key in EXEC_KEYS:
        for value, line in unit.values(key):
            bare = value.lstrip("@-:+!")
            if bare:
                yield key, value[:len(value) - len(bare)], bare.split(), line


def all_units(tree):
    return [*units(tree).values(), *drop_ins(tree)]


def node_root(tree):
    """The installed tree with what other packages bring, as far as `systemd-analyze verify` looks, and what the generator links."""
    root = tree.temporary() / "root"
    shutil.copytree(tree.stage, root, symlinks=True)
    shutil.copytree(root / NODE_UNIT_DIRECTORY, root / UNIT_DIRECTORY, dirs_exist_ok=True)

    for unit in all_units(tree):
        for _, _, words, _ in commands(unit):
            program = root / words[0].lstrip("/")
            # ours must come from the build: a stand-in would hide that it does not
            if not program.exists() and not words[0].startswith(f"/{LIBEXEC_DIRECTORY}/"):
                program.parent.mkdir(parents=True, exist_ok=True)
                program.write_text("#!/bin/true\n")
                program.chmod(0o755)

    return root


def add_stand_ins(tree, root):
    """Units of other packages that have a drop-in of ours, and one for each drop-in that the generator links to several units.

    Their names. A scope has no file: only the service manager makes one.
    """
    directory = root / UNIT_DIRECTORY
    names = {d.file.parent.name.removesuffix(".d") for d in drop_ins(tree) if d.file.parent.suffix == ".d"}
    names = {name for name in names if not name.endswith(".scope")}

    for drop_in in (root / NODE_UNIT_DIRECTORY / "node").iterdir():
        unit = f"{STAND_IN}{drop_in.stem}.service"
        (directory / f"{unit}.d").mkdir()
        shutil.copy(drop_in, directory / f"{unit}.d")
        names.add(unit)

    for unit in (directory / name for name in names):
        if not unit.exists():
            unit.write_text("[Service]\nExecStart=/bin/true\n" if unit.suffix == ".service" else "[Unit]\n")

    (root / "usr/bin/true").touch(mode=0o755)
    return names


def check_verify(tree):
    """Every unit and drop-in is accepted by systemd. --recursive-errors=no: without it 252 forgives unknown keys."""
    analyze = tool("systemd-analyze")
    root = node_root(tree)
    others = add_stand_ins(tree, root)
    sources = {str(unit_name(tree, unit.file)): unit.path for unit in all_units(tree)}

    for unit in (name for name in others if name.startswith(STAND_IN)):
        file = Path(unit).stem.removeprefix(STAND_IN)
        sources[f"{unit}.d/{file}.conf"] = f"dropins/node/{file}.conf"

    names = sorted({*units(tree), *others})
    verified = run(analyze, "verify", f"--root={root}", "--man=no", "--recursive-errors=no", *names)
    for text in verified.stdout.splitlines():
        if m := re.match(r".*/systemd/system/([^:]+):(\d+): (.*)", text):
            yield at(sources.get(m[1], m[1]), m[2], f"{m[3]}, mend the setting")
        elif m := re.match(r"([\w.@-]+\.(?:service|target|slice|socket|timer|path|mount)): (.*)", text):
            yield at(sources.get(m[1], m[1]), 1, f"{m[2]}, see systemd-analyze verify")
        else:
            yield at("units", 1, f"systemd-analyze verify says: {text}")

    if verified.returncode != 0 and not verified.stdout:
        yield at("units", 1,
                 f"systemd-analyze verify failed with status {verified.returncode} and without a word, run it by hand")


def check_ordering(tree):
    """No ordering cycle from multi-user.target down, with the links of the generator and of newer cloud-init."""
    analyze = tool("systemd-analyze")
    host = Path("/lib/systemd/system")
    if not (host / "multi-user.target").exists():
        raise Skip("no units of systemd on this machine to order against")

    root = node_root(tree)
    for file in host.iterdir():
        target = root / UNIT_DIRECTORY / file.name
        if target.exists() or target.is_symlink():
            continue

        if file.is_dir() and not file.is_symlink():
            shutil.copytree(file, target, symlinks=True)
        else:
            shutil.copy2(file, target, follow_symlinks=False)

    add_stand_ins(tree, root)
    admin = root / "etc/systemd/system"
    admin.mkdir(parents=True)
    (root / "etc/eks").mkdir(exist_ok=True)
    (root / "etc/eks/node.enabled").touch()

    generated = run(root / "usr/lib/systemd/system-generators/eks-node-generator", admin, env={"EKS_ROOT": str(root)})
    if generated.returncode != 0 or not (admin / "multi-user.target.wants").is_dir():
        yield at("generators/eks-node-generator/plan.cpp", 1,
                 f"the generator does not link a node that an admin enabled ({generated.stdout.strip()}), mend it")
        return

    # Newer cloud-init has its last stage after multi-user.target: what multi-user.target waits for must not wait for it.
    for name, text in (
            ("cloud-final.service", "[Unit]\nAfter=multi-user.target\n[Service]\nType=oneshot\nExecStart=/bin/true\n"),
            ("cloud-init.target", "[Unit]\nAfter=multi-user.target cloud-final.service\nWants=cloud-final.service\n")):
        (admin / name).write_text(text)

    (admin / "multi-user.target.wants/cloud-init.target").symlink_to("../cloud-init.target")
    for text in run(analyze, "verify", f"--root={root}", "--man=no", "multi-user.target").stdout.splitlines():
        if m := re.match(r"([\w.@-]+): (.*(?:ordering cycle|dependency on|break cycle).*)", text):
            path = next((u.path for u in all_units(tree) if u.name == m[1]), "units")
            yield at(path, 1, f"{m[1]}: {m[2]}, drop one After= or Before= of the cycle")


def check_oneshots(tree):
    """One step, one command, a bounded time, and once per boot."""
    for unit in steps(tree).values():
        if unit.name in WATCHES:
            continue
        if unit.value("Type") != "oneshot":
            yield at(unit.path, unit.line("Type"), "a step is not Type=oneshot, make it one")

        if unit.value("RemainAfterExit") != "yes" and unit.name not in EACH_TIME:
            yield at(unit.path, unit.line("RemainAfterExit"),
                     "no RemainAfterExit=yes, add it: else the step runs again in each transaction")

        if unit.value("TimeoutStartSec") in (None, "0", "infinity"):
            yield at(unit.path, unit.line("TimeoutStartSec"),
                     "no TimeoutStartSec=, add one: a oneshot waits for ever without it")

        starts = unit.values("ExecStart")
        if len(starts) != 1:
            yield at(unit.path, unit.line("ExecStart"),
                     f"{len(starts)} ExecStart=, have exactly one: two commands are two steps")

        for key, prefix, words, line in commands(unit):
            # ExecReload= runs the step's own program again: it renders again without restarting the units that require it.
            if key not in ("ExecStart", "ExecCondition", "ExecReload"):
                yield at(unit.path, line, f"{key}= in a step, make it a step of its own or part of the program")
            if Path(words[0]).name in SHELLS:
                yield at(unit.path, line, f"{key}= runs '{words[0]}', put the logic into the step's program")

            if "-" in prefix:
                yield at(unit.path, line,
                         f"{key}= ignores failure, drop the '-': dependents must not run on half a configuration")


def check_restart(tree):
    """Retries are the program's: on 252 a required oneshot that fails and is restarted leaves its dependents dead."""
    for name, unit in steps(tree).items():
        for value, line in unit.values("Restart"):
            if value != "no" and name != "eks-retry.service":  # which has none
                yield at(unit.path, line,
                         f"Restart={value} in a step, retry inside the program against a deadline instead")


def check_documentation(tree):
    """Each unit has a description and a page of its own, and every page it names exists."""
    for unit in units(tree).values():
        if not unit.value("Description"):
            yield at(unit.path, 1, "no Description=, add one: it is what the console shows")
        pages = [(word[4:], line) for value, line in unit.values("Documentation") for word in value.split()
                 if word.startswith("man:")]
        own = f"{unit.name.replace('@', '')}(8)"
        if own not in (page for page, _ in pages):
            yield at(unit.path, unit.line("Documentation"), f"no Documentation=man:{own}, add it")

        for page, line in pages:
            m = re.fullmatch(r"(.+)\((\w+)\)", page)
            if not m or not (tree.source / f"man/{m[1]}.{m[2]}.scd").exists():
                yield at(unit.path, line, f"Documentation=man:{page} does not resolve, write man/{m[1]}.{m[2]}.scd" if m else
                         f"Documentation=man:{page} has no section, name it as page(8)")


def check_install_section(tree):
    for unit in units(tree).values():
        if "Install" in unit.sections():
            yield at(unit.path, 1, "has an [Install] section, remove it: the generator links units in, admins mask")


def check_headings(tree):
    """A unit has each section once."""
    for unit in all_units(tree):
        for heading in sorted({h for h in unit.headings() if unit.headings().count(h) > 1}):
            yield at(unit.path, 1, f"has [{heading}] {unit.headings().count(heading)} times, put the lines into one")


def wanted_by(tree, target):
    """The units that have a link in TARGET.wants/."""
    directory = tree.stage / UNIT_DIRECTORY / f"{target}.wants"
    return {link.name for link in directory.iterdir()} if directory.is_dir() else set()


def check_wants(tree):
    """What a target of ours wants is in the table of units/meson.build; a unit of another package has no line there."""
    ours = units(tree)
    for target in (unit for name, unit in ours.items() if name.endswith(".target")):
        for name in sorted((target.words("Wants") | target.words("Requires")) & ours.keys()):
            yield at(target.path, target.line("Wants"), f"wants {name}, name {target.name} beside it in {MESON} instead")


def check_order(tree):
    """An order is in one of the two units."""
    ours = units(tree)
    for name, unit in ours.items():
        for other in sorted(unit.words("After") & ours.keys()):
            if name in ours[other].words("Before"):
                yield at(unit.path, unit.line("After"), f"{other} is Before={name} already, drop it from After=")


def check_configured_target(tree):
    """eks-configured.target knows every step and does not believe in one that has not finished. The order is in the steps.

    The flag it asserts is the RuntimeDirectory= that units/step.conf gives each of them.
    """
    ours = units(tree)
    target, node = ours["eks-configured.target"], ours["eks-node.target"]
    asserted = {value: line for value, line in target.values("AssertPathExists")}
    expected = {}

    for name, unit in steps(tree).items():
        if name in OFF_CHAIN:
            continue

        if name in AFTER_CONFIGURED:
            if name not in wanted_by(tree, node.name):
                yield at(MESON, 1, f"{name} is not pulled in, name {node.name} beside it")
            continue

        if name not in wanted_by(tree, target.name):
            yield at(MESON, 1, f"{name} is not pulled in, name {target.name} beside it")
        if target.name not in unit.words("Before"):
            yield at(unit.path, unit.line("Before"), f"{target.name} does not wait for it, add Before={target.name}")

        flag = f"/run/eks/done/{name.removesuffix('.service')}"
        expected[flag] = name
        gated = unit.value("ConditionPathExists") is not None
        if not gated and flag not in asserted:
            yield at(target.path, target.line("AssertPathExists"),
                     f"{name} may be masked unnoticed, add AssertPathExists={flag}")

        if gated and flag in asserted:
            yield at(target.path, asserted[flag], f"{name} may be skipped by its condition, drop AssertPathExists={flag}")

    for path, line in asserted.items():
        if path.startswith("/run/eks/done/") and path not in expected:
            yield at(target.path, line, f"no step before this target leaves {path}, drop the line")

    for unit in steps(tree).values():
        for path, line in unit.values("AssertPathExists"):
            if path.startswith("/run/eks/done/") and f"{Path(path).name}.service" not in unit.words("After") & ours.keys():
                yield at(unit.path, line, f"asserts {path} but is not After= that step, order it so")


def check_step_lines(tree):
    """Each step has every line of units/step.conf, and no drop-in reaches units that only begin with the same name."""
    wanted = [(s.section, s.key, s.value) for s in settings(tree.text(STEP_CONF))]
    if ("Service", "RuntimeDirectory", "eks/done/%N") not in wanted:
        yield at(STEP_CONF, 1, "no RuntimeDirectory=eks/done/%N, add it: eks-configured.target asserts it")

    for unit in steps(tree).values():
        if unit.name in EACH_TIME:
            continue  # no flag that it is done, and it must not start itself when it fails
        found = {(s.section, s.key, s.value) for s in unit.settings}
        for section, key, value in wanted:
            if (section, key, value) not in found:
                yield at(unit.path, 1, f"no {key}={value} in [{section}], put @STEP_{section.upper()}@ there")

    for drop_in in drop_ins(tree):
        if re.search(r"(?<!^cri-containerd)-\.\w+\.d$", drop_in.file.parent.name):  # those scopes have no other name
            yield at(drop_in.path, 1,
                     f"{drop_in.file.parent.name} applies to other people's units too, put its lines into ours")


def check_executables(tree):
    """One unit, one program, one name."""
    directory = tree.stage / LIBEXEC_DIRECTORY
    started = set()

    for name, unit in steps(tree).items():
        for value, line in unit.values("ExecStart"):
            program = value.split()[0].lstrip("@-:+!")
            if name in RUNS_ANOTHER_PROGRAM:
                continue

            started.add(Path(program).name)
            expected = f"/{LIBEXEC_DIRECTORY}/{name.removesuffix('.service').removesuffix('@')}"
            if program != expected:
                yield at(unit.path, line, f"starts '{program}', start {expected}")
            elif not (directory / Path(program).name).is_file():
                yield at(unit.path, line, f"'{program}' is not installed, add the step to helpers/steps/meson.build")

    for program in sorted(directory.iterdir()):
        if program.name.startswith("eks-") and program.name not in started:
            yield at("helpers/steps/meson.build", 1,
                     f"{program.name} is installed but no unit starts it, add units/{program.name}.service.in")


def check_step_tests(tree):
    """Each step has unit tests with its name as tag, so that `meson test step-NAME` finds some."""
    tags = set(re.findall(r"\[([a-z-]+)\]", "".join(tree.text(path) for path in tree.files("tests/unit/**/*_test.cpp"))))
    for path in tree.files("helpers/steps/*/main.cpp"):
        if path.parent.name not in tags | MANAGER_ONLY:
            yield at(path, 1, f"no unit test has the tag [{path.parent.name}], write one")


def check_unit_tests(tree):
    """Each file of unit tests is compiled: it has the name of a step or verb, or is in the list."""
    listed = set(re.findall(r"'(?:[./\w]*/)?(\w+_test)'", tree.text("tests/unit/meson.build")))
    for path in tree.files("tests/unit/**/*_test.cpp"):
        name = path.stem.removesuffix("_test").replace("_", "-")
        if path.stem not in listed and not (tree.source / "helpers" / path.parent.name / name / "main.cpp").exists():
            yield at(path, 1, "is compiled by no target, name it after a step or verb, or list it in tests/unit/meson.build")


def check_gates(tree):
    """A unit that waits for a gate has one: without it in eks-config the step is skipped for ever."""
    source = "helpers/steps/gates.cpp"
    gates = set(re.findall(r'\bGate{"([\w-]+)"', tree.text(source)))

    for name, unit in units(tree).items():
        for key in "ConditionPathExists", "AssertPathExists":
            for value, line in unit.values(key):
                if (m := re.fullmatch(r"[|!]*/run/eks/enabled/([\w-]+)", value)) and m[1] not in gates:
                    yield at(unit.path, line, f"waits for the gate '{m[1]}', add it to the gates of {source}")


def check_no_reload(tree):
    """Nothing restarts a unit or reloads the manager on the way up."""
    for unit in all_units(tree):
        for key, _, words, line in commands(unit):
            if {Path(word).name for word in words} & {"systemctl", "busctl", "telinit", "daemon-reload"}:
                yield at(unit.path, line, f"{key}= drives the manager, let dependencies and drop-ins do it")

    methods = re.compile(r'"(Reload|Reexecute|(?:Try|ReloadOr|ReloadOrTry)?RestartUnit|ReloadUnit)"|\bsystemctl",')
    for path in tree.files("helpers/**/*.cpp", "helpers/**/*.hpp", "generators/**/*.cpp"):
        if path.name == "restart_daemons.cpp":
            continue  # of what runs before the chain has started, which a boot does not have
        if path.parts[2] in ("apply", "environment", "interface", "kubelet-edits", "nodeadm", "resolved", "take_over.cpp", "user-scripts"):
            continue  # their purpose: what was changed is taken over, by people or before kubelet's first start

        text = without_comments(tree.text(path))
        for m in methods.finditer(text):
            yield at(path, line_of(text, m.start()),
                     f"calls {m[1] or 'systemctl'}, write what a unit needs before it starts instead")


def check_sandbox_cost(tree):
    """No sandbox line on the boot path that costs more than the step itself."""
    for name, unit in steps(tree).items():
        for setting in unit.settings:
            if name in CONFINED_BY_SYSTEMD:
                continue
            if setting.key in REFUSED and setting.value not in ("no", "false", "off", "0", ""):
                yield at(unit.path, setting.line,
                         f"{setting.key}= {REFUSED[setting.key]}, leave it to the Access of run_step")


def check_capabilities(tree):
    """No step runs with more than it names: no '+' or '!' before a command, no capability that it does not need."""
    for name, unit in steps(tree).items():
        for key, prefix, _, line in commands(unit):
            if set(prefix) & set("+!"):
                yield at(unit.path, line, f"{key}={prefix} keeps every capability, name those it needs instead")

        wanted = " ".join(FOR_FILESYSTEMS * (name in MAKES_FILESYSTEMS) + ["CAP_MKNOD"] * (name in MAKES_DEVICES) +
                          ["CAP_SYS_ADMIN"] * (name in ADMINISTERS))
        if unit.value("CapabilityBoundingSet") != wanted:
            yield at(unit.path, unit.line("CapabilityBoundingSet"),
                     f"CapabilityBoundingSet={unit.value('CapabilityBoundingSet')}, expected '{wanted}'")


# containerd.service of containerd 2.x; KillMode=process lets containers outlive a restart of the daemon. LimitNOFILE= is
# ours: upstream has dropped it, see the drop-in.
CONTAINERD = {
    "Type": "notify", "Delegate": "yes", "KillMode": "process", "Restart": "always", "LimitNPROC": "infinity",
    "LimitCORE": "infinity", "TasksMax": "infinity", "OOMScoreAdjust": "-999", "LimitNOFILE": "1048576",
}
OURS = {"Delegate", "LimitNOFILE", "OOMScoreAdjust", "TasksMax"}


def check_containerd(tree):
    """Debian's containerd.service with our drop-in is what containerd recommends, and what matters does not rest on it."""
    drop_in = next(d for d in drop_ins(tree) if d.path == "dropins/containerd.service.d/10-eks.conf")
    for key in OURS:
        if drop_in.value(key) != CONTAINERD[key]:
            yield at(drop_in.path, drop_in.line(key), f"no {key}={CONTAINERD[key]}, set it: distributions differ")

    theirs = Path("/lib/systemd/system/containerd.service")
    if not theirs.exists():
        raise Skip("no containerd.service on this machine, tests/deps installs it")

    found = dict(re.findall(r"^(\w+)=(.*)$", theirs.read_text(), re.MULTILINE))
    for key, value in CONTAINERD.items():
        if (drop_in.value(key) or found.get(key)) != value:
            yield at(drop_in.path, 1, f"containerd.service has {key}={found.get(key)}, set {key}={value}")


def check_exposure(tree):
    """`systemd-analyze security` stays below the threshold of each service."""
    analyze = tool("systemd-analyze")
    services = {name: unit for name, unit in units(tree).items() if name.endswith(".service")}
    table = f"tests/lint/{THRESHOLDS.name}"
    thresholds = {}

    for number, line in enumerate(THRESHOLDS.read_text().splitlines(), 1):
        if not line.startswith("#"):
            name, value = line.split("\t")
            thresholds[name] = float(value)
            if name not in {STEP_THRESHOLD, *services}:
                yield at(table, number, f"there is no {name}, drop the line")

    for name in services:
        if name.startswith("eks-"):
            thresholds.setdefault(name, thresholds[STEP_THRESHOLD])

    known = [name for name in services if name in thresholds]
    for name in services.keys() - thresholds.keys():
        yield at(table, 1, f"no threshold for {name}, add the value of systemd-analyze security --offline=yes")
    measured = run(analyze, "security", f"--root={node_root(tree)}", "--offline=yes", "--no-pager", "--threshold=100", *known)
    measurements = re.findall(r"Overall exposure level for (\S+): ([\d.]+)", measured.stdout)
    values = {name.replace("@i.", "@."): value for name, value in measurements}  # of a template an instance is measured

    for name in known:
        limit = thresholds[name]
        if name not in values:
            yield at(services[name].path, 1, f"systemd-analyze security gives no value: {measured.stdout.strip()}")
        elif float(values[name]) > limit:
            yield at(services[name].path, 1,
                     f"exposure {values[name]} is above {limit:g}, confine the unit again or raise {table}")


if __name__ == "__main__":
    main()
