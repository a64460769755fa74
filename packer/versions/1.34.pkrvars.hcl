# SPDX-License-Identifier: Apache-2.0
# Kubernetes 1.34 on the kernel line of AWS's images of that version.

kernel_version = "6.12"
crictl_version = "v1.34.0"
