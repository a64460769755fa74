# SPDX-License-Identifier: Apache-2.0
# Kubernetes 1.24 on the oldest kernel line of Amazon Linux 2023. AWS's images of that version were of Amazon Linux 2.

kernel_version = "6.1"
