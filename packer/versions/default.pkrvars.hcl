# SPDX-License-Identifier: Apache-2.0
# What an image has where neither the file of its Kubernetes version nor the caller says otherwise.

os   = "al2023"
arch = "x86_64"

binary_bucket_name   = "amazon-eks"
binary_bucket_region = "us-west-2"
binary_endpoint      = ""

containerd_version              = "2.*"
runc_version                    = "*"
credential_provider_version     = ""
credential_provider_build_date  = ""
cni_plugin_version              = "v1.6.2"
pull_cni_from_github            = true
kernel_version                  = "6.18"
enable_ssm_agent                = true
ssm_agent_version               = ""
ssm_agent_sha256                = ""
enable_aws_cli                  = false
enable_authenticator            = false
enable_credential_provider      = true
enable_cis                      = true
crictl_version                  = "v1.36.0"
nerdctl_version                 = "*"
soci_snapshotter_version        = "*"
nvidia_driver_version           = "580.*"
nvidia_grid_runfile             = ""
nvidia_grid_runfile_bucket_name = "ec2-linux-nvidia-drivers"
nvidia_grid_sha256              = ""
cuda_version                    = "12.9"
neuron_driver_version           = "2.*"
efa_version                     = "latest"
kontain_version                 = ""
kontain_sha256                  = ""
enable_kontain_shim             = false
variants                        = ""
cache_container_images          = false
ecr_credential_provider_sha256  = ""
pause_container_image           = "public.ecr.aws/eks-distro/kubernetes/pause:3.10"

ami_description           = "EKS node with eksnode"
ami_component_description = ""
ami_regions               = ""
ami_tags                  = ""
ami_users                 = ""
encrypted                 = false
kms_key_id                = ""
output_directory          = "."

aws_region                               = "us-west-2"
source_ami_id                            = ""
source_ami_filter_name                   = ""
source_ami_owners                        = ""
instance_type                            = "m5.xlarge"
iam_instance_profile                     = ""
subnet_id                                = ""
security_group_id                        = ""
temporary_security_group_source_cidrs    = ""
custom_endpoint_ec2                      = ""
user_data_file                           = ""
volume_type                              = "gp3"
launch_block_device_mappings_volume_size = 20
containerd_volume_size                   = 0
containerd_volume_type                   = "gp3"
containerd_volume_iops                   = 0
containerd_volume_throughput             = 0

ssh_username            = ""
ssh_interface           = ""
ssh_host                = ""
ssh_port                = 22
ssh_private_key_file    = ""
temporary_key_pair_type = "ed25519"
remote_folder           = "/var/tmp"
working_dir             = ""

qemu_image          = ""
qemu_image_checksum = ""
qemu_seed_directory = ""
