# SPDX-License-Identifier: Apache-2.0
# Kubernetes 1.32 on the kernel line of AWS's images of that version.

kernel_version = "6.1"
crictl_version = "v1.32.0"
