#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of tests/boot/kubelet. Each runs it in a directory of its own that holds what an EKS node would."""

import copy
import json
import os
import resource
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time
import tomllib
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
KUBELET = os.path.join(HERE, "boot", "kubelet")
SCHEMA = os.path.join(HERE, "../helpers/data/share/kubelet/schema.json")

CERTIFICATE = """-----BEGIN CERTIFICATE-----
MIIBfDCCASOgAwIBAgIUX8phyqkhrheq5oa5wHc1G8hpeMMwCgYIKoZIzj0EAwIw
EzERMA8GA1UEAwwIc3RhbmQtaW4wIBcNMjYxMTIxMTA1NjE3WhgPMjEyNjEwMjgx
MDU2MTdaMBMxETAPBgNVBAMMCHN0YW5kLWluMFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAEzLgj/Yz0UhZNUgutsC7uFd8uBweS6EdEK4bdVEzUNvHX9Vpzp+KzFGGz
EXsTW3H3eNtSMi+jV/b9fRRobAvU/6NTMFEwHQYDVR0OBBYEFDj6MTSoDK+ZOFeg
KYc8aeZah5dXMB8GA1UdIwQYMBaAFDj6MTSoDK+ZOFegKYc8aeZah5dXMA8GA1Ud
EwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgHQ86Q3nccMF5ImULkJEOclKH
sKgTNYx5kT1GB4MAyCgCIBVimtLh4G5Z7QthnYfqcdYHsX3rbWvJWoc5p47Y8KxG
-----END CERTIFICATE-----
"""

META = {"kind": "KubeletConfiguration", "apiVersion": "kubelet.config.k8s.io/v1beta1"}
CONFIG = META | {
    "address": "0.0.0.0",
    "authentication": {
        "x509": {"clientCAFile": "/etc/kubernetes/pki/ca.crt"},
        "webhook": {"enabled": True, "cacheTTL": "2m0s"},
        "anonymous": {"enabled": False},
    },
    "authorization": {
        "mode": "Webhook",
        "webhook": {"cacheAuthorizedTTL": "5m0s", "cacheUnauthorizedTTL": "30s"},
    },
    "cgroupDriver": "systemd",
    "cgroupRoot": "/",
    "clusterDNS": ["10.100.0.10"],
    "clusterDomain": "cluster.local",
    "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
    "evictionHard": {"memory.available": "100Mi", "nodefs.available": "10%", "nodefs.inodesFree": "5%"},
    "featureGates": {"RotateKubeletServerCertificate": True},
    "hairpinMode": "hairpin-veth",
    "kubeReserved": {"cpu": "70m", "ephemeral-storage": "1Gi", "memory": "893Mi"},
    "kubeReservedCgroup": "/runtime",
    "logging": {"verbosity": 2},
    "maxPods": 58,
    "protectKernelDefaults": True,
    "providerID": "aws:///us-west-2f/i-1234567890abcdef0",
    "readOnlyPort": 0,
    "serializeImagePulls": False,
    "serverTLSBootstrap": True,
    "systemReservedCgroup": "/system",
    "tlsCipherSuites": ["TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", "TLS_RSA_WITH_AES_256_GCM_SHA384"],
}

KUBECONFIG = """---
apiVersion: v1
kind: Config
clusters:
  - name: kubernetes
    cluster:
      certificate-authority: /etc/kubernetes/pki/ca.crt
      server: https://example.com
current-context: kubelet
contexts:
  - name: kubelet
    context:
      cluster: kubernetes
      user: kubelet
users:
  - name: kubelet
    user:
      exec:
        apiVersion: client.authentication.k8s.io/v1beta1
        command: aws
        args:
          - "eks"
          - "get-token"
"""

PROVIDERS = {
    "kind": "CredentialProviderConfig",
    "apiVersion": "kubelet.config.k8s.io/v1",
    "providers": [{
        "name": "ecr-credential-provider",
        "matchImages": ["*.dkr.ecr.*.amazonaws.com"],
        "defaultCacheDuration": "12h0m0s",
        "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
    }],
}

CONFIG_FILE = "/etc/kubernetes/kubelet/config.json"
DROP_INS = CONFIG_FILE + ".d"
KUBECONFIG_FILE = "/var/lib/kubelet/kubeconfig"
BOOTSTRAP_FILE = "/var/lib/kubelet/bootstrap-kubeconfig"
PROVIDERS_DIRECTORY = "/etc/eks/image-credential-provider"
PROVIDERS_FILE = PROVIDERS_DIRECTORY + "/config.json"
PROVIDER = PROVIDERS_DIRECTORY + "/ecr-credential-provider"
CA_FILE = "/etc/kubernetes/pki/ca.crt"
SOCKET = "/run/containerd/containerd.sock"
REPORT = "/run/stand-in-kubelet.json"

ARGUMENTS = [
    "--node-ip=172.16.34.43", "--cloud-provider=external", "--hostname-override=i-1234567890abcdef0",
    "--runtime-cgroups=/runtime.slice/containerd.service", f"--config={CONFIG_FILE}",
    f"--kubeconfig={KUBECONFIG_FILE}", f"--image-credential-provider-bin-dir={PROVIDERS_DIRECTORY}",
    f"--image-credential-provider-config={PROVIDERS_FILE}",
]
WITH_DROP_INS = f"--config-dir={DROP_INS}"


