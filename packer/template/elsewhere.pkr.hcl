# SPDX-License-Identifier: Apache-2.0
# Builders outside EC2: a machine that runs already, and one of x86_64 in QEMU that starts from a disk image with cloud-init.

source "null" "node" {
  communicator         = "ssh"
  ssh_host             = var.ssh_host
  ssh_port             = var.ssh_port
  ssh_private_key_file = var.ssh_private_key_file
  ssh_username         = var.ssh_username == "" ? "root" : var.ssh_username
}

source "qemu" "node" {
  disk_image       = true
  iso_url          = var.qemu_image
  iso_checksum     = var.qemu_image_checksum
  disk_size        = "${var.launch_block_device_mappings_volume_size}G"
  format           = "qcow2"
  output_directory = "${var.output_directory}/${var.ami_name}"
  vm_name          = "${var.ami_name}.qcow2"

  qemu_binary    = "qemu-system-x86_64"
  machine_type   = "q35"
  cpus           = 2
  memory         = 2048
  headless       = true
  http_directory = var.qemu_seed_directory
  qemuargs = [
    ["-smbios", "type=1,serial=ds=nocloud-net;s=http://{{ .HTTPIP }}:{{ .HTTPPort }}/"],
  ]

  ssh_private_key_file = var.ssh_private_key_file
  ssh_username         = var.ssh_username == "" ? "root" : var.ssh_username
  ssh_timeout          = "20m"
  shutdown_command     = "if [ \"$(id -u)\" -eq 0 ]; then systemctl poweroff; else sudo systemctl poweroff; fi"
}
