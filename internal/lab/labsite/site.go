// Package labsite writes the configuration of a kadeploy server for the machines of a lab.
package labsite

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kadeploy/kadeploy/internal/lab"
)

// Config says what a site is like.
type Config struct {
	Lab    *lab.Lab
	Dir    string            // where it is written; made
	Boot   string            // directory with the deployment system as `kadeploy-server mkenv` leaves it
	Loader string            // pxe_kind; "": ipxe
	Power  string            // power; "": ipmi; with command, a script of the site calls ipmitool
	Daemon map[string]string // further keys of the daemon, or other values
	Nodes  map[string]string // further keys of all nodes, or other values
}

// Write writes the configuration. Every file that the daemon writes goes below Dir/var, and TFTP and HTTP serve Dir/tftp.
func Write(c Config) error {
	kernels := filepath.Join(c.Dir, "tftp/kernels")
	if err := os.MkdirAll(kernels, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"vmlinuz-kadeploy", "initrd-kadeploy"} {
		if err := copyFile(filepath.Join(c.Boot, name), filepath.Join(kernels, name)); err != nil {
			return err
		}
	}
	daemon := map[string]string{
		"kadeploy_server": lab.Server.String(), "kadeploy_server_port": "25300", "agents_listen": lab.Server.String() + ":25301",
		"tftp_listen": lab.Server.String() + ":69", "http_listen": lab.Server.String() + ":80", "tftp_repository": "tftp", "image_roots": filepath.Join(c.Dir, "images"),
		"broadcast_grace": "10", "probe_interval": "0.5", "ssh_port": "22",
	}
	maps.Copy(daemon, c.Daemon)
	nodes := map[string]string{
		"power": cmp.Or(c.Power, "ipmi"), "pxe_kind": cmp.Or(c.Loader, "ipxe"),
		"deploy_kernel": "vmlinuz-kadeploy", "deploy_initrd": "initrd-kadeploy console=ttyS0,115200 quiet", "block_device": "/dev/vda", "deploy_part": "1",
		"partition_file": "partitions", "kernel_params": "console=ttyS0,115200 quiet",
		"timeout_reboot": "300", "sleep_time_before_ping": "2", // ten times a boot without KVM, for a machine that has more to do
		"macrostep": "SetDeploymentEnv|SetDeploymentEnvUntrusted:2:400\nBroadcastEnv|BroadcastEnvChain:2:300\nBootNewEnv|BootNewEnvClassical:1:400,BootNewEnvHardReboot:1:400",
	}
	if c.Power != "command" {
		maps.Copy(nodes, map[string]string{"bmc_credentials": "bmc.credentials", "ipmi_cipher": "3", "redfish_ca": c.Lab.RedfishCA()})
	} else {
		for _, level := range []string{"soft", "hard", "very_hard"} {
			nodes["cmd_"+level+"_reboot"] = filepath.Join(c.Dir, "power") + " HOSTNAME_SHORT " + level
		}
	}
	maps.Copy(nodes, c.Nodes)
	return errors.Join(
		put(c.Dir, "deploy.conf", lines(daemon), 0o644),
		put(c.Dir, "cluster-lab.conf", lines(nodes), 0o644),
		put(c.Dir, "nodes.conf", table(c.Lab.Machines, c.Power != "command"), 0o644),
		put(c.Dir, "partitions", partitions, 0o644),
		put(c.Dir, "bmc.credentials", fmt.Sprintf("* %s %s\n", lab.BMCUser, lab.BMCPassword), 0o600),
		put(c.Dir, "power", script(c.Lab.Machines), 0o755),
		os.MkdirAll(filepath.Join(c.Dir, "images"), 0o755),
	)
}

// DHCP is what a site's DHCP server tells machines that the server boots by the loader ("": ipxe).
func DHCP(loader string) lab.DHCP {
	switch loader {
	case "pxelinux":
		return lab.DHCP{BIOS: "pxelinux.0", IPXE: "pxelinux.0"} // a BIOS machine's card is iPXE
	case "grub":
		return lab.DHCP{BIOS: "grub.pxe", UEFI: "grubx64.efi", IPXE: "grub.pxe"}
	}
	return lab.DHCP{BIOS: "undionly.kpxe", UEFI: "snponly.efi", IPXE: "http://" + lab.Server.String() + "/boot.ipxe"}
}

// partitions is fdisk's input: one partition to deploy, one to leave alone.
const partitions = "o\nn\np\n1\n\n+1G\nt\nPARTTYPE\nn\np\n2\n\n+512M\nw\n"

// lines writes KEY = VALUE lines, a line for each line of a value.
func lines(keys map[string]string) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		for value := range strings.SplitSeq(keys[key], "\n") {
			fmt.Fprintf(&b, "%s = %s\n", key, value)
		}
	}
	return b.String()
}

func table(machines []*lab.Machine, controlled bool) string {
	var b strings.Builder
	for _, m := range machines {
		fmt.Fprintf(&b, "%s %s lab mac=%s uuid=%s firmware=%s block_device=%s", m.Name, m.Addr, m.MAC, m.UUID, m.Firmware, m.Device())
		if controlled {
			fmt.Fprintf(&b, " bmc_address=%s", m.BMC)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// script is what sites have in place of a driver: it resets a machine that is on, and switches one on that is not.
func script(machines []*lab.Machine) string {
	var b strings.Builder
	b.WriteString("#!/bin/sh\ncase $1 in\n")
	for _, m := range machines {
		fmt.Fprintf(&b, "%s) bmc=%s;;\n", m.Name, m.BMC)
	}
	fmt.Fprintf(&b, `esac
bmc() { ipmitool -I lanplus -C 3 -H $bmc -U %s -P %s chassis power "$1"; }
case $(bmc status) in *on) bmc reset;; *) bmc on;; esac
`, lab.BMCUser, lab.BMCPassword)
	return b.String()
}

// Environment describes an image for `kadeploy deploy -a`: a file of the site's images directory, of the given kind (tzst, ddzst).
type Environment struct {
	Name  string
	Image string // path of the image, which is copied into the site
	Kind  string
	Keys  map[string]string // further fields, or other values
}

// AddEnvironment puts an image into the site and returns the path of its description.
func AddEnvironment(dir string, e Environment) (string, error) {
	image := filepath.Join(dir, "images", e.Name+"-"+filepath.Base(e.Image))
	if err := copyFile(e.Image, image); err != nil {
		return "", err
	}
	fields := map[string]string{
		"name": e.Name, "version": "1", "tarball": image + "|" + e.Kind, "environment_kind": "linux", "visibility": "shared",
		"kernel": "/vmlinuz", "initrd": "/initrd.img", "filesystem": "ext4", "fdisktype": "83", "kernel_params": "console=ttyS0,115200 quiet id=" + e.Name,
	}
	maps.Copy(fields, e.Keys)
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if fields[key] != "" {
			fmt.Fprintf(&b, "%s : %s\n", key, fields[key])
		}
	}
	path := filepath.Join(dir, e.Name+".env")
	return path, put(dir, e.Name+".env", b.String(), 0o644)
}

// copyFile copies. A link would be a second name of a file in the cache: the server takes an image whose names change for one that changes.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func put(dir, name, text string, mode os.FileMode) error {
	return os.WriteFile(filepath.Join(dir, name), []byte(text), mode)
}
