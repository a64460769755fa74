#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The lint tests can fail: plant one violation after another in a copy of the tree, and expect each to be found."""

import importlib
import json
import os
import re
import shutil
import stat
import sys

import lint

# They look at one file after another and take seconds for all: they get only the files that a plant has changed.
BY_FILE = [("cpp_format", "check_format"), ("man", "check_renders"), ("shell", "check_shellcheck")]
MODULES = ["access", "binaries", "commits", "cpp_format", "data", "generator", "man", "messages", "paths", "shell", "text", "tidy",
           "tidy_changed", "units"]
PLANTS = []

CA = f"{lint.UNIT_DIRECTORY}/eks-ca.service"
TARGET = f"{lint.UNIT_DIRECTORY}/eks-configured.target"
GENERATOR = "usr/lib/systemd/system-generators/eks-node-generator"
MESSAGES = "helpers/data/messages.txt"
RENDER_MESSAGES = "helpers/data/render-messages"
KEYS = "helpers/data/keys.toml"
KNOWN_ID = "3f22aa0d5fa74a14ba2062809bc9681b"  # event::step_finished
OTHER_ID = "00112233445566778899aabbccddeeff"


def plant(check, expected):
    """Register a function (source, stage) that breaks a rule, and the finding it must cause."""
    def register(function):
        PLANTS.append((*check.split("."), expected, function))
        return function
    return register


def append(path, text):
    with open(path, "a", encoding="utf-8") as file:
        file.write(text)


def replace(path, old, new):
    text = path.read_text()
    assert old in text, f"{path} has no '{old}' to replace, mend the plant"
    path.write_text(text.replace(old, new, 1))