def listen(path, kind):
    listener = socket.socket(socket.AF_UNIX, kind)
    listener.bind(path)
    if kind == socket.SOCK_STREAM:
        listener.listen()
    return listener


class StandIn(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="kubelet-", dir="/tmp")  # short: a socket's path has 108 bytes
        self.addCleanup(shutil.rmtree, self.root)
        self.write(CONFIG_FILE, CONFIG)
        self.write(KUBECONFIG_FILE, KUBECONFIG)
        self.write(PROVIDERS_FILE, PROVIDERS)
        self.write(PROVIDER, "#!/bin/true\n", mode=0o755)
        self.write(CA_FILE, CERTIFICATE)
        os.makedirs(os.path.dirname(self.path(SOCKET)))
        self.runtime = listen(self.path(SOCKET), socket.SOCK_STREAM)
        self.addCleanup(self.runtime.close)

    def path(self, name):
        return self.root + name

    def write(self, name, content, mode=0o644):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(content if isinstance(content, str) else json.dumps(content))
        os.chmod(self.path(name), mode)

    def change(self, **changes):
        """The reference configuration with these fields; None takes one away."""
        config = {key: value for key, value in (CONFIG | changes).items() if value is not None}
        self.write(CONFIG_FILE, config)

    def environment(self, version="1.34.1", **more):
        return {"PATH": os.environ["PATH"], "STAND_IN_ROOT": self.root, "STAND_IN_KUBELET_VERSION": version,
                "STAND_IN_RUNTIME_WAIT": "0.2"} | more

    def call(self, *arguments, **environment):
        return subprocess.run([KUBELET, *arguments], env=self.environment(**environment), text=True,
                              capture_output=True, timeout=60, check=False)

    def background(self, variables):
        return subprocess.Popen([KUBELET, *ARGUMENTS], env=variables, stderr=subprocess.DEVNULL)

    def refused(self, *more, arguments=ARGUMENTS, **environment):
        """The one line of a run that must fail, without its 'Error: '."""
        result = self.call(*arguments, *more, **environment)
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        self.assertRegex(result.stderr, r"\AError: .*\n\Z")
        self.assertEqual(result.stdout, "")
        self.assertFalse(os.path.exists(self.path(REPORT)))
        return result.stderr.removeprefix("Error: ").rstrip("\n")

    def started(self, *more, arguments=ARGUMENTS, **environment):
        """The report of a run that must succeed."""
        path = self.path("/notify")
        with listen(path, socket.SOCK_DGRAM) as inbox:
            inbox.setblocking(False)
            variables = self.environment(NOTIFY_SOCKET=path, **environment)
            with subprocess.Popen([KUBELET, *arguments, *more], env=variables, text=True,
                                  stderr=subprocess.PIPE) as process:
                message, deadline = None, time.monotonic() + 60
                while message is None and process.poll() is None and time.monotonic() < deadline:
                    try:
                        message = inbox.recv(100)
                    except BlockingIOError:
                        time.sleep(0.005)

                process.terminate()
                log = process.communicate(timeout=60)[1]

        os.unlink(path)
        self.assertEqual(message, b"READY=1", log)
        self.assertEqual(process.returncode, 0, log)
        self.assertIn("\nStarting kubelet stand-in\n", "\n" + log)

        report = self.path(REPORT)
        if "STAND_IN_REPORT" in environment:
            report = environment["STAND_IN_REPORT"]
        with open(report, encoding="utf-8") as file:
            result = json.load(file)
        os.unlink(report)

        return result


class Version(StandIn):
    def test_comes_from_the_environment_then_the_file_then_the_default(self):
        self.assertEqual(self.call("--version", version="v1.30.4-eks-a737599").stdout,
                         "Kubernetes v1.30.4-eks-a737599\n")
        self.assertEqual(self.call("--version", version="").stdout, "Kubernetes v1.34.1\n")
        self.write("/etc/stand-in-kubelet-version", "1.29.3\n")
        self.assertEqual(self.call("--version", version="").stdout, "Kubernetes v1.29.3\n")

    def test_is_printed_after_the_flags_were_understood(self):
        self.assertEqual(self.call("--v=2", "--version").stdout, "Kubernetes v1.34.1\n")
        self.assertEqual(self.refused("--version", arguments=["--nonsense"]), "unknown flag: --nonsense")

    def test_takes_a_few_milliseconds(self):
        def used():  # not the clock's time, of which a busy machine takes any amount
            usage = resource.getrusage(resource.RUSAGE_CHILDREN)
            return usage.ru_utime + usage.ru_stime

        took = []
        for _ in range(5):
            before = used()
            self.call("--version")
            took.append(used() - before)

        self.assertLess(min(took), 0.1)


