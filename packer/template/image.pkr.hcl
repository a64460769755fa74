# SPDX-License-Identifier: Apache-2.0
# The steps that turn a machine into an image. They run in this order on every builder.

locals {
  before_restart = ["settle-machine", "upgrade-packages", "install-kernel"]
  after_restart = [
    "settle-machine",
    "install-host-packages",
    "speed-up-boot",
    "install-containerd",
    "install-cni-plugins",
    "install-tools",
    "install-kubelet",
    "install-ssm-agent",
    "install-eksnode",
    "cache-pause-image",
    "cache-images",
    "apply-variants",
    "write-release",
    "write-manifest",
    "clean-up",
    "write-version-info",
    "write-sbom",
    "check-controls",
    "label-files",
    "validate-image",
  ]

  working_dir = var.working_dir == "" ? "${var.remote_folder}/worker" : var.working_dir
  sources     = "${path.root}/.."
  # hardening comes last, over what the other variants install
  variants = join(",", compact([var.variants, var.enable_cis ? "cis" : ""]))

  # A file holds the environment, because everybody on the machine may read a command line. It is gone before a step starts.
  # Packer itself removes nothing from the machine if a step fails.
  as_root         = "{ if [ \"$(id -u)\" -eq 0 ]; then sh -e {{ .Path }}; else sudo -E sh -e {{ .Path }}; fi; }"
  run_steps       = ". {{ .EnvVarFile }} && rm -f {{ .EnvVarFile }} && ${local.as_root}"
  remove          = "if [ \"$(id -u)\" -eq 0 ]; then rm -rf '${local.working_dir}'; else sudo rm -rf '${local.working_dir}'; fi"
  execute_command = "trap : HUP PIPE; ${local.run_steps} || { status=$?; ${local.remove}; exit $status; }"
  environment = [
    "ARCH=${var.arch}",
    "AWS_ACCESS_KEY_ID=${var.aws_access_key_id}",
    "AWS_ENDPOINT_URL_S3=${var.binary_endpoint}",
    "AWS_REGION=${var.aws_region}",
    "AWS_SECRET_ACCESS_KEY=${var.aws_secret_access_key}",
    "AWS_SESSION_TOKEN=${var.aws_session_token}",
    "BINARY_BUCKET_NAME=${var.binary_bucket_name}",
    "BINARY_BUCKET_REGION=${var.binary_bucket_region}",
    "CACHE_CONTAINER_IMAGES=${var.cache_container_images}",
    "CNI_PLUGIN_VERSION=${var.cni_plugin_version}",
    "CONTAINERD_VERSION=${var.containerd_version}",
    "CONTAINERD_VOLUME_SIZE=${var.containerd_volume_size}",
    "CREDENTIAL_PROVIDER_BUILD_DATE=${var.credential_provider_build_date}",
    "CREDENTIAL_PROVIDER_VERSION=${var.credential_provider_version}",
    "CRICTL_VERSION=${var.crictl_version}",
    "CUDA_VERSION=${var.cuda_version}",
    "ECR_CREDENTIAL_PROVIDER_SHA256=${var.ecr_credential_provider_sha256}",
    "EFA_VERSION=${var.efa_version}",
    "ENABLE_AUTHENTICATOR=${var.enable_authenticator}",
    "ENABLE_AWS_CLI=${var.enable_aws_cli}",
    "ENABLE_CREDENTIAL_PROVIDER=${var.enable_credential_provider}",
    "ENABLE_KONTAIN_SHIM=${var.enable_kontain_shim}",
    "ENABLE_SSM_AGENT=${var.enable_ssm_agent}",
    "IMAGE_NAME=${var.ami_name}",
    "KERNEL_VERSION=${var.kernel_version}",
    "KONTAIN_SHA256=${var.kontain_sha256}",
    "KONTAIN_VERSION=${var.kontain_version}",
    "KUBERNETES_BUILD_DATE=${var.kubernetes_build_date}",
    "KUBERNETES_VERSION=${var.kubernetes_version}",
    "NERDCTL_VERSION=${var.nerdctl_version}",
    "NEURON_DRIVER_VERSION=${var.neuron_driver_version}",
    "NVIDIA_DRIVER_VERSION=${var.nvidia_driver_version}",
    "NVIDIA_GRID_RUNFILE=${var.nvidia_grid_runfile}",
    "NVIDIA_GRID_RUNFILE_BUCKET_NAME=${var.nvidia_grid_runfile_bucket_name}",
    "NVIDIA_GRID_SHA256=${var.nvidia_grid_sha256}",
    "PAUSE_CONTAINER_IMAGE=${var.pause_container_image}",
    "PULL_CNI_FROM_GITHUB=${var.pull_cni_from_github}",
    "RUNC_VERSION=${var.runc_version}",
    "SOCI_SNAPSHOTTER_VERSION=${var.soci_snapshotter_version}",
    "SSM_AGENT_SHA256=${var.ssm_agent_sha256}",
    "SSM_AGENT_VERSION=${var.ssm_agent_version}",
    "VARIANTS=${local.variants}",
    "WORKING_DIR=${local.working_dir}",
  ]
}