def write(path, text, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def program(path, text):
    path.unlink()
    write(path, f"#!/bin/sh\n{text}\n", 0o755)


PROTECTED = ("-O2 -fPIE -pie -fstack-protector-all -fcf-protection=full -D_FORTIFY_SOURCE=3 -D_GLIBCXX_ASSERTIONS "
             "-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack").split()
PROGRAM = ("#include <cstdio>\n#include <vector>\nint one() { return 1; }\nint two() { return 2; }\nint three() { return 3; }\n"
           "int main(int n, char** v) { std::printf(v[0]); return std::vector<int>(n)[n]; }\n")


def new_program(stage, text, *options, name="eks-ca"):
    """Put another program in the place of one, or of a library."""
    target = next((stage / "usr/libexec/eksnode").glob(name))
    source = stage / "usr/libexec/eksnode/phantom.cpp"
    write(source, text)
    built = lint.run("c++", "-w", *PROTECTED, "-o", target, source, *options)
    assert built.returncode == 0, built.stdout


def unprotected(stage, option, name="eks-ca"):
    """A program that is built with one option that takes a protection away."""
    new_program(stage, PROGRAM, option, name=name)


def in_unit(old, new, unit=CA):
    return lambda source, stage: replace(stage / unit, old, new)


# (check, what is found, what to replace by what in the installed eks-ca.service)
for check, expected, old, new in (
        ("units.check_verify", "eks-ca.service.in:.*Unknown key 'Retries'", "Type=", "Retries=3\nType="),
        ("units.check_verify", "eks-ca.service.in:.*not executable", "ExecStart=/usr/libexec/eksnode/eks-ca",
         "ExecStart=/usr/libexec/eksnode/eks-phantom"),
        ("units.check_ordering", "cycle", "After=", "After=eks-configured.target "),
        ("units.check_oneshots", "not Type=oneshot", "Type=oneshot", "Type=exec"),
        ("units.check_oneshots", "no RemainAfterExit", "RemainAfterExit=yes\n", ""),
        ("units.check_oneshots", "no TimeoutStartSec", "TimeoutStartSec=30s\n", ""),
        ("units.check_oneshots", "2 ExecStart", "ExecStart=", "ExecStart=/bin/true\nExecStart="),
        ("units.check_oneshots", "ExecStartPre= in a step", "ExecStart=", "ExecStartPre=/bin/true\nExecStart="),
        ("units.check_oneshots", "runs '/bin/sh'", "ExecStart=", "ExecStart=/bin/sh -c "),
        ("units.check_oneshots", "ignores failure", "ExecStart=", "ExecStart=-"),
        ("units.check_restart", "Restart=on-failure", "Type=", "Restart=on-failure\nType="),
        ("units.check_documentation", "no Description", "Description=", "#"),
        ("units.check_documentation", "no Documentation=man:eks-ca", "Documentation=", "#"),
        ("units.check_documentation", "eks-phantom.service\\(8\\) does not resolve", "Documentation=",
         "Documentation=man:eks-phantom.service(8) "),
        ("units.check_headings", "has \\[Service\\] 2 times", "[Service]", "[Service]\nType=oneshot\n[Service]"),
        ("units.check_configured_target", "eks-configured.target does not wait for it", "Before=eks-configured.target\n", ""),
        ("units.check_install_section", "Install", "[Service]", "[Install]\nWantedBy=multi-user.target\n[Service]"),
        ("units.check_configured_target", "eks-ca.service may be skipped", "[Service]", "ConditionPathExists=/x\n[Service]"),
        ("units.check_configured_target", "asserts /run/eks/done/eks-imds", "[Service]",
         "AssertPathExists=/run/eks/done/eks-imds\n[Service]"),
        ("units.check_executables", "starts '/usr/bin/eks-ca'", "/usr/libexec/eksnode/eks-ca", "/usr/bin/eks-ca"),
        ("units.check_no_reload", "drives the manager", "ExecStart=", "ExecStart=/usr/bin/systemctl daemon-reload\n#"),
        ("units.check_capabilities", "keeps every capability", "ExecStart=", "ExecStart=+"),
        ("units.check_capabilities", "CapabilityBoundingSet=CAP_CHOWN, expected ''", "CapabilityBoundingSet=",
         "CapabilityBoundingSet=CAP_CHOWN"),
        ("units.check_capabilities", "CapabilityBoundingSet=CAP_SYS_ADMIN, expected ''", "CapabilityBoundingSet=",
         "CapabilityBoundingSet=CAP_SYS_ADMIN"),
        ("units.check_sandbox_cost", "PrivateTmp= needs a mount namespace", "Type=", "PrivateTmp=yes\nType="),
        ("units.check_sandbox_cost", "SystemCallFilter= needs a seccomp", "Type=",
         "SystemCallFilter=@system-service\nType=")):
    plant(check, expected)(in_unit(old, new))

for expected, old, new in (
        ("eks-ca.service may be masked", "AssertPathExists=/run/eks/done/eks-ca\n", ""),
        ("no step .* leaves /run/eks/done/eks-phantom", "[Unit]", "[Unit]\nAssertPathExists=/run/eks/done/eks-phantom")):
    plant("units.check_configured_target", expected)(in_unit(old, new, TARGET))

for file in ("containerd.service.d/50-efa.conf", "docker.service.d/50-eks-node.conf", "kubelet.service.d/50-watchdog.conf",
             "node/after-kubelet.conf", "system.slice.d/50-eks-node.conf"):
    plant("units.check_verify", f"dropins/{file}:.*Unknown key 'Retries'")(
        lambda source, stage, file=file: append(stage / f"{lint.NODE_UNIT_DIRECTORY}/{file}", "[Unit]\nRetries=3\n"))
plant("units.check_verify", "dropins/sysinit.target.d/50-eks.conf:.*Unknown key 'Retries'")(
    lambda source, stage: append(stage / f"{lint.UNIT_DIRECTORY}/sysinit.target.d/50-eks.conf", "[Unit]\nRetries=3\n"))
plant("units.check_configured_target", "eks-ca.service is not pulled in")(
    lambda source, stage: (stage / f"{TARGET}.wants/eks-ca.service").unlink())
plant("units.check_configured_target", "eks-sandbox-image.service is not pulled in")(
    lambda source, stage: (stage / f"{lint.UNIT_DIRECTORY}/eks-node.target.wants/eks-sandbox-image.service").unlink())
plant("units.check_wants", "eks-configured.target:.*wants eks-ca.service")(in_unit("[Unit]", "[Unit]\nWants=eks-ca.service", TARGET))
plant("units.check_order", "eks-configured.target:.*eks-ca.service is Before=eks-configured.target already")(
    in_unit("[Unit]", "[Unit]\nAfter=eks-ca.service", TARGET))
plant("units.check_step_lines", "step.conf:1: no RuntimeDirectory")(
    lambda source, stage: replace(source / "units/step.conf", "RuntimeDirectory=", "#"))
plant("units.check_step_lines", "eks-ca.service.in:1: no UMask=0022")(in_unit("UMask=", "#"))
plant("units.check_containerd", "no TasksMax=infinity")(
    in_unit("TasksMax=infinity", "TasksMax=100", f"{lint.NODE_UNIT_DIRECTORY}/containerd.service.d/10-eks.conf"))


@plant("units.check_step_lines", "eks-.service.d applies to other people's units")
def _(source, stage):
    write(stage / f"{lint.UNIT_DIRECTORY}/eks-.service.d/10-eks.conf", "[Service]\nUMask=0022\n")


@plant("units.check_executables", "eks-ca' is not installed")
def _(source, stage):
    (stage / "usr/libexec/eksnode/eks-ca").unlink()


@plant("units.check_executables", "eks-phantom is installed but no unit")
def _(source, stage):
    write(stage / "usr/libexec/eksnode/eks-phantom", "", 0o755)


plant("units.check_gates", "waits for the gate 'phantom'")(
    in_unit("[Service]", "ConditionPathExists=/run/eks/enabled/phantom\n[Service]"))


@plant("units.check_step_tests", "no unit test has the tag \\[phantom\\]")
def _(source, stage):
    write(source / "helpers/steps/phantom/main.cpp", CPP)


@plant("man.check_installed", "eks-phantom.7.scd is not installed")
def _(source, stage):
    write(source / "man/eks-phantom.7.scd", "")


@plant("units.check_unit_tests", "steps/phantom_test.cpp:1: is compiled by no target")
def _(source, stage):
    write(source / "tests/unit/steps/phantom_test.cpp", CPP)


@plant("units.check_no_reload", "helpers/steps/ca/ca.cpp:.*RestartUnit")
def _(source, stage):
    append(source / "helpers/steps/ca/ca.cpp", 'constexpr auto method = "RestartUnit";\n')


plant("units.check_exposure", "eks-ca.service.in:.*is above")(in_unit("CapabilityBoundingSet=", "#"))


@plant("units.check_exposure", "no threshold for phantom")
def _(source, stage):
    write(stage / f"{lint.UNIT_DIRECTORY}/phantom.service", "[Service]\nExecStart=/bin/true\n")


@plant("units.check_exposure", "eks-phantom.service.*is above 6.9")
def _(source, stage):
    write(stage / f"{lint.UNIT_DIRECTORY}/eks-phantom.service", "[Service]\nExecStart=/bin/true\n")


@plant("generator.check_repeatable", "two runs differ on Nitro")
def _(source, stage):
    program(stage / GENERATOR, 'echo $$ > "$1/pid"')


@plant("generator.check_repeatable", "writes nothing on Xen")
def _(source, stage):
    program(stage / GENERATOR, 'grep -q Amazon "$EKS_ROOT"/sys/class/dmi/id/sys_vendor && echo > "$1/link"; exit 0')


@plant("generator.check_elsewhere", "writes normal/link off EC2")
def _(source, stage):
    program(stage / GENERATOR, 'echo > "$1/link"')


@plant("generator.check_elsewhere", "fails in the initrd")
def _(source, stage):
    program(stage / GENERATOR, 'test -z "$SYSTEMD_IN_INITRD"')


@plant("generator.check_output", "writes early/link")
def _(source, stage):
    program(stage / GENERATOR, 'echo > "$2/link"')


@plant("generator.check_output", "links to /lib/systemd/system/eks-phantom.target")
def _(source, stage):
    program(stage / GENERATOR, 'ln -s /lib/systemd/system/eks-phantom.target "$1/link"')


@plant("generator.check_libraries", "the generator needs libeksnode-net")
def _(source, stage):
    shutil.copy(stage / "usr/libexec/eksnode/eks-imds", stage / GENERATOR)


@plant("access.check_reads", "containerd_config.cpp:.*reads /phantom, which eks-docker-runtimes plans without")
def _(source, stage):
    replace(source / "helpers/steps/containerd-config/containerd_config.cpp", '"/proc/cpuinfo"', '"/phantom"')


@plant("binaries.check_needed", "eks-ca loads libeksnode-net")
def _(source, stage):
    shutil.copy(stage / "usr/libexec/eksnode/eks-imds", stage / "usr/libexec/eksnode/eks-ca")


@plant("binaries.check_needed", "eks-ca does not load libeksnode-crypto")
def _(source, stage):
    shutil.copy(stage / "usr/libexec/eksnode/eks-kubeconfig", stage / "usr/libexec/eksnode/eks-ca")


@plant("binaries.check_needed", "no line for eksnode-phantom")
def _(source, stage):
    shutil.copy(stage / "usr/libexec/eksnode/eks-ca", stage / "usr/libexec/eksnode/eksnode-phantom")


@plant("binaries.check_needed", "eks-phantom loads libeksnode-crypto")
def _(source, stage):
    shutil.copy(stage / "usr/libexec/eksnode/eks-ca", stage / "usr/libexec/eksnode/eks-phantom")


for expected, declaration, call, library in (
        ("eks-ca needs GLIBC_2.36", "unsigned arc4random();", "(int) arc4random()", "-lc"),
        ("eks-ca needs CURL_OPENSSL_4", "void* curl_easy_init();", "curl_easy_init() != nullptr", "-lcurl")):
    plant("binaries.check_versions", expected)(
        lambda source, stage, declaration=declaration, call=call, library=library: new_program(
            stage, f'extern "C" {declaration}\nint main() {{ return {call}; }}\n', library))


@plant("binaries.check_protection", "eks-ca binds symbols late.*-z now")
def _(source, stage):
    unprotected(stage, "-Wl,-z,lazy")


for expected, option in (("-pie", "-no-pie"), ("-z relro", "-Wl,-z,norelro"), ("-z noexecstack", "-Wl,-z,execstack"),
                         ("-fstack-protector-strong", "-fno-stack-protector"), ("-fcf-protection", "-fcf-protection=none")):
    plant("binaries.check_protection", f"eks-ca .*{expected}")(
        lambda source, stage, option=option: unprotected(stage, option))
for expected in "-D_FORTIFY_SOURCE", "-D_GLIBCXX_ASSERTIONS":
    plant("binaries.check_protection", f"libeksnode-base.so .*{expected}")(
        lambda source, stage, option=expected.replace("-D", "-U"): unprotected(stage, option, name="libeksnode-base-*.so"))


@plant("binaries.check_size", "make smaller large.tsv")
def _(source, stage):
    with open(stage / "usr/share/eks/large.tsv", "wb") as file:
        file.truncate(20_000_000)


@plant("binaries.check_size", "eks-phantom has 200000 bytes")
def _(source, stage):
    write(stage / "usr/libexec/eksnode/eks-phantom", "x" * 200_000)


def message(name="phantom", message_id=OTHER_ID, fields="", text="It broke.\n\nMend it."):
    """Add a message to the table; a field that is there twice is wrong."""
    fields = f"Name: {name}\nTopic: steps\nSubject: A\nDocumentation: man:eks-node(7)\n{fields}"
    return lambda source, stage: append(source / MESSAGES, f"\n-- {message_id}\n{fields}\n{text}\n")


for check, expected, what in (
        ("check_table", "'0815' is not a message id", {"message_id": "0815"}),
        ("check_table", "'The_phantom' is not a name", {"name": "The_phantom"}),
        ("check_table", f"'{KNOWN_ID}' is already on line", {"message_id": KNOWN_ID}),
        ("check_table", "'usage' is already on line", {"name": "usage"}),
        ("check_table", "no Name: line", {"name": ""}),
        ("check_table", "'Phantom:' is not known", {"fields": "Phantom: a\n"}),
        ("check_table", "'Topic: aws' is not a new field", {"fields": "Topic: aws\n"}),
        ("check_table", "Status '3' is not known", {"fields": "Status: 3\n"}),
        ("check_table", "Room 'phantom' is not known", {"fields": "Room: phantom\n"}),
        ("check_table", "no text below", {"text": ""}),
        ("check_table", "does not say what to do", {"text": "It broke."}),
        ("check_used", "event::phantom is used nowhere", {}),
        ("check_used", "failure::phantom is used nowhere", {"fields": "Status: 1\n"}),
        ("check_fields", "@EKS_PHANTOM@", {"text": "See @EKS_PHANTOM@.\n\nMend it."})):
    plant(f"messages.{check}", expected)(message(**what))


for missing in "Topic", "Subject", "Documentation":
    plant("messages.check_table", f"no {missing}: line")(
        lambda source, stage, missing=missing: replace(source / MESSAGES, f"\n{missing}: ", "\n#"))
plant("messages.check_table", "Topic 'phantom' is not known")(
    lambda source, stage: replace(source / MESSAGES, "Topic: steps", "Topic: phantom"))
plant("messages.check_statuses", "messages.hpp:.*Errc is not STATUSES")(
    lambda source, stage: replace(source / "helpers/lib/base/messages.hpp", "unreachable = 69", "unreachable = 68"))
plant("messages.check_catalog", "journalctl --update-catalog refuses it")(
    lambda source, stage: replace(source / RENDER_MESSAGES, "\\n-- {message.id}", "\\n--{message.id}"))


@plant("messages.check_plain_words", "'that is none' is hard to read")
def _(source, stage):
    append(source / "helpers/steps/ca/ca.cpp", 'constexpr auto phantom = "a token that "\n                         "is none";\n')


@plant("messages.check_remedies", "an Error of failure::ca_invalid without a remedy")
def _(source, stage):
    append(source / "helpers/steps/ca/ca.cpp", 'void phantom() { throw eks::Error(failure::ca_invalid, fmt::format("{}, {}", 1, 2)); }\n')


@plant("messages.check_waits", "says what is awaited and not until when")
def _(source, stage):
    append(source / "helpers/steps/ca/ca.cpp", 'void phantom(eks::Context& context) { context.awaiting("Waiting for a phantom"); }\n')


PAGE = "{title}\n\n# NAME\n\n{name}\n\n# SYNOPSIS\n\nnone\n\n# DESCRIPTION\n\nnone\n\n{more}# SEE ALSO\n\nnone\n"


def page(title="eks-phantom(8)", name="eks-phantom - a phantom", more=""):
    return lambda source, stage: write(source / "man/eks-phantom.8.scd", PAGE.format(title=title, name=name, more=more))


for expected, arguments in (
        ("the title is not eks-phantom", {"title": "eks-ghost(8)"}),
        ("NAME is not 'eks-phantom", {"name": "a phantom"}),
        ("FILES comes after MESSAGES", {"more": "# MESSAGES\n\nnone\n\n# FILES\n\nnone\n\n"}),
        ("heading 'Files' is not in capitals", {"more": "# Files\n\nnone\n\n"})):
    plant("man.check_shape", expected)(page(**arguments))


@plant("man.check_shape", "eks-phantom.service.*no section EXIT STATUS")
def _(source, stage):
    write(source / "man/eks-phantom.service.8.scd", PAGE.format(title="eks-phantom.service(8)", name="none", more=""))


plant("man.check_renders", "eks-phantom.*scdoc refuses")(page(more="\\\n\\ *unclosed\n\n"))
plant("man.check_renders", "eks-phantom.*man --warnings")(page(more="A" * 300 + " " + "B" * 300 + "\n\n"))


@plant("man.check_renders", "eks-node.toml.5, man --warnings")
def _(source, stage):
    append(stage / "usr/share/man/man5/eks-node.toml.5", "A" * 300 + " " + "B" * 300 + "\n")


@plant("man.check_renders", "messages.txt:1: of .*eks-messages.7, man --warnings")
def _(source, stage):
    append(stage / "usr/share/man/man7/eks-messages.7", "A" * 300 + " " + "B" * 300 + "\n")


@plant("man.check_every_page", "man/eks-phantom.service.8.scd:.*no such page")
def _(source, stage):
    write(stage / f"{lint.UNIT_DIRECTORY}/eks-phantom.service", "[Service]\nExecStart=/bin/true\n")


@plant("man.check_every_page", "man/eksnode-phantom.1.scd:.*no such page")
def _(source, stage):
    write(stage / "usr/libexec/eksnode/eksnode-phantom", "#!/bin/sh\n", 0o755)


@plant("man.check_file_formats", "/run/eks/phantom.json")
def _(source, stage):
    append(source / "helpers/steps/ca/ca.cpp", 'constexpr auto path = "/run/eks/phantom.json";\n')


@plant("man.check_options", "option --phantom of eks-ca")
def _(source, stage):
    (source / "man/eks-ca.service.8.scd").touch()
    program(stage / "usr/libexec/eksnode/eks-ca", "echo usage: eks-ca --phantom")


@plant("man.check_options", "eks-ca --help ends with status 2")
def _(source, stage):
    program(stage / "usr/libexec/eksnode/eks-ca", "exit 2")


@plant("man.check_environment", "ca.cpp:.*reads \\$EKS_PHANTOM")
def _(source, stage):
    append(source / "helpers/steps/ca/ca.cpp", 'const char* value = std::getenv("EKS_PHANTOM");\n')


@plant("man.check_environment", "main.cpp:.*reads \\$EKS_PHANTOM")
def _(source, stage):
    append(source / "generators/eks-node-generator/main.cpp", 'const auto value = environment("EKS_PHANTOM");\n')


@plant("man.check_schema", "key phantom.key")
def _(source, stage):
    append(source / KEYS, '["phantom.key"]\ntype = "text"\ntext = "None."\n')


@plant("man.check_migration", "option --phantom-option of helpers/compat/bootstrap")
def _(source, stage):
    replace(source / "helpers/compat/bootstrap/options.cpp", 'Option{"--b64-cluster-ca"', 'Option{"--phantom-option"')


@plant("man.check_migration", "kubelet.phantomKey is not a key")
def _(source, stage):
    append(source / "man/eks-migration.7.scd", "\nSet kubelet.phantomKey.\n")


plant("man.check_messages", "man/eks-phantom.8.scd:.*message phantom-message")(
    page(more="# MESSAGES\n\nusage, phantom-message; see *eks-messages*(7).\n\n"))


@plant("man.check_references", "ca.cpp:.*eks-phantom\\(8\\)")
def _(source, stage):
    append(source / "helpers/steps/ca/ca.cpp", "// See eks-phantom(8).\n")


plant("man.check_references", "messages.txt:.*eks-phantom\\(8\\)")(message(text="It broke.\n\nSee eks-phantom(8)."))


@plant("paths.check_installed", "/usr/share/doc/phantom is installed")
def _(source, stage):
    write(stage / "usr/share/doc/phantom", "")


@plant("paths.check_installed", "/etc/eks/node.toml is installed")
def _(source, stage):
    write(stage / "etc/eks/node.toml", "")


@plant("paths.check_installed", "eks-ca.service belongs to 12345:")
def _(source, stage):
    if os.geteuid() != 0:
        raise lint.Skip("only root can give a file away")
    os.chown(stage / CA, 12345, -1)


@plant("paths.check_installed", "eks-ca.service belongs to [0-9]+:12345,")
def _(source, stage):
    if os.geteuid() != 0:
        raise lint.Skip("only root can give a file away")
    os.chown(stage / CA, -1, 12345)


@plant("data.check_changelog", "no entry for 9.8.7")
def _(source, stage):
    replace(source / "meson.build", "version: '0.1.0'", "version: '9.8.7'")


@plant("data.check_changelog", "0.0.9 has no day")
def _(source, stage):
    append(source / "packer/packages/changelog", "0.0.9\n  * Nothing.\n")


@plant("data.check_sysctl", "90-eks.conf:.*no parameter 'vm.phantom'")
def _(source, stage):
    append(source / "dropins/sysctl.d/90-eks.conf", "vm.phantom = 1\n")


@plant("data.check_sysctl", "90-eks.conf:.*'yes' is neither a number")
def _(source, stage):
    append(source / "dropins/sysctl.d/90-eks.conf", "vm.overcommit_memory = yes\n")


@plant("data.check_sshd", "50-eks-ciphers.conf:.*no Ciphers 'rot13'")
def _(source, stage):
    append(source / "dropins/sshd/50-eks-ciphers.conf", "Ciphers rot13\n")


@plant("paths.check_installed", "eks-ca.service has mode 755")
def _(source, stage):
    (stage / CA).chmod(0o755)


@plant("paths.check_top_level", "'notes' is not one of the top level's names")
def _(source, stage):
    write(source / "notes/today.txt", "")


@plant("paths.check_top_level", ".github holds CONTRIBUTING.md and SECURITY.md only")
def _(source, stage):
    write(source / ".github/workflows/phantom.yml", "")


@plant("paths.check_top_level", ".ci/phantom")
def _(source, stage):
    write(source / ".ci/phantom", "")


def script(text, path="tests/phantom"):
    return lambda source, stage: write(source / path, text, 0o755)


BASH = "#!/bin/bash\n# SPDX-License-Identifier: Apache-2.0\n"
plant("shell.check_syntax", "tests/phantom:3")(script(BASH + "if true; then )\n"))
plant("shell.check_syntax", "tests/phantom.sh:")(script("echo (\n", "tests/phantom.sh"))
plant("shell.check_shellcheck", "tests/phantom:4: shellcheck: .*SC2086")(script(BASH + "set -euo pipefail\nls $1\n"))
plant("shell.check_strict", "tests/phantom:1: no 'set -euo pipefail'")(script(BASH + "ls\n"))

CPP = "// SPDX-License-Identifier: Apache-2.0\n"
for check, expected, path, text in (
        ("text.check_licence", "phantom.cpp:1: no licence", "helpers/steps/ca/phantom.cpp", "int phantom;\n"),
        ("text.check_licence", "tests/phantom:1: no licence", "tests/phantom", "#!/usr/bin/python3\n"),
        ("text.check_line_ends", "phantom.cpp:1: no newline", "helpers/steps/ca/phantom.cpp", "int phantom;"),
        ("text.check_line_ends", "phantom.cpp:1: blanks", "helpers/steps/ca/phantom.cpp", "int phantom; \n"),
        ("text.check_line_ends", "phantom.cpp:1: blanks", "helpers/steps/ca/phantom.cpp", "int phantom;\r\n"),
        ("text.check_line_ends", "phantom.cpp:2: blank lines", "helpers/steps/ca/phantom.cpp", "int phantom;\n\n"),
        ("text.check_todo", "phantom.cpp:1: TO" "DO without", "helpers/steps/ca/phantom.cpp", "// TO" "DO: more\n"),
        ("text.check_shell_calls", "phantom.cpp:2: system", "helpers/steps/ca/phantom.cpp", CPP + 'int s = std::system("ls");\n'),
        ("text.check_shell_calls", "phantom.cpp:2: popen", "helpers/steps/ca/phantom.cpp", CPP + 'auto p = popen("ls", "r");\n'),
        ("text.check_foreign_places", "phantom:1: names the host", "tests/phantom", "http://deb." "debian.org/debian\n"),
        ("text.check_foreign_places", "phantom:1: names '/home", "tests/phantom", "cd /" "home/me/eksnode\n"),
        ("text.check_words", "phantom:1: 'before its" " time' is no plain word", "tests/phantom", "# before its" " time\n"),
        ("text.check_main_length", "ca/main.cpp:1: 61 lines", "helpers/steps/ca/main.cpp", "run_step();\n" * 61),
        ("text.check_main_length", "plan/main.cpp:1: 151 lines", "helpers/verbs/plan/main.cpp", "run();\n" * 151),
        ("text.check_rooms", "phantom.cpp:2: document does not stand on config", "helpers/lib/document/phantom.cpp",
         CPP + '#include "config/known_keys.hpp"\n'),
        ("text.check_rooms", "phantom.cpp:2: net does not stand on document", "helpers/lib/net/phantom.cpp",
         CPP + '#include "document/layer.hpp"\n'),
        ("text.check_rooms", "phantom.cpp:2: storage does not stand on net", "helpers/lib/storage/phantom.cpp",
         CPP + '#include "net_messages.hpp"\n'),
        ("cpp_format.check_format", "phantom.cpp:1: the first of 1", "helpers/steps/ca/phantom.cpp", "int  phantom;\n"),
        ("data.check_json", "phantom.json:2", "helpers/steps/ca/phantom.json", "{\n]\n"),
        ("data.check_python", "phantom.py:2: does not compile", "tests/phantom.py", "\ndef\n"),
        ("data.check_python", "phantom:2: does not compile", "tests/phantom", "#!/usr/bin/env python3\nprint('\\d')\n"),
        ("data.check_tables", "phantom.tsv:1: the first line", "helpers/data/share/phantom.tsv", "# Facts.\nname\n"),
        ("data.check_tables", "phantom.tsv:3: 2 fields", "helpers/data/share/phantom.tsv", "# From a, 2026-01.\nname\na\tb\n"),
        ("data.check_tables", "phantom.tsv:4: 'a' comes after", "helpers/data/share/phantom.tsv", "# From a, 2026-01.\nname\nb\na\n"),
        ("data.check_tables", "phantom.tsv:4: 'a' a second", "helpers/data/share/phantom.tsv", "# From a, 2026-01.\nname\na\na\n")):
    plant(check, expected)(script(text, path))


class Copy:
    """A copy of source and installed tree to break, and to mend again after each plant."""

    def __init__(self, tree):
        self.directory = tree.temporary()
        self.source = self.directory / "source"
        self.stage = self.directory / "stage"

        for path in tree.all_files:
            (self.source / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(tree.source / path, self.source / path, follow_symlinks=False)

        shutil.copytree(tree.stage, self.stage, symlinks=True)
        self.original = {self.source: tree.source, self.stage: tree.stage}
        self.whole = self.state()

    def state(self):
        """What a change would show in: of every file, when it was written, its size, mode and owner."""
        found = {}
        for path in self.directory.rglob("*"):
            status = path.lstat()
            if not stat.S_ISDIR(status.st_mode):
                found[path] = (status.st_mtime_ns, status.st_size, status.st_mode, status.st_uid, status.st_gid)
        return found

    def changed(self):
        """Paths in the source of what is new or different."""
        now = self.state()
        return sorted(path.relative_to(self.source) for path, status in now.items()
                      if path.is_relative_to(self.source) and self.whole.get(path) != status)

    def mend(self):
        now = self.state()
        for path in now.keys() - self.whole.keys():
            path.unlink()

        for path, status in self.whole.items():
            if now.get(path) != status:
                root = self.source if path.is_relative_to(self.source) else self.stage
                path.unlink(missing_ok=True)
                shutil.copy2(self.original[root] / path.relative_to(root), path, follow_symlinks=False)


def tidy_tree(tree):
    """A tree of one file: the real one takes clang-tidy minutes."""
    directory = tree.temporary()
    file = directory / "helpers/phantom.cpp"
    write(file, CPP + '#include "phantom.hpp"\nint* phantom() { return 0; }\n')
    write(directory / "helpers/phantom.hpp", CPP + "inline int* ghost() { return 0; }\n")
    write(directory / "helpers/forgotten.cpp", CPP)
    shutil.copy(tree.source / ".clang-tidy", directory)
    (directory / "compile_commands.json").write_text(json.dumps(
        [{"directory": str(directory), "file": str(file), "command": f"c++ -std=c++20 -c {file}"}]))
    commit(directory, "units: order kubelet\n\nWhy.")

    return lint.Tree(directory, directory, directory)


def commit(directory, message):
    """Make the directory a repository with one commit of what is in it."""
    git = "git", "-C", directory, "-c", "user.name=a", "-c", "user.email=a@example.com"
    for words in ["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--allow-empty", "-m", message]:
        done = lint.run(*git, *words)
        assert done.returncode == 0, done.stdout


BAD_MESSAGES = {
    "check_subjects": [
        (f"units: order {'x' * 70}\n\nWhy.", "the subject has 83 characters"),
        ("order kubelet\n\nWhy.", "names no area"),
        ("units: Order kubelet\n\nWhy.", "begins with a capital"),
        ("units: orders kubelet\n\nWhy.", "'orders' is no imperative"),
        ("units: mend what a review found\n\nWhy.", "'review' says nothing"),
    ],
    "check_bodies": [
        ("units: order kubelet", "has no body"),
        ("units: order kubelet\nWhy.", "no blank line after the subject"),
        (f"units: order kubelet\n\nWhy {'x' * 80}.", "85 columns"),
    ],
}


def commit_tree(tree, message):
    """A clone without the history since which messages are checked: its newest commit is."""
    directory = tree.temporary()
    commit(directory, message)
    return lint.Tree(directory, directory, directory)


class SelfTest:
    def __init__(self, tree):
        self.tree = tree
        self.failures = []
        self.skipped = set()
        self.checks = {(m, f.__name__): f for m in MODULES for f in lint.checks(importlib.import_module(m))}
        self.copy = Copy(tree)
        self.baselines = {}

    def check(self, module, name):
        """Findings in the copy; a new Tree each time, for its list of files is read once."""
        with lint.Tree(self.copy.source, self.tree.build, self.copy.stage) as tree:
            if (module, name) in BY_FILE:
                tree.all_files = self.copy.changed()
            return set(self.checks[module, name](tree))

    def expect(self, name, expected, fresh):
        if not any(re.search(expected, finding) for finding in fresh):
            self.failures.append(f"{name} does not find '{expected}', only: {sorted(fresh)[:3] or 'nothing'}")

    def try_plant(self, module, name, expected, break_it):
        if (module, name) not in self.baselines:
            self.baselines[module, name] = self.check(module, name)
        try:
            break_it(self.copy.source, self.copy.stage)
            self.expect(f"{module}.{name}", expected, self.check(module, name) - self.baselines[module, name])
        finally:
            self.copy.mend()

    def try_tidy(self):
        with tidy_tree(self.tree) as planted:
            findings = set(self.checks["tidy", "check_tidy"](planted))
            changed = set(self.checks["tidy_changed", "check_tidy"](planted))

        self.expect("tidy.check_tidy", "helpers/phantom.cpp:3: .*modernize-use-nullptr", findings)
        self.expect("tidy.check_tidy", "helpers/phantom.hpp:2: .*modernize-use-nullptr", findings)
        self.expect("tidy.check_tidy", "helpers/forgotten.cpp:1: is compiled by no target", findings)
        self.expect("tidy_changed.check_tidy", "helpers/phantom.cpp:3: .*modernize-use-nullptr", changed)

    def try_commits(self):
        for name, messages in BAD_MESSAGES.items():
            for message, expected in messages:
                with commit_tree(self.tree, message) as planted:
                    self.expect(f"commits.{name}", expected, set(self.checks["commits", name](planted)))

    def run(self):
        planted = {(module, name) for module, name, _, _ in PLANTS} | {("tidy", "check_tidy"), ("tidy_changed", "check_tidy")}
        planted |= {("commits", name) for name in BAD_MESSAGES}
        for module, name in sorted(self.checks.keys() - planted):
            self.failures.append(f"{module}.{name} has no plant, add one")

        for attempt, arguments in [*((self.try_plant, p) for p in PLANTS), (self.try_tidy, ()), (self.try_commits, ())]:
            try:
                attempt(*arguments)
            except lint.Skip as reason:
                self.skipped.add(str(reason))


def main():
    with lint.Tree(sys.argv[1], sys.argv[2]) as tree:
        test = SelfTest(tree)
        test.run()

    for failure in test.failures:
        print(f"tests/lint/self_test.py:1: {failure}")
    for reason in sorted(test.skipped):
        print(f"skipped some: {reason}")
    print(f"{len(PLANTS) + 1} plants, {len(test.failures)} failures")

    return 1 if test.failures else lint.SKIPPED if test.skipped else 0


if __name__ == "__main__":
    sys.exit(main())
