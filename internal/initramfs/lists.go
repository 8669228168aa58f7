package initramfs

// defaultModules are what a node may need to reach the server and to write its disk: virtual machines, network cards, disks and their
// controllers, file systems. A * at the end stands for all that begin so.
var defaultModules = []string{
	"virtio_pci", "virtio_blk", "virtio_net", "virtio_scsi", "virtio_mmio", "virtio_rng",
	"e1000", "e1000e", "igb", "igc", "ixgbe", "i40e", "ice", "mlx4_en", "mlx5_core", "tg3", "bnxt_en", "bnx2", "bnx2x", "r8169", "vmxnet3", "hv_netvsc", "ena", "af_packet",
	"nvme", "ahci", "ata_piix", "ata_generic", "sd_mod", "sr_mod", "megaraid_sas", "mpt3sas", "hpsa", "smartpqi", "aacraid", "vmw_pvscsi", "hv_storvsc",
	"ext4", "xfs", "btrfs", "vfat", "nls_ascii", "nls_cp437", "nls_iso8859_1", "nls_utf8", "isofs",
	"dm_mod", "dm_crypt", "raid0", "raid1", "md_mod", "loop", "squashfs", "overlay", "nfs", "nfsv3", "nfsv4",
	"crc32c_generic", "crc32c_intel",
}

// tool is a program of the building machine.
type tool struct {
	name     string
	pkg      string // of Debian
	required bool   // a deployment needs it
}

// defaultTools are what the agent, and the scripts of sites, use.
var defaultTools = []tool{
	{"fdisk", "fdisk", true}, {"sfdisk", "fdisk", true}, {"partx", "util-linux", true}, {"wipefs", "util-linux", true},
	{"blkid", "util-linux", true}, {"blockdev", "util-linux", true}, {"mkswap", "util-linux", true},
	{"mke2fs", "e2fsprogs", true}, {"mkfs.ext2", "e2fsprogs", true}, {"mkfs.ext3", "e2fsprogs", true}, {"mkfs.ext4", "e2fsprogs", true},
	{"tune2fs", "e2fsprogs", true}, {"e2fsck", "e2fsprogs", true}, {"resize2fs", "e2fsprogs", false},
	{"mkfs.xfs", "xfsprogs", false}, {"mkfs.btrfs", "btrfs-progs", false}, {"mkfs.vfat", "dosfstools", false},
	{"parted", "parted", false}, {"kexec", "kexec-tools", false}, {"lvm", "lvm2", false}, {"dmsetup", "dmsetup", false}, {"mdadm", "mdadm", false},
	{"xz", "xz-utils", false}, {"bzip2", "bzip2", false}, {"zstd", "zstd", false},
}

// shell is the program that is many others.
var shell = tool{"busybox", "busybox-static", false}

// notApplets are programs of busybox that are not what they seem beside our init.
var notApplets = []string{"init", "linuxrc", "modprobe", "insmod", "rmmod", "depmod", "busybox"}

// loaderLibrary is opened by the C library when a thread ends, and named by no program.
const loaderLibrary = "libgcc_s.so.1"