class Report(StandIn):
    def test_tells_what_kubelet_would_run_with(self):
        before = time.monotonic()
        report = self.started("--v=5", "--node-labels=foo=bar,foo2=baz", "--node-labels", "a.b/c=d",
                              "--register-with-taints=foo=bar:NoSchedule", "--max_pods=17")
        self.assertEqual(report["version"], "v1.34.1")
        self.assertEqual(report["argv"][0], KUBELET)
        self.assertEqual(report["argv"][1:3], ARGUMENTS[:2])
        self.assertEqual(report["flags"]["v"], 5)
        self.assertEqual(report["flags"]["node-ip"], "172.16.34.43")
        self.assertEqual(report["labels"], {"foo": "bar", "foo2": "baz", "a.b/c": "d"})
        self.assertEqual(report["taints"], [{"key": "foo", "value": "bar", "effect": "NoSchedule"}])
        self.assertEqual(report["node"], "i-1234567890abcdef0")
        self.assertEqual(report["config"]["clusterDNS"], ["10.100.0.10"])
        self.assertEqual(report["config"]["maxPods"], 17, "a flag beats the file")
        self.assertEqual(report["config"]["logging"], {"verbosity": 5})
        self.assertEqual(sorted(report["deprecated"]), ["max-pods", "register-with-taints"])
        self.assertEqual(report["kubeconfig"]["cluster"]["server"], "https://example.com")
        self.assertEqual(report["kubeconfig"]["user"]["exec"]["args"], ["eks", "get-token"])
        self.assertLess(before - 0.05, report["started"])  # the kernel counts in ticks of 10 ms
        self.assertLess(report["started"], report["ready"])
        self.assertLess(report["ready"], time.monotonic())

    def test_goes_where_it_is_told(self):
        self.assertEqual(self.started(STAND_IN_REPORT=self.path("/elsewhere.json"))["version"], "v1.34.1")
        self.assertFalse(os.path.exists(self.path(REPORT)))

    def test_of_an_earlier_start_does_not_outlive_a_failed_one(self):
        self.write(REPORT, "stale")
        self.refused("--no-such-flag")
        self.write(REPORT, "stale")
        self.change(maxPods=-1)
        self.refused()

    def test_reaches_an_abstract_notify_socket(self):
        name = f"\0stand-in-kubelet-{os.getpid()}"
        with listen(name, socket.SOCK_DGRAM) as inbox:
            inbox.settimeout(60)
            variables = self.environment(NOTIFY_SOCKET="@" + name[1:])
            with self.background(variables) as process:
                self.assertEqual(inbox.recv(100), b"READY=1")
                process.terminate()

        self.assertEqual(process.returncode, 0)

    def test_waits_for_the_container_runtime(self):
        self.runtime.close()
        os.unlink(self.path(SOCKET))

        variables = self.environment(STAND_IN_RUNTIME_WAIT="10")
        with self.background(variables) as process:
            time.sleep(0.4)
            self.assertFalse(os.path.exists(self.path(REPORT)))
            with listen(self.path(SOCKET), socket.SOCK_STREAM):
                while not os.path.exists(self.path(REPORT)) and process.poll() is None:
                    time.sleep(0.01)
            process.terminate()

        self.assertEqual(process.returncode, 0)

    def test_what_eks_renders_is_accepted_by_every_version(self):
        for minor in range(28, 38):
            with self.subTest(minor=minor):
                gates = {"RotateKubeletServerCertificate": True}
                more = {}

                if minor >= 33:
                    gates["DynamicResourceAllocation"] = True

                if minor >= 34:
                    gates["MutableCSINodeAllocatableCount"] = True
                    more = {"shutdownGracePeriod": "2m30s", "shutdownGracePeriodCriticalPods": "30s"}

                self.change(featureGates=gates, **more)
                self.write(DROP_INS + "/40-nodeadm.conf", META | {"maxPods": 30})
                report = self.started(WITH_DROP_INS, version=f"1.{minor}.0",
                                      KUBELET_CONFIG_DROPIN_DIR_ALPHA="on")
                self.assertEqual(report["config"]["maxPods"], 30)


    def test_every_profile_is_accepted_by_every_version(self):
        for file in sorted(pathlib.Path(HERE).parent.glob("helpers/data/share/profiles/*.toml")):
            settings = tomllib.loads(file.read_text()).get("kubelet", {}).get("config", {})
            for minor in range(23, 38) if settings else ():
                with self.subTest(profile=file.stem, minor=minor):
                    arguments = ARGUMENTS
                    if minor < 26:
                        api = "v1alpha1" if minor < 24 else "v1beta1"
                        provider = PROVIDERS["providers"][0] | {"apiVersion": f"credentialprovider.kubelet.k8s.io/{api}"}
                        self.write(PROVIDERS_FILE, PROVIDERS | {"apiVersion": f"kubelet.config.k8s.io/{api}",
                                                                "providers": [provider]})
                    else:
                        self.write(PROVIDERS_FILE, PROVIDERS)

                    if minor < 27:  # a flag is all there was
                        arguments = [*ARGUMENTS, f"--container-runtime-endpoint=unix://{SOCKET}"]
                        self.change(containerRuntimeEndpoint=None, **settings)
                        if minor < 24:
                            arguments.append("--container-runtime=remote")
                    else:
                        self.change(**settings)

                    config = self.started(arguments=arguments, version=f"1.{minor}.0")["config"]
                    self.assertEqual(config, config | settings)


