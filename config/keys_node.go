package config

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/kadeploy/kadeploy/internal/blockdev"
	"github.com/kadeploy/kadeploy/internal/disklayout"
)

// nodeKeys are the parameters that a cluster or one node may redefine.
func nodeKeys() []*key {
	return []*key{
		{name: "mac", scope: nodeScope, doc: "hardware address of the node"},
		{name: "deploy_kernel", scope: clusterScope, required: true, set: setDeployKernel,
			doc: "kernel of the deployment system, a file below tftp_images_path"},
		{name: "deploy_initrd", scope: clusterScope, required: true, set: setDeployInitrd,
			doc: "initrd of the deployment system, a file below tftp_images_path (several with commas), then kernel arguments"},
		{name: "deploy_kernel_args", scope: clusterScope, initial: one(""), set: setDeployArgs,
			doc: "kernel arguments of the deployment system, after those of deploy_initrd"},
		{name: "block_device", scope: clusterScope, required: true, set: setDevice,
			doc: "disk of the node: /dev/sda, /dev/disk/by-id/NAME, /dev/disk/by-path/NAME, or what it is like: serial=TEXT, model=TEXT, size>=100G"},
		{name: "deploy_part", scope: clusterScope, initial: one("none"), set: setPart(func(t *target) *string { return &t.settings.DeployPart }),
			doc: "partition that is deployed: 3; required unless a layout says it"},
		{name: "prod_part", scope: clusterScope, initial: one("none"), set: setPart(func(t *target) *string { return &t.settings.ProdPart }),
			doc: "partition of the production system, or none"},
		{name: "tmp_part", scope: clusterScope, initial: one("none"), set: setPart(func(t *target) *string { return &t.settings.TmpPart }),
			doc: "scratch partition, or none"},
		{name: "swap_part", scope: clusterScope, initial: one("none"), set: setPart(func(t *target) *string { return &t.settings.SwapPart }),
			doc: "swap partition, or none"},
		{name: "partition_creation_kind", scope: clusterScope, initial: one("fdisk"),
			set: setChoice(func(t *target) *string { return &t.settings.PartitionKind }, "fdisk", "parted", "sfdisk", disklayout.Kind),
			doc: "what partition_file holds: fdisk input, a parted script, an sfdisk script or a layout (docs/disks.md)"},
		{name: "partition_file", scope: clusterScope, fallback: partitionFileBeside, set: setOptionalFile(func(t *target) *string { return &t.settings.PartitionFile }),
			doc: "file with the partition table; default partition_file_CLUSTER in the configuration directory when there is one"},
		{name: "supported_fs", scope: clusterScope, form: list, initial: one("ext2,ext3,ext4,vfat"),
			set: setNames(func(t *target, name string) { t.settings.SupportedFS = append(t.settings.SupportedFS, name) }),
			doc: "file systems that the deployment system can make and mount, separated by commas"},
		{name: "mkfs_options", scope: clusterScope, form: namedList, joint: "@", initial: one(""), set: setMkfsOptions,
			doc: "options of mkfs by file system: ext4@-O ^metadata_csum|ext2@-m 0"},
		{name: "drivers", scope: clusterScope, form: list, appends: true,
			set: setNames(func(t *target, name string) { t.settings.Drivers = append(t.settings.Drivers, name) }),
			doc: "kernel modules that the deployment system loads before all others, in this order, separated by commas"},
		{name: "kernel_params", scope: clusterScope, initial: one(""), set: setText(func(t *target) *string { return &t.settings.KernelParams }),
			doc: "kernel arguments of the deployed system"},
		{name: "bootloader", scope: clusterScope, initial: one("pure_pxe"),
			set: setChoice(func(t *target) *string { return &t.settings.Bootloader }, "pure_pxe", "chainload_pxe"),
			doc: "how the deployed system boots: pure_pxe (its kernel over the network) or chainload_pxe (from its partition)"},
		{name: "bootloader_script", scope: clusterScope, initial: one(""), set: setOptionalFile(func(t *target) *string { return &t.settings.BootloaderScript }),
			doc: "program that installs the boot loader of chainload_pxe, run in the deployment system with the KADEPLOY variables; none by default: GRUB is installed"},
		{name: "admin_pre_install", scope: clusterScope, form: list, initial: one("no_pre_install"), set: setPreInstall,
			doc: "archives unpacked and run before the image: FILE|KIND|SCRIPT, separated by commas"},
		{name: "admin_post_install", scope: clusterScope, form: list, initial: one("no_post_install"), set: setPostInstall,
			doc: "archives unpacked and run after the image: FILE|KIND|SCRIPT, separated by commas"},
		{name: "timeout_reboot_classical", aliases: []string{"timeout_reboot"}, scope: clusterScope, form: number, initial: one("120"),
			set: setTimeout(func(t *target) *time.Duration { return &t.settings.TimeoutReboot }),
			doc: "time for a node to come back from a reboot, in seconds; an expression of n is computed for n = 1, for nodes move alone here"},
		{name: "timeout_reboot_kexec", scope: clusterScope, form: number, initial: one("60"),
			set: setTimeout(func(t *target) *time.Duration { return &t.settings.TimeoutRebootKexec }),
			doc: "time for a node to come back from a kexec, as above"},
		{name: "sleep_time_before_ping", scope: clusterScope, form: number, initial: one("20"),
			set: setSeconds(func(t *target) *time.Duration { return &t.settings.FirstProbe }),
			doc: "time before a rebooted node is probed first, in seconds"},
		{name: "ssh_port", scope: clusterScope, form: number, initial: one("22"), set: setPort(func(t *target) *int { return &t.settings.SSHPort }),
			doc: "port that a booted node has open"},
		{name: "test_deploy_env_port", scope: clusterScope, form: number, initial: one("25300"), set: setPort(func(t *target) *int { return &t.settings.MarkerPort }),
			doc: "port that only the deployment system has open"},
		{name: "chain_port", scope: clusterScope, form: number, initial: one("25303"), set: setPort(func(t *target) *int { return &t.settings.ChainPort }),
			doc: "port of the nodes for the broadcast"},
		{name: "environment_extraction_dir", scope: clusterScope, initial: one("/mnt/dest"), set: setNodePath(func(t *target) *string { return &t.settings.ExtractionDir }),
			doc: "where the deployed partition is mounted on the node"},
		{name: "rambin_path", aliases: []string{"rambin_dir"}, scope: clusterScope, initial: one("/rambin"), set: setNodePath(func(t *target) *string { return &t.settings.RambinDir }),
			doc: "where pre- and postinstalls are unpacked on the node"},
		{name: "macrostep", scope: clusterScope, appends: true, overlays: true, initial: defaultMacrosteps(), set: setMacrostep,
			doc: "ways to do a macro-step, in order: MACRO|INSTANCE:TRIES:SECONDS,..."},
		{name: "retries", scope: clusterScope, form: namedList, joint: ":", initial: one(""), set: setStepRetries,
			doc: "extra tries in place of single micro-steps: format_deploy_part:1,mount_deploy_part:2"},
	}
}

