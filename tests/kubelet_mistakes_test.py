#!/usr/bin/python3 -IS
# SPDX-License-Identifier: Apache-2.0
"""eksnode validate and the stand-in kubelet judge the same mistakes in a KubeletConfiguration, generated from a seed.

usage: kubelet_mistakes_test.py SOURCE EKSNODE-VALIDATE SCHEMAS

SCHEMAS is the directory of the JSON Schemas.

Both read helpers/data/share/kubelet/schema.json, but have rules of their own: the stand-in those of kubelet's sources, in its
words; eksnode those of its checks. So a rule that one of them lacks or has wrong is a difference."""

import base64
import importlib.machinery
import importlib.util
import json
import random
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path += ["/usr/lib/python3/dist-packages"]  # -S leaves it out; a developer's own Python has other versions
try:
    import jsonschema
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

SOURCE, VALIDATE, SCHEMAS = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
SHARE = SOURCE / "helpers/data/share"
TABLE = json.loads((SHARE / "kubelet/schema.json").read_text())
MISTAKES = 400
FLAG_MISTAKES = 200
MINORS = (24, 27, 29, 30, 32, 34, 36, 37)

# What both refuse in this way, but a single wrong value cannot show, or that depends on the node.
LEFT_OUT = {
    "enforceNodeAllocatable": "the cgroups that it needs are in eksnode's own file",
    "featureGates": "a case of its own",
    "registerWithTaints": "the checks of labels and taints judge it, with a test of their own",
    "imageGCHighThresholdPercent": "beside the default of the other it is a warning, for an image may set another",
    "imageGCLowThresholdPercent": "as the other",
    "maxPods": "eksnode allows 0 with a warning, for a node that only runs static pods",
    "kubeReserved": "a case of its own",
    "systemReserved": "a case of its own",
}