class Flags(StandIn):
    def test_bad_ones_are_refused(self):
        integer = 'invalid argument "a" for "--max-pods" flag: strconv.ParseInt: parsing "a": invalid syntax'
        for flag, error in [
                ("--foo", "unknown flag: --foo"),
                ("--foo=bar", "unknown flag: --foo"),
                ("-x", "unknown shorthand flag: 'x' in -x"),
                ("--=x", "bad flag syntax: --=x"),
                ("--node-ip", "flag needs an argument: --node-ip"),
                ("stray", "unknown command stray"),
                ("--max-pods=a", integer),
                ("--max-pods=99999999999", "value out of range"),
                ("--v=-1", 'invalid argument "-1" for "-v, --v" flag: strconv.ParseUint: parsing "-1"'),
                ("--register-node=maybe", 'strconv.ParseBool: parsing "maybe": invalid syntax'),
                ("--sync-frequency=10", 'time: missing unit in duration "10"'),
                ("--sync-frequency=1x", 'time: unknown unit "x" in duration "1x"'),
                ("--address=somewhere", '"somewhere" is not a valid IP address'),
                ("--kube-reserved=cpu", "malformed pair, expect string=string"),
                ("--feature-gates=A=b", "strconv.ParseBool"),
                ("--register-with-taints=a=b", "invalid taint spec: a=b"),
                ("--register-with-taints=a=b:Never",
                 "invalid taint effect: Never, unsupported taint effect"),
                ("--register-with-taints=-a=b:NoSchedule", "invalid taint spec: -a=b:NoSchedule, name part"),
                ("--node-ip=10.0.0.1,10.0.0.2", 'bad --node-ip "10.0.0.1,10.0.0.2": must contain either'),
                ("--node-ip=fd00::1 fd00::2", "could not parse"),
                ("--cloud-provider=aws", "built-in cloud providers are disabled"),
                ("--hairpin-mode=no", "hairpinMode (--hairpin-mode)"),
                ("--feature-gates=NoSuchGate=true", "unrecognized feature gate: NoSuchGate")]:
            with self.subTest(flag=flag):
                self.assertIn(error, self.refused(flag))

    def test_a_boolean_takes_no_following_word(self):
        self.assertEqual(self.refused("--register-node", "false"), "unknown command false")
        self.assertIs(self.started("--register-node=false")["config"]["registerNode"], False)

    def test_every_way_of_writing_is_read(self):
        report = self.started("--provider-id", "aws:///a/i-1", "-v", "3", "--seccomp-default",
                              "--cluster-dns=1.1.1.1,2.2.2.2", "--cluster-dns=3.3.3.3",
                              "--eviction-hard=memory.available<1Gi", "--feature-gates=EventedPLEG=true")
        self.assertEqual(report["config"]["providerID"], "aws:///a/i-1")
        self.assertEqual(report["config"]["logging"]["verbosity"], 3)
        self.assertIs(report["flags"]["seccomp-default"], True)
        self.assertEqual(report["config"]["clusterDNS"], ["1.1.1.1", "2.2.2.2", "3.3.3.3"])
        self.assertEqual(report["config"]["evictionHard"], {"memory.available": "1Gi"})
        self.assertEqual(report["config"]["featureGates"],
                         {"RotateKubeletServerCertificate": True, "EventedPLEG": True})

    def test_each_version_knows_its_own(self):
        old = [argument for argument in ARGUMENTS if not re.match("--(config|image-cred)", argument)]
        endpoint = "--container-runtime-endpoint=unix://" + SOCKET

        for flag, minor, known in [
                ("--container-runtime=remote", 26, True), ("--container-runtime=remote", 27, False),
                ("--pod-infra-container-image=a", 34, True), ("--pod-infra-container-image=a", 35, False),
                ("--cloud-config=", 33, True), ("--cloud-config=", 34, False),
                ("--network-plugin=cni", 23, True), ("--network-plugin=cni", 24, False),
                ("--logtostderr", 25, True), ("--logtostderr", 26, False),
                ("--config-dir=" + DROP_INS, 28, True), ("--config-dir=" + DROP_INS, 27, False),
                ("--fail-cgroupv1", 31, True), ("--fail-cgroupv1", 30, False),
                ("--cloud-provider=aws", 26, True)]:
            with self.subTest(flag=flag, minor=minor):
                os.makedirs(self.path(DROP_INS), exist_ok=True)
                runtime = ["--container-runtime=remote"] if minor < 27 else []
                call = {"arguments": [*old, endpoint, *runtime], "version": f"1.{minor}.9",
                        "KUBELET_CONFIG_DROPIN_DIR_ALPHA": "on"}

                if known:
                    self.started(flag, **call)
                else:
                    self.assertEqual(self.refused(flag, **call), f"unknown flag: {flag.partition('=')[0]}")

        self.assertIn('unknown cloud provider "aws"',
                      self.refused("--cloud-provider=aws", endpoint, arguments=old, version="1.27.0"))

    def test_labels_that_node_restriction_forbids_are_refused(self):
        words = "unknown 'kubernetes.io' or 'k8s.io' labels specified with --node-labels: "
        self.assertIn(words + "[a.k8s.io/b node-role.kubernetes.io/worker]",
                      self.refused("--node-labels=a.k8s.io/b=c,node-role.kubernetes.io/worker="))
        self.assertIn("invalid node labels: 'a' - a valid label", self.refused("--node-labels=a=b c"))
        self.assertIn("invalid node labels: '-a' - name part", self.refused("--node-labels=-a=b"))

        labels = {"node.kubernetes.io/lifecycle": "spot", "kubelet.kubernetes.io/x": "y",
                  "x.node.kubernetes.io/y": "", "topology.kubernetes.io/zone": "us-west-2a",
                  "eks.amazonaws.com/nodegroup": "a"}
        joined = ",".join(f"{key}={value}" for key, value in labels.items())
        self.assertEqual(self.started(f"--node-labels={joined}")["labels"], labels)


