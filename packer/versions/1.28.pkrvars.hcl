# SPDX-License-Identifier: Apache-2.0
# Kubernetes 1.28 on the oldest kernel line of Amazon Linux 2023. AWS's images of that version have it, too.

kernel_version = "6.1"