build {
  name    = "image"
  sources = ["source.amazon-ebs.node", "source.null.node", "source.qemu.node"]

  # Its scripts run as root. Another user of the machine may have made the directory, so it must be a new one. One that an
  # interrupted build of this user has left is removed first.
  provisioner "shell" {
    inline = [
      "mkdir -p \"$(dirname '${local.working_dir}')\"",
      "if [ -O '${local.working_dir}' ] && ! [ -L '${local.working_dir}' ]; then ${local.remove}; fi",
      "mkdir -m 0700 '${local.working_dir}' || { echo \"packer: remove '${local.working_dir}' on this machine if an earlier build has left it\" >&2; exit 1; }",
      "mkdir '${local.working_dir}/packages'",
    ]
    remote_folder = var.remote_folder
  }
  provisioner "file" {
    source      = "${local.sources}/lib"
    destination = local.working_dir
  }
  provisioner "file" {
    source      = "${local.sources}/provisioners"
    destination = local.working_dir
  }
  provisioner "file" {
    source      = "${local.sources}/variants"
    destination = local.working_dir
  }
  provisioner "file" {
    source      = "${local.sources}/masked-units.tsv"
    destination = "${local.working_dir}/masked-units.tsv"
  }
  provisioner "file" {
    source      = "${var.package_directory}/"
    destination = "${local.working_dir}/packages"
  }

  provisioner "shell" {
    environment_vars = local.environment
    execute_command  = local.execute_command
    inline           = [for step in local.before_restart : "bash '${local.working_dir}/provisioners/${step}'"]
    remote_folder    = local.working_dir
    use_env_var_file = true
  }

  # Modules are built for the kernel that runs. The machine of the null builder is not ours to restart. The files of the build
  # are needed after the restart, which may end this command before it is done.
  provisioner "shell" {
    except            = ["null.node"]
    environment_vars  = local.environment
    execute_command   = local.run_steps
    expect_disconnect = true
    inline            = ["bash '${local.working_dir}/provisioners/restart-into-kernel'"]
    pause_after       = "90s"
    remote_folder     = local.working_dir
    use_env_var_file  = true
  }

  provisioner "shell" {
    environment_vars = local.environment
    execute_command  = local.execute_command
    inline           = [for step in local.after_restart : "bash '${local.working_dir}/provisioners/${step}'"]
    remote_folder    = local.working_dir
    use_env_var_file = true
  }

  provisioner "file" {
    direction   = "download"
    source      = "${local.working_dir}/version-info.json"
    destination = "${var.output_directory}/${var.ami_name}-version-info.json"
  }
  provisioner "file" {
    direction   = "download"
    source      = "${local.working_dir}/sbom.spdx.json"
    destination = "${var.output_directory}/${var.ami_name}.spdx.json"
  }
  provisioner "shell" {
    execute_command = "if [ \"$(id -u)\" -eq 0 ]; then sh -e {{ .Path }}; else sudo sh -e {{ .Path }}; fi"
    inline          = ["WORKING_DIR='${local.working_dir}' bash '${local.working_dir}/provisioners/remove-traces'"]
    remote_folder   = var.remote_folder
  }

  post-processor "manifest" {
    output      = "${var.output_directory}/manifest.json"
    strip_path  = true
    custom_data = local.manifest
  }
  post-processor "manifest" {
    output      = "${var.output_directory}/${var.ami_name}-manifest.json"
    strip_path  = true
    custom_data = local.manifest
  }
}

locals {
  manifest = {
    arch                  = var.arch
    kubernetes_build_date = var.kubernetes_build_date
    kubernetes_version    = var.kubernetes_version
    os                    = var.os
    variants              = local.variants
  }
}