class Configuration(StandIn):
    def test_wrong_documents_are_refused(self):
        for content, error in [
                ("", "the file was empty"),
                ("{", "json parse error"),
                ("[]", "the document is not a map"),
                ({"kind": "KubeletConfiguration"}, "Object 'apiVersion' is missing"),
                ({"apiVersion": "kubelet.config.k8s.io/v1beta1"}, "Object 'Kind' is missing"),
                (META | {"kind": "Config"}, 'no kind "Config" is registered for version'),
                (META | {"apiVersion": "kubelet.config.k8s.io/v1"}, "no kind"),
                (META | {"maxpods": 1}, 'strict decoding error: unknown field "maxpods"'),
                ('{"kind": "a", "kind": "b"}', 'duplicate field "kind"'),
                ("kind: a\nkind: b\n", 'duplicate field "kind"')]:
            with self.subTest(content=content):
                self.write(CONFIG_FILE, content)
                answer = self.refused()
                self.assertIn(f"failed to load kubelet config file, path: {CONFIG_FILE}, error: ", answer)
                self.assertIn(error, answer)

        os.unlink(self.path(CONFIG_FILE))
        self.assertIn(f"open {CONFIG_FILE}: no such file or directory", self.refused())

    def test_wrong_fields_are_refused(self):
        of = "into Go struct field"
        for changes, error in [
                ({"authentication": {"x509": {"clientCaFile": "/a"}}}, '"authentication.x509.clientCaFile"'),
                ({"registerWithTaints": [{"key": "a", "efect": "b"}]}, '"registerWithTaints[0].efect"'),
                ({"maxPods": "58"},
                 f"json: cannot unmarshal string {of} KubeletConfiguration.maxPods of type int32"),
                ({"maxPods": 58.5}, "cannot unmarshal number"),
                ({"maxPods": 2**31}, "of type int32"),
                ({"maxPods": True}, "cannot unmarshal bool"),
                ({"serializeImagePulls": "false"}, "cannot unmarshal string"),
                ({"clusterDNS": "10.0.0.10"},
                 f"string {of} KubeletConfiguration.clusterDNS of type []string"),
                ({"kubeReserved": {"cpu": 1}}, f"number {of} KubeletConfiguration.kubeReserved.cpu"),
                ({"featureGates": {"A": "true"}},
                 f"string {of} KubeletConfiguration.featureGates.A of type bool"),
                ({"logging": {"verbosity": -2}}, "LoggingConfiguration.logging.verbosity of type uint32"),
                ({"syncFrequency": "2 minutes"}, 'syncFrequency: time: unknown unit " minutes"'),
                ({"syncFrequency": 60}, "cannot unmarshal number")]:
            with self.subTest(changes=changes):
                self.change(**changes)
                self.assertIn(error, self.refused())

    def test_wrong_values_are_refused(self):
        enforce = {"enforceNodeAllocatable": ["kube-reserved"]}
        for changes, error in [
                ({"cgroupDriver": "cgroup2"},
                 'option "cgroup2" specified for cgroupDriver (--cgroup-driver)'),
                ({"hairpinMode": "veth"}, "Valid options are \"none\", \"hairpin-veth\""),
                ({"authorization": {"mode": "RBAC"}}, "authorization.mode"),
                ({"maxPods": 0}, "maxPods (--max-pods) 0 must be a positive number"),
                ({"maxPods": -1}, "maxPods (--max-pods) -1"),
                ({"port": 65536}, "port (--port) 65536 must be between 1 and 65535, inclusive"),
                ({"clusterDNS": ["10.0.0"]},
                 'clusterDNS (--cluster-dns) "10.0.0" is not a valid IP address'),
                ({"tlsCipherSuites": ["TLS_NULL"]}, "Cipher suite TLS_NULL not supported or doesn't exist"),
                ({"shutdownGracePeriod": "10s", "shutdownGracePeriodCriticalPods": "30s"},
                 "shutdownGracePeriodCriticalPods 30s must be <= shutdownGracePeriod 10s"),
                ({"shutdownGracePeriod": "100ms"}, "must be either zero or otherwise >= 1 sec"),
                ({"imageGCLowThresholdPercent": 90}, "must be less than imageGCHighThresholdPercent"),
                ({"maxParallelImagePulls": 5, "serializeImagePulls": True},
                 "maxParallelImagePulls cannot be larger"),
                ({"kubeReservedCgroup": None} | enforce,
                 "kubeReservedCgroup (--kube-reserved-cgroup) must be specified"),
                ({"enforceNodeAllocatable": ["none", "pods"]}, "may not contain additional enforcements"),
                ({"cpuManagerPolicy": "static", "kubeReserved": {"cpu": "0"}},
                 "systemreserved.cpu + kubereserved.cpu to be greater than zero"),
                ({"reservedSystemCPUs": "0-1"}, "can't use reservedSystemCPUs"),
                ({"systemCgroups": "/system", "cgroupRoot": None},
                 "cgroupRoot (--cgroup-root) was not specified"),
                ({"featureGates": {"RotateKubeletServerCertificate": False}},
                 "serverTLSBootstrap true requires"),
                ({"memorySwap": {"swapBehavior": "UnlimitedSwap"}}, "must be one of: \"\", \"NoSwap\""),
                ({"cpuCFSQuotaPeriod": "10ms"}, "requires feature gate CustomCPUCFSQuotaPeriod"),
                ({"registerWithTaints": [{"key": "a", "effect": "Never"}]}, "invalid taint"),
                ({"containerRuntimeEndpoint": ""}, "containerRuntimeEndpoint was not specified or empty"),
                ({"evictionHard": {"memory.free": "1Gi"}}, "unsupported eviction signal memory.free"),
                ({"evictionHard": {"memory.available": "1Gigabyte"}}, "quantities must match the regular"),
                ({"evictionHard": {"memory.available": "0"}},
                 "eviction threshold memory.available must be positive"),
                ({"evictionHard": {"nodefs.available": "101%"}}, "must be <= 100%: 101%"),
                ({"evictionSoft": {"memory.available": "1Gi"}},
                 "grace period must be specified for the soft"),
                ({"kubeReserved": {"disk": "1Gi"}},
                 '--kube-reserved value failed to parse: cannot reserve "disk"'),
                ({"kubeReserved": {"cpu": "70x"}}, "--kube-reserved value failed to parse"),
                ({"systemReserved": {"memory": "-1Gi"}},
                 'resource quantity for "memory" cannot be negative')]:
            with self.subTest(changes=changes):
                self.change(**changes)
                self.assertIn(error, self.refused())

    def test_several_errors_make_one_line(self):
        self.change(maxPods=-1, cgroupDriver="x")
        one = "invalid configuration: "
        self.assertRegex(self.refused(), rf"error: \[{one}maxPods .*, {one}option .*\]\Z")

    def test_gates_belong_to_versions(self):
        for gate, value, minor, error in [
                ("NoSuchGate", True, 34, "unrecognized"),
                ("DynamicResourceAllocation", True, 33, None),
                ("DynamicResourceAllocation", False, 34, None),
                ("DynamicResourceAllocation", False, 35, "cannot set feature gate DynamicResourceAllocation "
                                                         "to false, feature is locked to true"),
                ("MutableCSINodeAllocatableCount", True, 32, "unrecognized"),
                ("MutableCSINodeAllocatableCount", True, 33, None),
                ("KubeletCredentialProviders", True, 27, None),
                ("KubeletCredentialProviders", False, 27, "feature is locked to true"),
                ("KubeletCredentialProviders", True, 28, "unrecognized"),
                ("DRAPrioritizedList", False, 36, None),
                ("DRAPrioritizedList", False, 37, "feature is locked to true"),
                ("AnyVolumeDataSource", True, 36, None),
                ("AnyVolumeDataSource", True, 37, "unrecognized"),
                ("AllAlpha", True, 34, None)]:
            with self.subTest(gate=gate, value=value, minor=minor):
                self.change(featureGates={gate: value})
                if error:
                    self.assertIn(error, self.refused(version=f"1.{minor}.0"))
                else:
                    self.started(version=f"1.{minor}.0")

    def test_fields_belong_to_versions(self):
        endpoint = "--container-runtime-endpoint=unix://" + SOCKET
        for field, value, minor in [
                ("containerRuntimeEndpoint", "unix://" + SOCKET, 27), ("failCgroupV1", True, 31),
                ("imageMaximumGCAge", "0s", 29), ("maxParallelImagePulls", 2, 27)]:
            with self.subTest(field=field):
                self.change(**{"containerRuntimeEndpoint": None, field: value})
                runtime = ["--container-runtime=remote"] if minor < 28 else []
                answer = self.refused(endpoint, *runtime, version=f"1.{minor - 1}.0")
                self.assertIn(f'strict decoding error: unknown field "{field}"', answer)
                self.started(endpoint, version=f"1.{minor}.0")

    def test_null_is_absent_and_yaml_is_read(self):
        self.write(CONFIG_FILE, json.dumps(CONFIG)[:-1] + ', "podPidsLimit": null}')
        self.assertNotIn("podPidsLimit", self.started()["config"])

        text = "kind: KubeletConfiguration\napiVersion: kubelet.config.k8s.io/v1beta1\nmaxPods: 12\n"
        self.write(CONFIG_FILE, text + "provideID: 1\n")
        self.assertIn('unknown field "provideID"', self.refused())

        self.write(CONFIG_FILE, text)
        self.assertEqual(self.started()["config"]["maxPods"], 12)