def stand_in():
    loader = importlib.machinery.SourceFileLoader("stand_in_kubelet", str(SOURCE / "tests/boot/kubelet"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


KUBELET = stand_in()


def fields(struct, path=""):
    """Each field below the struct: path, type."""
    for name, row in TABLE["structs"][struct].items():
        kind = row.split()[0]
        place = f"{path}.{name}" if path else name
        if kind in TABLE["structs"]:
            yield from fields(kind, place)
        else:
            yield place, kind


def nested(path, value):
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


WRONG = {"bool": ["yes", 1, []], "string": [5, True, {}], "int32": ["5", 1.5, 2**31, True], "int64": ["x", 0.5], "uint32": [-1, "a"],
         "float64": ["0.5", True], "duration": ["30", "5 s", "1d", 30, "s"], "durationOrNanoseconds": ["5x", True],
         "quantity": ["5MB", "ten", "1.2.3"], "[]string": ["a", [1], {}], "[]int32": [["a"], 3],
         "map[string]string": [[], {"a": 1}], "map[string]bool": [{"a": "true"}, []], "map[string]quantity": [{"a": "x"}]}


def mistakes(chance):
    """Name and configuration of each: some are none, so that agreement on good values is held, too."""
    every = [(path, kind) for path, kind in fields("KubeletConfiguration") if path.split(".")[0] not in LEFT_OUT]
    for path, kind in every:
        for value in WRONG.get(kind, []):
            yield f"{path}: type", nested(path, value)
        letters = list(path)
        letters.insert(chance.randrange(1, len(letters)), "x")
        yield f"{path}: name", nested("".join(letters), 1)

    for path, _, low, high, _ in TABLE["ranges"]:
        if path not in LEFT_OUT:
            for value in {low - 1, low, *([] if high is None else [high, high + 1])}:
                yield f"{path}: range", nested(path, value)

    for path, (_, *values) in TABLE["enums"].items():
        for value in (*values, values[0] + "x", values[0].swapcase()):
            yield f"{path}: choice", nested(path, value)

    for path, _, _ in TABLE["gated"]:
        kind = dict(every).get(path)
        value = {"bool": True, "string": "LimitedSwap", "duration": "30s", "map[string]string": {"a": "b"}}.get(kind)
        if value is not None:
            yield f"{path}: gate", nested(path, value)

    for signal in ("memory.available", "nodefs.available", "imagefs.inodesFree", "containerfs.available", "memory.avail", "pid"):
        for value in ("100Mi", "5%", "101%", "-1%", "0", "-5Mi", "x", "5"):
            yield f"evictionHard {signal}", {"evictionHard": {signal: value}}
        yield f"evictionSoft {signal}", {"evictionSoft": {signal: "5%"}}
        yield f"evictionSoft {signal}", {"evictionSoft": {signal: "5%"}, "evictionSoftGracePeriod": {signal: "30"}}
        yield f"evictionSoft {signal}", {"evictionSoft": {signal: "5%"}, "evictionSoftGracePeriod": {signal: "30s"}}

    for resource in ("cpu", "memory", "pid", "ephemeral-storage", "cpus", "hugepages-2Mi"):
        for value in ("1", "500m", "1Gi", "-1", "x", "1MB"):
            yield f"kubeReserved {resource}", {"kubeReserved": {resource: value}}
            yield f"systemReserved {resource}", {"systemReserved": {resource: value}}

    for name in chance.sample(sorted(TABLE["gates"]), 40):
        for value in (True, False):
            yield f"gate {name}", {"featureGates": {name: value}}
        yield f"gate {name}x", {"featureGates": {name[:-1] + "x" + name[-1]: True}}

    yield from {
        "clusterDNS": {"clusterDNS": ["10.0.0.10", "fd00::a"]}, "clusterDNS bad": {"clusterDNS": ["10.0.0.300"]},
        "address bad": {"address": "localhost"}, "ciphers bad": {"tlsCipherSuites": ["TLS_NONE"]},
        "ciphers": {"tlsCipherSuites": ["TLS_AES_128_GCM_SHA256"]}, "logs": {"podLogsDir": "logs"},
        "swap": {"memorySwap": {"swapBehavior": "UnlimitedSwap"}}, "swap new": {"memorySwap": {"swapBehavior": "NoSwap"}},
        "shutdown": {"shutdownGracePeriod": "30s", "shutdownGracePeriodCriticalPods": "40s"},
        "shutdown short": {"shutdownGracePeriod": "500ms"}, "shutdown good": {"shutdownGracePeriod": "30s"},
        "pulls": {"maxParallelImagePulls": 5}, "pulls good": {"serializeImagePulls": False, "maxParallelImagePulls": 5},
        "age": {"imageMaximumGCAge": "1m"}, "age good": {"imageMaximumGCAge": "24h"},
        "log size": {"containerLogMaxSize": "-1Mi"}, "log size bad": {"containerLogMaxSize": "5MB"},
        "quota": {"cpuCFSQuotaPeriod": "5ms"}, "monitor": {"containerLogMonitorInterval": "1s"},
        "restart": {"crashLoopBackOff": {"maxContainerRestartPeriod": "301s"}}, "cpus": {"reservedSystemCPUs": "0-"},
        "static": {"cpuManagerPolicy": "static"}, "static without": {"cpuManagerPolicy": "static", "kubeReserved": {"cpu": "0"}},
        "memory": {"memoryManagerPolicy": "Static"},
        "memory good": {"memoryManagerPolicy": "Static", "reservedMemory": [{"numaNode": 0, "limits": {"memory": "1Gi"}}]},
        "memory zero": {"reservedMemory": [{"numaNode": 0, "limits": {"memory": "0"}}]},
        "memory twice": {"reservedMemory": [{"numaNode": 0, "limits": {"memory": "1Gi"}}] * 2},
        "cgroups beside cpus": {"reservedSystemCPUs": "0", "kubeReservedCgroup": "/a"}, "options alone": {
            "cpuManagerPolicyOptions": {"full-pcpus-only": "true"}},
        **{f"cpu option {name}": {"cpuManagerPolicy": "static", "cpuManagerPolicyOptions": {name: value}, "featureGates": gates}
           for name in TABLE["policyOptions"]["cpuManagerPolicyOptions"] for value in ("true", "x")
           for gates in ({}, {"CPUManagerPolicyAlphaOptions": True}, {"CPUManagerPolicyBetaOptions": False})},
        **{f"topology option {name} {value}": {"topologyManagerPolicyOptions": {name: value}}
           for name in TABLE["policyOptions"]["topologyManagerPolicyOptions"] for value in ("true", "16", "4")},
        "once": {"runOnce": True}, "throttle": {"memoryThrottlingFactor": 1.5}, "query": {"enableSystemLogQuery": True},
        "cgroups": {"systemCgroups": "/a"}, "empty endpoint": {"containerRuntimeEndpoint": ""},
    }.items()


FLAG_VALUES = {"bool": ["true", "yes", "0"], "int32": ["5", "x", "0x5", "3000000000"], "int64": ["5", "1.5"], "uint32": ["2", "-1"],
               "duration": ["30s", "30", "1d"], "ip": ["10.0.0.1", "localhost"], "quantity": ["1Mi", "1MB"], "strings": ["a"],
               "map": ["cpu=1", "cpu", "cpus=1", "memory=1MB", "memory.available=5%", "memory.availble=5%", "memory.available=30s"],
               "langle": ["memory.available<5%", "memory.available<101%", "memory.availble<5%", "memory.available=5%", "pid.available<10"],
               "gates": ["NodeSwap=true", "NodeSwop=true", "AllBeta=x"]}
FLAGS_LEFT_OUT = {"max-pods", "register-with-taints", "image-gc-high-threshold", "image-gc-low-threshold",  # see LEFT_OUT
                  "reserved-memory", "manifest-url-header", "vmodule", "qos-reserved", "feature-gates",
                  "enforce-node-allocatable", "cpu-manager-policy-options", "topology-manager-policy-options", "runonce"}


def flag_mistakes():
    """Flags that stand for fields."""
    ranges = {flag.removeprefix("--"): (low, high) for _, flag, low, high, _ in TABLE["ranges"] if flag}
    enums = {flag.removeprefix("--"): values for flag, *values in TABLE["enums"].values() if flag}

    for name, row in TABLE["flags"].items():
        kind, field, *_ = [*row.split(), "-"]
        if field == "-" or name in FLAGS_LEFT_OUT:
            continue
        low, high = ranges.get(name, (0, None))
        values = [*FLAG_VALUES.get(kind, []), *enums.get(name, []), *([enums[name][0] + "x"] if name in enums else [])]
        if name in ranges:
            values += [str(low), str(low - 1), *([] if high is None else [str(high), str(high + 1)])]
        yield from (f"--{name}={value}" for value in values)


def kubelets_verdict(config, minor, flags=()):
    schema = KUBELET.Schema(minor)
    config = {"kubeReserved": {"cpu": "70m"}} | config  # as eksnode writes it: a static CPU manager needs it
    document = json.dumps({"kind": "KubeletConfiguration", "apiVersion": "kubelet.config.k8s.io/v1beta1", **config}).encode()
    try:
        _, decoded = KUBELET.decode_object(document, *KUBELET.CONFIG, schema)
        decoded = KUBELET.with_flags(decoded, KUBELET.parse_flags(flags, schema), schema)
        KUBELET.check_gates(decoded.get("featureGates", {}), schema)
        errors = list(KUBELET.config_errors(decoded, schema))
        if errors:
            return "refused", errors[0]
        KUBELET.check_resources(decoded, schema)
    except (KUBELET.Fatal, ValueError) as error:
        # kubelet itself reads on without the field, see the head of the stand-in.
        return "ignored" if "unknown field" in str(error) else "refused", str(error)

    return "taken", ""


class MistakesTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.folder / "usr/share").mkdir(parents=True)
        (self.folder / "usr/share/eks").symlink_to(SHARE)
        self.ca = base64.b64encode((SOURCE / "tests/unit/reference/ca.crt").read_bytes()).decode()

    def verdict(self, config, minor, flags=()):
        file = self.folder / "node.json"
        file.write_text(json.dumps({"apiVersion": "node.eks.aws/v1alpha1", "kind": "NodeConfig", "spec": {
            "cluster": {"name": "c", "apiServerEndpoint": "https://example.com", "cidr": "10.100.0.0/16",
                        "certificateAuthority": self.ca},
            "kubelet": {"config": config, "flags": list(flags)}}}))
        done = subprocess.run([VALIDATE, "--root", self.folder, "--kubelet-version", f"1.{minor}.0", file], capture_output=True, text=True,
                              timeout=30, check=False)
        self.assertIn(done.returncode, (0, 78), done.stderr)
        if done.returncode:
            return "refused", done.stderr
        return "ignored" if ", ignoring" in done.stderr and "kubelet.config" in done.stderr else "taken", done.stderr

    def test_both_judge_alike(self):
        chance = random.Random(20261126)
        every = [(name, config, minor) for name, config in mistakes(chance) for minor in MINORS]
        self.assertGreater(len(every), MISTAKES)

        differences, verdicts = [], set()
        for name, config, minor in chance.sample(every, MISTAKES):
            kubelet, eksnode = kubelets_verdict(config, minor), self.verdict(config, minor)
            verdicts.add(kubelet[0])
            if kubelet[0] != eksnode[0]:
                differences.append(f"1.{minor} {name} {json.dumps(config)}\n   kubelet: {kubelet}\n   eksnode: {eksnode}")

        self.assertEqual(differences, [], f"{len(differences)} of {MISTAKES}:\n" + "\n".join(differences))
        self.assertEqual(verdicts, {"taken", "ignored", "refused"})

    def test_both_judge_flags_alike(self):
        chance = random.Random(20261127)
        every = [(flag, minor) for flag in flag_mistakes() for minor in MINORS]
        differences, verdicts = [], set()

        for flag, minor in chance.sample(every, FLAG_MISTAKES):
            kubelet, eksnode = kubelets_verdict({}, minor, [flag]), self.verdict({}, minor, [flag])
            verdicts.add(kubelet[0])
            if kubelet[0] != eksnode[0]:
                differences.append(f"1.{minor} {flag}\n   kubelet: {kubelet}\n   eksnode: {eksnode}")

        self.assertEqual(differences, [], f"{len(differences)} of {FLAG_MISTAKES}:\n" + "\n".join(differences))
        self.assertEqual(verdicts, {"taken", "refused"})

    def test_the_schemas_for_editors_agree(self):
        """On names, types, choices and ranges. What kubelet ignores, an editor shows, too."""
        chance = random.Random(20261127)
        every = [(name, config, minor) for name, config in mistakes(chance) for minor in (30, 33, 37)
                 if name.endswith((": type", ": name", ": choice", ": range"))]

        validators = {}
        for minor in (30, 33, 37):
            schema = json.loads((SCHEMAS / f"node-config-1.{minor}.schema.json").read_text())
            jsonschema.Draft202012Validator.check_schema(schema)
            whole = json.loads((SCHEMAS / "node-config.schema.json").read_text())
            resolver = jsonschema.RefResolver(f"file://{SCHEMAS}/", schema, store={f"file://{SCHEMAS}/node-config.schema.json": whole})
            validators[minor] = jsonschema.Draft202012Validator(schema, resolver=resolver)

        seen = set()
        for name, config, minor in chance.sample(every, 150):
            document = {"apiVersion": "node.eks.aws/v1alpha1", "kind": "NodeConfig", "spec": {"kubelet": {"config": config}}}
            kubelet, fits = kubelets_verdict(config, minor), validators[minor].is_valid(document)
            if kubelet[0] == "refused" and "eature gate" in kubelet[1] or "requires feature" in kubelet[1]:
                continue  # of a rule between values
            seen.add(fits)
            with self.subTest(name, minor=minor, config=config):
                self.assertEqual(fits, kubelet[0] == "taken", kubelet)

        self.assertEqual(seen, {True, False})


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
