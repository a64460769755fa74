# SPDX-License-Identifier: Apache-2.0
# Every variable of the template. The values that an image has by default are in ../versions/default.pkrvars.hcl, those of
# one Kubernetes version in ../versions/MINOR.pkrvars.hcl. ../variables.tsv lists the names of other EKS image templates.

# What the image holds

variable "os" {
  type        = string
  description = "Operating system: al2023, debian13 or debian12."
  validation {
    condition     = contains(["al2023", "debian12", "debian13"], var.os)
    error_message = "The os must be al2023, debian13 or debian12."
  }
}

variable "arch" {
  type        = string
  description = "Architecture as EC2 names it: x86_64 or arm64."
  validation {
    condition     = contains(["x86_64", "arm64"], var.arch)
    error_message = "The arch must be x86_64 or arm64. The front end accepts amd64 and aarch64, too."
  }
}

variable "kubernetes_version" {
  type        = string
  description = "Kubernetes version with its patch level and without v, such as 1.34.1. A part of the path in the bucket. The front end also accepts a pattern, a range, or latest. Empty for the variant ecs."
  validation {
    condition     = regex_replace(var.kubernetes_version, "^[0-9]+[.][0-9]+[.][0-9]+$", "") == ""
    error_message = "The kubernetes_version must be MAJOR.MINOR.PATCH, such as 1.34.1; suffixes are not supported. The front end (make) also accepts a range."
  }
}