class DropIns(StandIn):
    def test_maps_merge_lists_replace_null_deletes_and_later_names_win(self):
        self.write(DROP_INS + "/40-b.conf", META | {
            "maxPods": 10, "clusterDNS": ["1.1.1.1", "8.8.8.8"], "logging": {"format": "json"},
            "evictionHard": {"nodefs.available": "20%"}, "hairpinMode": None})
        self.write(DROP_INS + "/30-a.conf", META | {"maxPods": 5, "podsPerCore": 3})
        self.write(DROP_INS + "/50-sub/x.conf", META | {"podsPerCore": 4})
        self.write(DROP_INS + "/90-c.conf.bak", "not read")
        config = self.started(WITH_DROP_INS)["config"]
        self.assertEqual((config["maxPods"], config["podsPerCore"]), (10, 4))
        self.assertEqual(config["clusterDNS"], ["1.1.1.1", "8.8.8.8"])
        self.assertEqual(config["logging"], {"verbosity": 2, "format": "json"})
        self.assertEqual(config["evictionHard"]["nodefs.available"], "20%")
        self.assertEqual(config["evictionHard"]["memory.available"], "100Mi")
        self.assertNotIn("hairpinMode", config)

    def test_each_is_checked_by_itself(self):
        path = DROP_INS + "/40-nodeadm.conf"
        for content, error in [
                ({"maxPods": 1}, "Object 'Kind' is missing"),
                (META | {"kind": "NodeConfig"}, 'no kind "NodeConfig"'),
                (META | {"maxPod": 1}, 'unknown field "maxPod"'),
                (META | {"maxPods": "1"}, "cannot unmarshal string")]:
            with self.subTest(content=content):
                self.write(path, content)
                answer = self.refused(WITH_DROP_INS)
                self.assertIn(f"failed to load kubelet dropin file, path: {path}, error: ", answer)
                self.assertIn(error, answer)

    def test_the_directory_must_exist_and_older_kubelets_want_a_variable(self):
        self.assertIn(f"lstat {DROP_INS}: no such file or directory", self.refused(WITH_DROP_INS))
        os.makedirs(self.path(DROP_INS))
        self.assertIn("environment variable KUBELET_CONFIG_DROPIN_DIR_ALPHA not set",
                      self.refused(WITH_DROP_INS, version="1.29.0"))
        self.started(WITH_DROP_INS, version="1.29.0", KUBELET_CONFIG_DROPIN_DIR_ALPHA="on")
        self.started(WITH_DROP_INS, version="1.30.0")


