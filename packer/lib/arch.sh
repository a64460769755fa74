#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The names of an architecture. EC2 and Packer say x86_64 and arm64, the bucket and Debian amd64 and arm64, and RPM and the
# kernel x86_64 and aarch64. The template, the front end and packages/build, which cannot read this file, know some of them, too.
set -euo pipefail

# ec2_arch NAME: what EC2 calls it, whichever of the names is given; fails for other names.
ec2_arch() {
        case $1 in
        x86_64 | amd64) echo x86_64 ;;
        arm64 | aarch64) echo arm64 ;;
        *) return 1 ;;
        esac
}

# bucket_arch NAME: the folder in the bucket, and the architecture of Debian's packages.
bucket_arch() {
        case $(ec2_arch "$1") in
        x86_64) echo amd64 ;;
        arm64) echo arm64 ;;
        *) return 1 ;;
        esac
}

# machine_arch NAME: what uname and RPM call it.
machine_arch() {
        case $(ec2_arch "$1") in
        x86_64) echo x86_64 ;;
        arm64) echo aarch64 ;;
        *) return 1 ;;
        esac
}
