# SPDX-License-Identifier: Apache-2.0
# Packer 1.8.0 is the first that knows all settings of the source amazon-ebs. `packer init` installs the plugins.

packer {
  required_version = ">= 1.8.0"
  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = ">= 1.2.0, < 2.0.0"
    }
    qemu = {
      source  = "github.com/hashicorp/qemu"
      version = ">= 1.0.9, < 2.0.0"
    }
  }
}
