# Machines without hardware.
power                    = "sandbox"
deploy_kernel            = "vmlinuz-dep"
deploy_initrd            = "a.gz,b.gz"
deploy_kernel_args       = "quiet"
block_device             = "/dev/nvme0n1"
deploy_part              = "1"
swap_part                = "2"
sleep_time_before_ping   = 0.3
timeout_reboot_classical = "20 + 15*log(n)"

sandbox {
  boot_delay = "50ms"
  disk_size  = "64MiB"
  in_process = true
  seed       = 42
  fault      = ["boot-fails:1@0.5", "disk-full:32MiB", "agent-crash:send_environment"]
}