class Files(StandIn):
    def test_kubeconfig_must_resolve(self):
        for old, new, error in [
                ("current-context: kubelet", "current-context: other",
                 "context was not found for specified context"),
                ("cluster: kubernetes", "cluster: other", 'cluster "other" was not found'),
                ("      user: kubelet", "      user: other", 'user "other" was not found'),
                ("https://example.com", "http://example.com", "host must be a URL or a host:port pair"),
                ("https://example.com", "example.com", "host must be a URL or a host:port pair"),
                ("      server: https://example.com\n", "", 'no server found for cluster "kubernetes"'),
                (CA_FILE, "/no", "unable to read certificate-authority /no for kubernetes due to: open /no"),
                (CA_FILE, KUBECONFIG_FILE, "unable to parse bytes as PEM block"),
                ("        command: aws\n", "", "command must be specified for kubelet"),
                ("client.authentication.k8s.io/v1beta1", "client.authentication.k8s.io/v1alpha1",
                 "invalid apiVersion"),
                ("client.authentication.k8s.io/v1beta1", "client.authentication.k8s.io/v1",
                 "interactiveMode must be"),
                ('- "eks"', "- 1", "cannot unmarshal number"),
                ("kind: Config", "kind: Secret", 'no kind "Secret"'),
                ("contexts:", "contexts: [", "yaml")]:
            with self.subTest(old=old, new=new):
                self.assertIn(old, KUBECONFIG)
                self.write(KUBECONFIG_FILE, KUBECONFIG.replace(old, new))
                self.assertIn(error, self.refused())

        os.unlink(self.path(KUBECONFIG_FILE))
        self.assertEqual(self.refused(), "failed to run Kubelet: invalid kubeconfig: "
                                         f"stat {KUBECONFIG_FILE}: no such file or directory")

    def test_bootstrap_kubeconfig_stands_in_for_a_missing_one(self):
        os.rename(self.path(KUBECONFIG_FILE), self.path(BOOTSTRAP_FILE))
        flag = f"--bootstrap-kubeconfig={BOOTSTRAP_FILE}"
        self.assertEqual(self.started(flag)["kubeconfig"]["path"], BOOTSTRAP_FILE)
        os.unlink(self.path(BOOTSTRAP_FILE))
        self.assertIn("unable to load bootstrap kubeconfig: stat", self.refused(flag))

    def test_client_ca_must_hold_certificates(self):
        prefix = f"failed to construct kubelet dependencies: unable to load client CA file {CA_FILE}: "
        line = CERTIFICATE.splitlines()[1]
        short, foul = CERTIFICATE.replace(line, ""), CERTIFICATE.replace(line, "?" + line)
        for content in ["", "certificateAuthority", short, foul]:
            with self.subTest(content=content):
                self.write(CA_FILE, content)
                self.assertEqual(self.refused(), prefix + "data does not contain any valid RSA or ECDSA "
                                                          "certificates")

        os.unlink(self.path(CA_FILE))
        self.assertEqual(self.refused(), prefix + f"open {CA_FILE}: no such file or directory")

        self.write(CA_FILE, "# two\n" + CERTIFICATE + CERTIFICATE)
        self.started()

    def test_credential_providers_must_be_usable(self):
        def provider(**changes):
            config = copy.deepcopy(PROVIDERS)
            entry = (config["providers"][0] | changes).items()
            config["providers"] = [{key: value for key, value in entry if value is not None}]
            return config

        prefix = "failed to run Kubelet: failed to register CRI auth plugins: "
        for content, error in [
                (provider(name=None), "providers.name: Required value"),
                (provider(name="a/b"), "providers.name: Invalid value"),
                (provider(name="other"),
                 f"plugin binary executable {PROVIDERS_DIRECTORY}/other did not exist"),
                (provider(matchImages=[]), "providers.matchImages: Required value"),
                (provider(defaultCacheDuration=None), "providers.defaultCacheDuration: Required value"),
                (provider(defaultCacheDuration="12 hours"), 'time: unknown unit " hours"'),
                (provider(apiVersion="v1"), 'providers.apiVersion: Unsupported value: "v1"'),
                (provider(arguments=[]), 'unknown field "providers[0].arguments"'),
                (PROVIDERS | {"providers": []}, "at least 1 item in plugins is required"),
                (PROVIDERS | {"kind": "Config"}, 'no kind "Config"'),
                (PROVIDERS | {"apiVersion": "v1"}, 'for version "v1"')]:
            with self.subTest(error=error):
                self.write(PROVIDERS_FILE, content)
                answer = self.refused()
                self.assertTrue(answer.startswith(prefix), answer)
                self.assertIn(error, answer)

        self.write(PROVIDERS_FILE, PROVIDERS)
        os.chmod(self.path(PROVIDER), 0o644)
        self.assertIn("permission denied", self.refused())

        os.unlink(self.path(PROVIDERS_FILE))
        self.assertIn(f"open {PROVIDERS_FILE}: no such file or directory", self.refused())
        self.assertIn("plugin binary directory /no did not exist",
                      self.refused("--image-credential-provider-bin-dir=/no"))

    def test_the_container_runtime_must_answer(self):
        self.runtime.close()
        self.assertIn("connection refused", self.refused())

        os.unlink(self.path(SOCKET))
        self.assertIn('validate CRI v1 runtime API for endpoint "unix:///run/containerd/containerd.sock": '
                      "rpc error: code = Unavailable", self.refused())

        self.change(containerRuntimeEndpoint="tcp://127.0.0.1:1")
        self.assertIn("only support unix socket endpoint", self.refused())