// setDeployKernel stores a path below tftp_images_path.
func setDeployKernel(t *target, v value) error {
	t.settings.DeployKernel = v.text
	return bootFile(v.text)
}

// setDeployInitrd splits what 2009 wrote as one: the initrd, then kernel arguments.
func setDeployInitrd(t *target, v value) error {
	files, args, _ := strings.Cut(v.text, " ")
	t.settings.DeployInitrd, t.settings.DeployKernelArgs = nil, strings.TrimSpace(args)
	for _, file := range (value{text: files}).list(",") {
		if err := bootFile(file.text); err != nil {
			return file.at(err)
		}
		t.settings.DeployInitrd = append(t.settings.DeployInitrd, file.text)
	}
	if len(t.settings.DeployInitrd) == 0 {
		return errors.New("a file name is missing")
	}
	return singleLine(v.text)
}

func bootFile(name string) error {
	switch {
	case name == "":
		return errors.New("a file name is missing")
	case strings.Contains(name, "://"):
		return faultf(0, "%s: a URL cannot be fetched by this version: put the file below tftp_images_path", name)
	case !filepath.IsLocal(name) || strings.ContainsAny(name, " \t"):
		return faultf(0, "%q is not a file below tftp_images_path", name)
	}
	return singleLine(name)
}

func setDeployArgs(t *target, v value) error {
	t.settings.DeployKernelArgs = strings.TrimSpace(t.settings.DeployKernelArgs + " " + v.text)
	return singleLine(v.text)
}

var (
	device = regexp.MustCompile(`^[A-Za-z0-9_.:+/>= -]+$`) // goes into scripts' variables
	part   = regexp.MustCompile(`^(p|-part)?[1-9][0-9]{0,2}$`)
)

func setDevice(t *target, v value) error {
	t.settings.BlockDevice = v.text
	if blockdev.Check(v.text) != nil || !device.MatchString(v.text) {
		return &fault{msg: "not a device: " + v.text, hint: "write /dev/sda, /dev/disk/by-id/NAME, serial=TEXT, model=TEXT or size>=100G"}
	}
	return nil
}

// setPart stores the suffix of a partition; "none" is no partition.
func setPart(field func(*target) *string) setter {
	return func(t *target, v value) error {
		*field(t) = v.text
		switch {
		case v.text == "none":
			*field(t) = ""
		case !part.MatchString(v.text):
			return &fault{msg: "not a partition: " + v.text, hint: "write its number, such as 3"}
		}
		return nil
	}
}

func partitionFileBeside(t *target) string {
	path := filepath.Join(t.dir, "partition_file_"+t.cluster)
	if _, err := os.Lstat(path); t.cluster == "" || err != nil {
		return ""
	}
	return path
}

// setMkfsOptions reads FS@OPTIONS|FS@OPTIONS.
func setMkfsOptions(t *target, v value) error {
	t.settings.MkfsOptions = map[string]string{}
	for _, item := range v.list("|") {
		fs, options, found := strings.Cut(item.text, "@")
		if !found || fs == "" {
			return item.at(faultf(0, "%q is not FILESYSTEM@OPTIONS", item.text))
		}
		t.settings.MkfsOptions[strings.TrimSpace(fs)] = strings.TrimSpace(options)
		if err := singleLine(item.text); err != nil {
			return item.at(err)
		}
	}
	return nil
}
