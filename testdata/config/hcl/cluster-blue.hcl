deploy_kernel           = "vmlinuz-dep"
deploy_initrd           = "initrd-dep.gz console=ttyS0,115200 rw"
block_device            = "/dev/sda"
prod_part               = "2"
deploy_part             = "3"
tmp_part                = "5"
swap_part               = "none"
timeout_reboot          = 240
cmd_soft_reboot         = "ssh -o BatchMode=yes root@HOSTNAME_FQDN reboot"
drivers                 = ["e1000", "ahci", "nvme"]
partition_creation_kind = "fdisk"
chain_ring              = "128MiB"
chain_slow_disk         = "5s"
admin_post_install = [
  "fixes.tgz|tgz|go.sh /rambin",
  "http://img.lab/keys.tbz2|tbz2|none",
]
retries = {
  format_deploy_part = 1
  mount_deploy_part  = 2
}

command "reboot_hard" {
  argv  = ["ipmi-cycle", "HOSTNAME_SHORT"]
  group = "pdu.groups"
}
command "reboot_very_hard" {
  argv = ["sh", "-c", "pdu-cycle HOSTNAME_SHORT | logger"]
}
command "console" {
  argv = ["conman", "HOSTNAME_SHORT"]
}

macrostep "SetDeploymentEnv" {
  instance "Prod" {
    timeout = 120
  }
  instance "Untrusted" {
    tries   = 2
    timeout = "400s"
  }
}
macrostep "BroadcastEnv" {
  instance "Chain" {
    tries   = 2
    timeout = 500
  }
}
macrostep "BootNewEnv" {
  instance "Kexec" {
    timeout = "2m30s"
  }
  instance "HardReboot" {
    timeout = 350
  }
}