variable "kubernetes_build_date" {
  type        = string
  description = "Date of the build in the bucket, such as 2025-11-13. Empty for the variant ecs."
  validation {
    condition     = regex_replace(var.kubernetes_build_date, "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "") == ""
    error_message = "The kubernetes_build_date must be a date such as 2025-11-13."
  }
}

variable "binary_bucket_name" {
  type        = string
  description = "S3 bucket with kubelet and the other Kubernetes programs."
  validation {
    condition     = var.binary_bucket_name != "" && regex_replace(var.binary_bucket_name, "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", "") == ""
    error_message = "The binary_bucket_name must be the name of an S3 bucket."
  }
}

variable "binary_bucket_region" {
  type        = string
  description = "Region of the bucket."
  validation {
    condition     = var.binary_bucket_region != "" && regex_replace(var.binary_bucket_region, "^[a-z]+(-[a-z]+)+-[0-9]+$", "") == ""
    error_message = "The binary_bucket_region must be the name of a region, such as us-west-2."
  }
}

variable "binary_endpoint" {
  type        = string
  description = "URL of an S3 endpoint in place of AWS's, such as http://127.0.0.1:9000. The bucket's name is the first part of the path."
  validation {
    condition     = regex_replace(var.binary_endpoint, "^https?://[^ ]+$", "") == ""
    error_message = "The binary_endpoint must be empty or a URL such as http://127.0.0.1:9000."
  }
}

variable "containerd_version" {
  type        = string
  description = "containerd's version in the distribution's repository: a version, a pattern such as 2.*, a range such as >=2.0,<2.3, or latest."
  validation {
    condition     = var.containerd_version != "" && regex_replace(var.containerd_version, "^[0-9A-Za-z.+:~*<>=,-]+$", "") == ""
    error_message = "The containerd_version must be a package version, latest, a pattern such as 2.*, or a range such as >=1.0,<2.0."
  }
}

variable "runc_version" {
  type        = string
  description = "runc's version in the distribution's repository: a version, a pattern such as 1.*, a range, or latest."
  validation {
    condition     = var.runc_version != "" && regex_replace(var.runc_version, "^[0-9A-Za-z.+:~*<>=,-]+$", "") == ""
    error_message = "The runc_version must be a package version, latest, a pattern such as 1.*, or a range such as >=1.0,<2.0."
  }
}

variable "credential_provider_version" {
  type        = string
  description = "Kubernetes version in the bucket whose ecr-credential-provider the image has. Empty for kubernetes_version. The front end also accepts a pattern, a range, or latest."
  validation {
    condition     = regex_replace(var.credential_provider_version, "^[0-9]+[.][0-9]+[.][0-9]+$", "") == ""
    error_message = "The credential_provider_version must be empty or a full version such as 1.34.1. The front end (make) accepts a range, and makes it one."
  }
}

variable "credential_provider_build_date" {
  type        = string
  description = "Date of that build. Required with credential_provider_version; the front end looks it up."
  validation {
    condition     = regex_replace(var.credential_provider_build_date, "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "") == ""
    error_message = "The credential_provider_build_date must be empty or a date such as 2025-11-13."
  }
}

variable "enable_credential_provider" {
  type        = bool
  description = "Whether the image has ecr-credential-provider. Without it, a node needs a credential provider of your own."
}

variable "cni_plugin_version" {
  type        = string
  description = "Release of the CNI plugins, such as v1.6.2. The front end also accepts a pattern, a range, or latest. Empty for none: the VPC CNI brings what it needs."
  validation {
    condition     = regex_replace(var.cni_plugin_version, "^v[0-9]+[.][0-9]+[.][0-9]+$", "") == ""
    error_message = "The cni_plugin_version must be empty or a release such as v1.6.2. The front end (make) accepts a range, and makes it one."
  }
}

variable "pull_cni_from_github" {
  type        = bool
  description = "Where a release of the CNI plugins comes from: GitHub, or the bucket if false."
}

variable "kernel_version" {
  type        = string
  description = "Kernel line (6.12), the beginning of a version (6.12.40), a pattern, a range such as >=6.12,<6.19, or latest. Empty for the kernel of the base image."
  validation {
    condition     = regex_replace(var.kernel_version, "^(latest|[0-9]+[.][0-9*]+([.][0-9A-Za-z.+~*-]+)?|[<>=]+[0-9][0-9.<>=,]*)$", "") == ""
    error_message = "The kernel_version must be empty, a line such as 6.12, the beginning of a version such as 6.12.40, a pattern, a range such as >=6.12,<6.19, or latest."
  }
}

variable "enable_ssm_agent" {
  type        = bool
  description = "Whether the image has the SSM agent."
}

variable "ssm_agent_version" {
  type        = string
  description = "Version of Amazon Linux's package of the SSM agent, a pattern, a range, or latest; with ssm_agent_sha256, a version in AWS's SSM bucket, such as 3.3.2299.0. Empty for the package of any version."
  validation {
    condition     = regex_replace(var.ssm_agent_version, "^(latest|[<>=]*[0-9][0-9.*<>=,-]*)$", "") == ""
    error_message = "The ssm_agent_version must be empty, a version, latest, a pattern such as 3.*, or a range such as >=3.3,<4."
  }
}

variable "ssm_agent_sha256" {
  type        = string
  description = "SHA-256 of the SSM agent's package in AWS's SSM bucket. Empty for Amazon Linux's package."
  validation {
    condition     = regex_replace(var.ssm_agent_sha256, "^[0-9a-f]{64}$", "") == ""
    error_message = "The ssm_agent_sha256 must be empty or 64 hexadecimal digits."
  }
}

variable "enable_aws_cli" {
  type        = bool
  description = "Whether the image has the AWS CLI. eksnode does not need it."
}

variable "enable_authenticator" {
  type        = bool
  description = "Whether the image has aws-iam-authenticator. eksnode does not need it."
}

variable "enable_cis" {
  type        = bool
  description = "Whether the image is hardened by the variant cis."
}

variable "pause_container_image" {
  type        = string
  description = "Pause image that the image holds. For its tag, the front end also accepts a pattern, a range, or latest. Empty for none: nodes then pull it from EKS's registry of their region."
  validation {
    condition     = regex_replace(var.pause_container_image, "^[a-z0-9][A-Za-z0-9._:/@-]*[A-Za-z0-9]$", "") == ""
    error_message = "The pause_container_image must be empty or the name of an image, such as registry.example/pause:3.10."
  }
}

variable "ecr_credential_provider_sha256" {
  type        = string
  description = "SHA-256 of ecr-credential-provider, for a bucket that has no file with it."
  validation {
    condition     = regex_replace(var.ecr_credential_provider_sha256, "^[0-9a-f]{64}$", "") == ""
    error_message = "The ecr_credential_provider_sha256 must be empty or 64 hexadecimal digits."
  }
}

variable "cache_container_images" {
  type        = bool
  description = "Whether the image holds the images of kube-proxy and the VPC CNI, which eksnode images cache pulls."
}

variable "variants" {
  type        = string
  description = "What the image has in addition: names of files in packer/variants, separated by commas."
  validation {
    condition     = regex_replace(var.variants, "^([a-z0-9-]+(,[a-z0-9-]+)*)?$", "") == ""
    error_message = "The variants must be names separated by commas, such as neuron,fips."
  }
}

variable "crictl_version" {
  type        = string
  description = "Release of crictl, such as v1.34.0. The front end also accepts a pattern, a range, or latest. Empty for none."
  validation {
    condition     = regex_replace(var.crictl_version, "^v[0-9]+[.][0-9]+[.][0-9]+$", "") == ""
    error_message = "The crictl_version must be empty or a release such as v1.34.0. The front end (make) accepts a range, and makes it one."
  }
}

variable "nerdctl_version" {
  type        = string
  description = "nerdctl's version in the distribution's repository, a pattern, a range, or latest. Debian has none: there, a release such as 2.1.2."
  validation {
    condition     = var.nerdctl_version != "" && regex_replace(var.nerdctl_version, "^[0-9A-Za-z.+:~*<>=,-]+$", "") == ""
    error_message = "The nerdctl_version must be a package version, latest, a pattern such as 2.*, or a range such as >=1.0,<2.0."
  }
}

variable "soci_snapshotter_version" {
  type        = string
  description = "soci-snapshotter's version in the distribution's repository, a pattern, a range, or latest. Debian has none: there, a release such as 0.11.1."
  validation {
    condition     = var.soci_snapshotter_version != "" && regex_replace(var.soci_snapshotter_version, "^[0-9A-Za-z.+:~*<>=,-]+$", "") == ""
    error_message = "The soci_snapshotter_version must be a package version, latest, a pattern such as 0.*, or a range such as >=1.0,<2.0."
  }
}

variable "nvidia_driver_version" {
  type        = string
  description = "Version of NVIDIA's driver for the variants gpu-nvidia*, a pattern, a range, or latest. 580 is the oldest."
  validation {
    condition     = var.nvidia_driver_version != "" && regex_replace(var.nvidia_driver_version, "^(latest|(5[89]|[6-9][0-9])[0-9][.][0-9.*]+|[<>=]+(5[89]|[6-9][0-9])[0-9][0-9.]*(,[<>=]+[0-9.]+)*)$", "") == ""
    error_message = "The nvidia_driver_version must be a version, a pattern such as 580.*, a range such as >=580,<590, or latest, and at least 580."
  }
}

variable "nvidia_grid_runfile" {
  type        = string
  description = "Key of NVIDIA's GRID driver in its bucket, for the variants gpu-nvidia-grid and gpu-nvidia-all."
  validation {
    condition     = regex_replace(var.nvidia_grid_runfile, "^[A-Za-z0-9._/-]+[.]run$", "") == ""
    error_message = "The nvidia_grid_runfile must be empty or a key that ends in .run."
  }
}

variable "nvidia_grid_runfile_bucket_name" {
  type        = string
  description = "S3 bucket in us-east-1 with NVIDIA's GRID drivers."
  validation {
    condition     = var.nvidia_grid_runfile_bucket_name != "" && regex_replace(var.nvidia_grid_runfile_bucket_name, "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", "") == ""
    error_message = "The nvidia_grid_runfile_bucket_name must be the name of an S3 bucket."
  }
}

variable "nvidia_grid_sha256" {
  type        = string
  description = "SHA-256 of the GRID driver. Required with nvidia_grid_runfile."
  validation {
    condition     = regex_replace(var.nvidia_grid_sha256, "^[0-9a-f]{64}$", "") == ""
    error_message = "The nvidia_grid_sha256 must be empty or 64 hexadecimal digits."
  }
}

variable "cuda_version" {
  type        = string
  description = "Version of CUDA for the variant cuda, such as 12.9, a pattern, a range, or latest."
  validation {
    condition     = var.cuda_version != "" && regex_replace(var.cuda_version, "^(latest|[0-9]+[.]([0-9]+([.][0-9*]+)?|[*])|[<>=]+[0-9][0-9.<>=,]*)$", "") == ""
    error_message = "The cuda_version must be a version such as 12.9, a pattern such as 12.*, a range such as >=12.8,<13, or latest."
  }
}

variable "neuron_driver_version" {
  type        = string
  description = "Version of the driver for the variant neuron, a pattern, a range, or latest."
  validation {
    condition     = var.neuron_driver_version != "" && regex_replace(var.neuron_driver_version, "^[0-9A-Za-z.+:~*<>=,-]+$", "") == ""
    error_message = "The neuron_driver_version must be a package version, latest, a pattern such as 2.*, or a range such as >=2.20,<3."
  }
}

variable "kontain_version" {
  type        = string
  description = "Release of Kontain's runtime for the variants kontain and ecs-kontain, such as v0.9.9."
  validation {
    condition     = regex_replace(var.kontain_version, "^v[0-9A-Za-z.-]+$", "") == ""
    error_message = "The kontain_version must be empty or a release such as v0.9.9."
  }
}

variable "enable_kontain_shim" {
  type        = bool
  description = "Whether the variants kontain and ecs-kontain install containerd's shim of Kontain, for the handler krun-shim."
}

variable "kontain_sha256" {
  type        = string
  description = "SHA-256 of that release's kontain_bin.tar.gz. Required by these variants."
  validation {
    condition     = regex_replace(var.kontain_sha256, "^[0-9a-f]{64}$", "") == ""
    error_message = "The kontain_sha256 must be empty or 64 hexadecimal digits."
  }
}

variable "efa_version" {
  type        = string
  description = "Version of the EFA installer for the variant efa, such as 1.49.0, or latest."
  validation {
    condition     = var.efa_version == "latest" || (var.efa_version != "" && regex_replace(var.efa_version, "^[0-9]+[.][0-9]+[.][0-9]+$", "") == "")
    error_message = "The efa_version must be latest or a version such as 1.49.0."
  }
}

variable "package_directory" {
  type        = string
  description = "Directory with the packages of eksnode, which packages/build writes."
}

# How the image is named

variable "ami_name" {
  type        = string
  description = "Name of the image and of the files that describe it."
  validation {
    condition     = var.ami_name != "" && regex_replace(var.ami_name, "^[A-Za-z0-9 ()./_-]{3,128}$", "") == ""
    error_message = "The ami_name must have 3 to 128 letters, digits, blanks and ()./_- characters."
  }
}

variable "ami_description" {
  type        = string
  description = "First half of the image's description."
  validation {
    condition     = regex_replace(var.ami_description, "^[ -~]{1,126}$", "") == ""
    error_message = "The ami_description must have at most 126 characters of ASCII: with the second half, EC2 takes 255."
  }
}

variable "ami_component_description" {
  type        = string
  description = "Second half of the image's description. Empty for the versions of Kubernetes and containerd."
  validation {
    condition     = regex_replace(var.ami_component_description, "^[ -~]{1,126}$", "") == ""
    error_message = "The ami_component_description must have at most 126 characters of ASCII: with the first half, EC2 takes 255."
  }
}

variable "creator" {
  type        = string
  description = "Tag 'creator' of the builder."
  default     = env("USER")
  validation {
    condition     = regex_replace(var.creator, "^.{1,256}$", "") == ""
    error_message = "The creator must have at most 256 characters, as a tag."
  }
}

variable "ami_tags" {
  type        = string
  description = "Tags of the image and its snapshots besides those of the template: NAME=VALUE, separated by commas."
  validation {
    condition     = regex_replace(var.ami_tags, "^[^=,]{1,127}=[^,]{0,256}(,[^=,]{1,127}=[^,]{0,256})*$", "") == ""
    error_message = "The ami_tags must be empty, or NAME=VALUE separated by commas, names of at most 127 characters and values of 256."
  }
}

variable "output_directory" {
  type        = string
  description = "Directory for the manifests and the version information."
}

# Who may use it

variable "ami_regions" {
  type        = string
  description = "Regions to which the image is copied, separated by commas."
  validation {
    condition     = regex_replace(var.ami_regions, "^[a-z]+(-[a-z]+)+-[0-9]+(,[a-z]+(-[a-z]+)+-[0-9]+)*$", "") == ""
    error_message = "The ami_regions must be empty, or names of regions separated by commas."
  }
}

variable "ami_users" {
  type        = string
  description = "Accounts that may use the image and its snapshots, separated by commas."
  validation {
    condition     = regex_replace(var.ami_users, "^[0-9]{12}(,[0-9]{12})*$", "") == ""
    error_message = "The ami_users must be empty, or account numbers of 12 digits separated by commas."
  }
}

variable "encrypted" {
  type        = bool
  description = "Whether the image's snapshots are encrypted."
}

variable "kms_key_id" {
  type        = string
  description = "KMS key for the encryption. Empty for the account's default key."
  validation {
    condition     = regex_replace(var.kms_key_id, "^(alias/[A-Za-z0-9/_-]+|(mrk-)?[0-9a-f-]{32,36}|arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(alias|key)/[A-Za-z0-9/_-]+)$", "") == ""
    error_message = "The kms_key_id must be empty, the id of a key, an alias such as alias/images, or an ARN."
  }
}

# The builder in EC2

variable "aws_region" {
  type        = string
  description = "Region of the builder and of the image."
  validation {
    condition     = var.aws_region != "" && regex_replace(var.aws_region, "^[a-z]+(-[a-z]+)+-[0-9]+$", "") == ""
    error_message = "The aws_region must be the name of a region, such as us-west-2."
  }
}

variable "aws_access_key_id" {
  type        = string
  description = "Key with which the builder reads the bucket. Empty for the role of its instance profile, or none."
  default     = env("AWS_ACCESS_KEY_ID")
}

variable "aws_secret_access_key" {
  type        = string
  description = "Secret of the key."
  default     = env("AWS_SECRET_ACCESS_KEY")
  sensitive   = true
}

variable "aws_session_token" {
  type        = string
  description = "Session token of the key."
  default     = env("AWS_SESSION_TOKEN")
  sensitive   = true
}

variable "source_ami_id" {
  type        = string
  description = "Base image, to which the filter and the owner do not apply. Empty for the newest one that the filter finds."
  validation {
    condition     = regex_replace(var.source_ami_id, "^ami-[0-9a-f]+$", "") == ""
    error_message = "The source_ami_id must be empty or an id such as ami-0123456789abcdef0."
  }
}

variable "source_ami_filter_name" {
  type        = string
  description = "Pattern of the base image's name. Empty for the pattern of the operating system and kernel line."
  validation {
    condition     = regex_replace(var.source_ami_filter_name, "^[]A-Za-z0-9 ()./_'@*?[-]{3,128}$", "") == ""
    error_message = "The source_ami_filter_name must be empty, or a pattern of 3 to 128 characters that the name of an AMI may have, * and ?."
  }
}

variable "source_ami_owners" {
  type        = string
  description = "Owner of the base image. Empty for the owner in the region's partition."
  validation {
    condition     = regex_replace(var.source_ami_owners, "^([0-9]{12}|amazon|self)(,([0-9]{12}|amazon|self))*$", "") == ""
    error_message = "The source_ami_owners must be empty, or account numbers, amazon or self, separated by commas."
  }
}

variable "instance_type" {
  type        = string
  description = "Instance type of the builder."
  validation {
    condition     = var.instance_type != "" && regex_replace(var.instance_type, "^[a-z0-9-]+[.][a-z0-9-]+$", "") == ""
    error_message = "The instance_type must be an instance type such as m5.xlarge."
  }
}

variable "iam_instance_profile" {
  type        = string
  description = "Instance profile of the builder."
  validation {
    condition     = regex_replace(var.iam_instance_profile, "^[A-Za-z0-9+=,.@_-]+$", "") == ""
    error_message = "The iam_instance_profile must be empty or the name of an instance profile."
  }
}

variable "subnet_id" {
  type        = string
  description = "Subnet of the builder."
  validation {
    condition     = regex_replace(var.subnet_id, "^subnet-[0-9a-f]+$", "") == ""
    error_message = "The subnet_id must be empty or an id such as subnet-0123456789abcdef0."
  }
}

variable "security_group_id" {
  type        = string
  description = "Security group of the builder. Empty for a temporary one."
  validation {
    condition     = regex_replace(var.security_group_id, "^sg-[0-9a-f]+$", "") == ""
    error_message = "The security_group_id must be empty or an id such as sg-0123456789abcdef0."
  }
}

variable "temporary_security_group_source_cidrs" {
  type        = string
  description = "Networks from which the temporary security group allows SSH, separated by commas. Empty for all."
  validation {
    condition     = regex_replace(var.temporary_security_group_source_cidrs, "^[0-9a-f.:]+/[0-9]+(,[0-9a-f.:]+/[0-9]+)*$", "") == ""
    error_message = "The temporary_security_group_source_cidrs must be empty, or networks such as 192.0.2.0/24, separated by commas."
  }
}

variable "associate_public_ip_address" {
  type        = bool
  description = "Whether the builder has a public address. Null for the subnet's default."
  default     = null
}

variable "custom_endpoint_ec2" {
  type        = string
  description = "URL of the EC2 endpoint."
  validation {
    condition     = regex_replace(var.custom_endpoint_ec2, "^https?://[^ ]+$", "") == ""
    error_message = "The custom_endpoint_ec2 must be empty or a URL."
  }
}

variable "user_data_file" {
  type        = string
  description = "User data of the builder."
}

variable "volume_type" {
  type        = string
  description = "Type of the root volume: gp3, or gp2 where there is no gp3, as in some Local Zones."
  validation {
    condition     = contains(["gp2", "gp3"], var.volume_type)
    error_message = "The volume_type must be gp3 or gp2."
  }
}

variable "launch_block_device_mappings_volume_size" {
  type        = number
  description = "Size of the root volume in GiB."
  validation {
    condition     = var.launch_block_device_mappings_volume_size >= 4
    error_message = "The launch_block_device_mappings_volume_size must be at least 4 GiB."
  }
}

variable "containerd_volume_size" {
  type        = number
  description = "Size in GiB of a second, empty volume that instances get for containerd's data. 0 for none."
  validation {
    condition     = var.containerd_volume_size >= 0 && var.containerd_volume_size <= 65536
    error_message = "The containerd_volume_size must be 0 for none, or a number of GiB up to 65536."
  }
}

variable "containerd_volume_type" {
  type        = string
  description = "Type of that volume."
  validation {
    condition     = contains(["gp2", "gp3", "io1", "io2"], var.containerd_volume_type)
    error_message = "The containerd_volume_type must be gp2, gp3, io1 or io2."
  }
}

variable "containerd_volume_iops" {
  type        = number
  description = "Operations per second of that volume, for gp3, io1 and io2. 0 for the default, which gp3 has."
  validation {
    condition     = var.containerd_volume_iops == 0 || (var.containerd_volume_iops >= 100 && var.containerd_volume_iops <= 256000)
    error_message = "The containerd_volume_iops must be 0 for the default, or 100 to 256000."
  }
}

variable "containerd_volume_throughput" {
  type        = number
  description = "MiB per second of that volume, for gp3. 0 for the default."
  validation {
    condition     = var.containerd_volume_throughput == 0 || (var.containerd_volume_throughput >= 125 && var.containerd_volume_throughput <= 2000)
    error_message = "The containerd_volume_throughput must be 0 for the default, or 125 to 2000 MiB."
  }
}

# The connection

variable "ssh_username" {
  type        = string
  description = "User that Packer logs in as. Empty for the operating system's: ec2-user or admin."
  validation {
    condition     = regex_replace(var.ssh_username, "^[a-z_][A-Za-z0-9_.-]*$", "") == ""
    error_message = "The ssh_username must be empty or the name of a user."
  }
}

variable "ssh_interface" {
  type        = string
  description = "Address that Packer connects to: public_ip, private_ip, public_dns or private_dns. Empty for Packer's choice."
  validation {
    condition     = contains(["", "public_ip", "private_ip", "public_dns", "private_dns"], var.ssh_interface)
    error_message = "The ssh_interface must be public_ip, private_ip, public_dns or private_dns. Not session_manager: the build stops the SSM agent, and a minimal image has none."
  }
}

variable "ssh_host" {
  type        = string
  description = "Machine that the null builder works on."
  validation {
    condition     = regex_replace(var.ssh_host, "^[A-Za-z0-9.:-]+$", "") == ""
    error_message = "The ssh_host must be empty, or an address or a name."
  }
}

variable "ssh_port" {
  type        = number
  description = "Port of SSH on that machine."
  validation {
    condition     = var.ssh_port >= 1 && var.ssh_port <= 65535
    error_message = "The ssh_port must be a number from 1 to 65535."
  }
}

variable "ssh_private_key_file" {
  type        = string
  description = "Key for that machine, or for the machine in QEMU."
}

variable "temporary_key_pair_type" {
  type        = string
  description = "Type of the builder's temporary key."
  validation {
    condition     = contains(["ed25519", "rsa"], var.temporary_key_pair_type)
    error_message = "The temporary_key_pair_type must be ed25519 or rsa: EC2 knows no other."
  }
}

variable "remote_folder" {
  type        = string
  description = "Directory on the machine for Packer's scripts."
  validation {
    condition     = var.remote_folder != "" && regex_replace(var.remote_folder, "^/[A-Za-z0-9/._-]+$", "") == ""
    error_message = "The remote_folder must be an absolute path."
  }
}

variable "working_dir" {
  type        = string
  description = "Directory on the machine for files of the build. Empty for 'worker' below remote_folder."
  validation {
    condition     = regex_replace(var.working_dir, "^/[A-Za-z0-9/._-]+$", "") == ""
    error_message = "The working_dir must be empty or an absolute path."
  }
}

# The machine in QEMU

variable "qemu_image" {
  type        = string
  description = "Disk image that the QEMU builder starts from."
}

variable "qemu_image_checksum" {
  type        = string
  description = "Its checksum, as TYPE:DIGITS."
  validation {
    condition     = regex_replace(var.qemu_image_checksum, "^(md5|sha1|sha256|sha512):[0-9a-f]+$", "") == ""
    error_message = "The qemu_image_checksum must be empty or a checksum such as sha512:0123abcd."
  }
}

variable "qemu_seed_directory" {
  type        = string
  description = "Directory with the files user-data and meta-data for cloud-init, which allow ssh_private_key_file to log in."
}
