# SPDX-License-Identifier: Apache-2.0
# An AMI, made on an instance. ../newer/amazon-ebs.pkr.hcl holds what the source has besides with Packer 1.8.0 or newer.

locals {
  partition = (substr(var.aws_region, 0, 3) == "cn-" ? "aws-cn" :
    substr(var.aws_region, 0, 7) == "us-gov-" ? "aws-us-gov" :
    regex_replace(var.aws_region, "^(us-iso[a-z]*|eu-iso[a-z]*|eusc)-.*$", "") == "" ? "" :
  "aws")
  owners = {
    "al2023" = {
      "aws"        = "137112412989"
      "aws-cn"     = "141808717104"
      "aws-us-gov" = "045324592363"
    }
    "debian12" = {
      "aws" = "136693071363"
    }
    "debian13" = {
      "aws" = "136693071363"
    }
  }
  # Where nobody is known, there are no owners, and Packer refuses a filter without them.
  owner = var.source_ami_owners == "" ? lookup(local.owners[var.os], local.partition, "") : var.source_ami_owners

  # The minimal image of each kernel line is a starting point of its own; install-kernel finds it installed.
  # A range may be of any line.
  kernel_line = (var.kernel_version == "" ? "*" :
  regex_replace(regex_replace(var.kernel_version, "^[^0-9].*$", "*"), "^([0-9]+[.][0-9]+).*$", "$1"))
  bucket_arch = var.arch == "x86_64" ? "amd64" : "arm64"
  patterns = {
    "al2023"   = "al2023-ami-minimal-2023.*-kernel-${local.kernel_line}-*"
    "debian12" = "debian-12-${local.bucket_arch}-*"
    "debian13" = "debian-13-${local.bucket_arch}-*"
  }
  pattern = var.source_ami_filter_name == "" ? local.patterns[var.os] : var.source_ami_filter_name

  filters = {
    architecture        = var.arch
    name                = local.pattern
    root-device-type    = "ebs"
    state               = "available"
    virtualization-type = "hvm"
  }

  components = var.kubernetes_version == "" ? "(ECS)" : "(k8s: ${var.kubernetes_version}, containerd: ${var.containerd_version})"
}

source "amazon-ebs" "node" {
  region              = var.aws_region
  custom_endpoint_ec2 = var.custom_endpoint_ec2
  aws_polling {
    delay_seconds = 30
    max_attempts  = 480
  }

  # EC2 would want the image of an id to pass the filter, too.
  source_ami = var.source_ami_id
  source_ami_filter {
    filters     = { for name, value in local.filters : name => value if var.source_ami_id == "" }
    most_recent = true
    owners      = [for owner in compact(split(",", local.owner)) : owner if var.source_ami_id == ""]
  }

  instance_type               = var.instance_type
  iam_instance_profile        = var.iam_instance_profile
  associate_public_ip_address = var.associate_public_ip_address
  security_group_id           = var.security_group_id
  subnet_id                   = var.subnet_id
  user_data_file              = var.user_data_file
  temporary_security_group_source_cidrs = (var.temporary_security_group_source_cidrs == "" ? null :
  split(",", var.temporary_security_group_source_cidrs))

  ssh_interface           = var.ssh_interface
  ssh_pty                 = true
  ssh_username            = var.ssh_username != "" ? var.ssh_username : var.os == "al2023" ? "ec2-user" : "admin"
  temporary_key_pair_type = var.temporary_key_pair_type

  launch_block_device_mappings {
    device_name           = "/dev/xvda"
    volume_type           = var.volume_type
    volume_size           = var.launch_block_device_mappings_volume_size
    iops                  = var.volume_type == "gp3" ? 3000 : null
    throughput            = var.volume_type == "gp3" ? 125 : null
    delete_on_termination = true
  }
  ami_block_device_mappings {
    device_name           = "/dev/xvda"
    volume_type           = var.volume_type
    volume_size           = var.launch_block_device_mappings_volume_size
    iops                  = var.volume_type == "gp3" ? 3000 : null
    throughput            = var.volume_type == "gp3" ? 125 : null
    delete_on_termination = true
  }
  # EC2 makes it for each instance; the builder has none. It has no snapshot, so that encrypt_boot does not concern it.
  dynamic "ami_block_device_mappings" {
    for_each = var.containerd_volume_size > 0 ? ["/dev/xvdb"] : []
    content {
      device_name           = ami_block_device_mappings.value
      volume_type           = var.containerd_volume_type
      volume_size           = var.containerd_volume_size
      iops                  = var.containerd_volume_iops > 0 ? var.containerd_volume_iops : var.containerd_volume_type == "gp3" ? 3000 : null
      throughput            = var.containerd_volume_throughput > 0 ? var.containerd_volume_throughput : var.containerd_volume_type == "gp3" ? 125 : null
      encrypted             = var.encrypted ? true : null
      kms_key_id            = var.encrypted ? var.kms_key_id : ""
      delete_on_termination = true
    }
  }

  ami_name                = var.ami_name
  ami_description         = "${var.ami_description}, ${var.ami_component_description == "" ? local.components : var.ami_component_description}"
  ami_virtualization_type = "hvm"
  ami_regions             = var.ami_regions == "" ? null : split(",", var.ami_regions)
  ami_users               = var.ami_users == "" ? null : split(",", var.ami_users)
  snapshot_users          = var.ami_users == "" ? null : split(",", var.ami_users)
  encrypt_boot            = var.encrypted
  kms_key_id              = var.kms_key_id

  run_tags = {
    creator = var.creator
  }
  tags = merge({ for tag in compact(split(",", var.ami_tags)) : split("=", tag)[0] => regex_replace(tag, "^[^=]*=", "") }, {
    Name                  = var.ami_name
    architecture          = var.arch
    build_region          = "{{ .BuildRegion }}"
    containerd_version    = var.containerd_version
    cni_plugin_version    = var.cni_plugin_version
    created               = timestamp()
    kernel_version        = var.kernel_version
    kubernetes            = "${var.kubernetes_version}/${var.kubernetes_build_date}/bin/linux/${local.bucket_arch}"
    kubernetes_build_date = var.kubernetes_build_date
    kubernetes_version    = var.kubernetes_version
    os                    = var.os
    runc_version          = var.runc_version
    source_ami_id         = "{{ .SourceAMI }}"
    source_ami_name       = "{{ .SourceAMIName }}"
    ssm_agent_version     = var.ssm_agent_version
    variants              = local.variants
  })
}