class Data(unittest.TestCase):
    """The tables parse, are sorted, and agree with each other."""

    def setUp(self):
        with open(SCHEMA, encoding="utf-8") as file:
            self.table = json.load(file)

    def test_flags(self):
        self.assertEqual(list(self.table["flags"]), sorted(self.table["flags"], key=lambda name: name + " "))

        for name, row in self.table["flags"].items():
            with self.subTest(flag=name):
                self.assertRegex(row, r"\A\w+( ([\w.]+|-)( (1\.\d+|-)( 1\.\d+)?)?)?\Z")
                field = (row.split() + ["-"])[1]
                if field != "-":
                    self.assertTrue(self.kind_of(field))

        for name in self.table["deprecated"] + self.table["notDeprecated"]:
            self.assertIn(name, self.table["flags"])

    def kind_of(self, field):
        kind = "KubeletConfiguration"
        for name in field.split("."):
            kind = self.table["structs"][kind][name].split()[0]
        return kind

    def test_structs_name_known_types(self):
        simple = {"string", "bool", "int32", "int64", "uint32", "float64",
                  "duration", "durationOrNanoseconds", "quantity"}
        for struct, fields in self.table["structs"].items():
            for field, row in fields.items():
                with self.subTest(field=f"{struct}.{field}"):
                    self.assertRegex(row, r"\A\S+( 1\.\d+( 1\.\d+)?)?\Z")
                    kind = re.sub(r"\A(\[\]|map\[string\])*", "", row.split()[0])
                    self.assertTrue(kind in simple or kind in self.table["structs"])

    def test_rules_name_known_fields_and_gates(self):
        for field, *_ in self.table["ranges"] + self.table["gated"]:
            self.assertTrue(self.kind_of(field))
        for field in self.table["enums"]:
            self.assertEqual(self.kind_of(field), "string")
        for _, gate, _ in self.table["gated"]:
            self.assertIn(gate, self.table["gates"])

    def test_gates(self):
        self.assertEqual(list(self.table["gates"]), sorted(self.table["gates"], key=str.lower))
        for name, row in self.table["gates"].items():
            with self.subTest(gate=name):
                self.assertRegex(row, r"\A1\.\d+[aAbBgGdD]!?( 1\.\d+[aAbBgGdDx]!?)*\Z")
                minors = [int(minor) for minor in re.findall(r"1\.(\d+)", row)]
                self.assertEqual(minors, sorted(set(minors)))


if __name__ == "__main__":
    unittest.main()
