# The site of ../classic in HCL.
kadeploy_server        = "localhost"
kadeploy_server_port   = 25310
agents_listen          = "127.0.0.1:25311"
tftp_listen            = "127.0.0.1:25369"
kadeploy_cache_size    = 200
reboot_window          = 4
reboot_command_timeout = 2.5
probe_interval         = "300ms"
chain_rate             = 100
chain_rate_total       = "1GB"
chain_stall            = 1.5
minnodes               = "75%"
almighty_env_users     = ["root", "operator"]
max_preinstall_size    = 20
max_postinstall_size   = "1MiB"
image_roots            = ["/srv/images", "/grid/images/"]
upload_dir             = "/srv/uploads"
upload_max             = "100GiB"
upload_max_user        = 2048

# Defaults of every cluster.
mkfs_options = {
  ext3 = "-m 0"
  ext4 = "-O ^metadata_csum"
}
bootloader    = "pure_pxe"
ssh_port      = 22
kernel_params = ""
