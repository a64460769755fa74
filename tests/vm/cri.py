# SPDX-License-Identifier: Apache-2.0
"""The container runtime interface as kubelet speaks it, as much of it as the tests call.

A message is a list of (number, value) on the way out, and a dictionary of lists by number on the way back: the few
messages here do not pay for a compiler. Numbers: k8s.io/cri-api/pkg/apis/runtime/v1/api.proto."""

import grpc

READY, RUNNING, EXITED = 0, 1, 2  # of a sandbox; of a container


def varint(number: int) -> bytes:
    low, rest = number & 127, number >> 7
    return bytes([low | 128]) + varint(rest) if rest else bytes([low])


def encode(fields) -> bytes:
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            data = encode(value) if isinstance(value, list) else value.encode()
            out += varint(number << 3 | 2) + varint(len(data)) + data

    return out


def decode(data: bytes) -> dict[int, list]:
    """Numbers, and bytes: the caller knows which of these are text and which are messages."""
    fields, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0

        while True:
            byte = data[at]
            at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    while at < len(data):
        key = number()
        value = number()

        if key & 7 == 2:
            at, value = at + value, data[at:at + value]
        elif key & 7 != 0:
            raise ValueError(f"field {key >> 3} has wire type {key & 7}")

        fields.setdefault(key >> 3, []).append(value)

    return fields


class Runtime:
    def __init__(self, address="unix:/run/containerd/containerd.sock"):
        self.channel = grpc.insecure_channel(address)

    def call(self, method: str, *fields, service="RuntimeService") -> dict[int, list]:
        invoke = self.channel.unary_unary(f"/runtime.v1.{service}/{method}", encode, decode)
        return invoke(list(fields), timeout=120, wait_for_ready=True)

    def version(self) -> str:
        return self.call("Version")[3][0].decode()

    def has_image(self, name: str) -> bool:
        return 1 in self.call("ImageStatus", (1, [(1, name)]), service="ImageService")

    def run_sandbox(self, config) -> str:
        return self.call("RunPodSandbox", (1, config))[1][0].decode()

    def sandbox(self, sandbox: str) -> tuple[dict, str]:
        """Its status, and what containerd itself knows of it, as JSON."""
        answer = self.call("PodSandboxStatus", (1, sandbox), (2, 1))
        return decode(answer[1][0]), info(answer)

    def create_container(self, sandbox: str, config, sandbox_config) -> str:
        return self.call("CreateContainer", (1, sandbox), (2, config), (3, sandbox_config))[1][0].decode()

    def container(self, container: str) -> tuple[dict, str]:
        answer = self.call("ContainerStatus", (1, container), (2, 1))
        return decode(answer[1][0]), info(answer)


def info(answer) -> str:
    """The entry "info" of the map that verbose answers have."""
    entries = (decode(entry) for entry in answer[2])
    return next(entry[2][0] for entry in entries if entry[1] == [b"info"]).decode()
