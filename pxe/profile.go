package pxe

import (
	"fmt"
	"strings"
)

// Kind is what a profile makes the firmware do.
type Kind int

// The kinds of a profile.
const (
	Kernel    Kind = iota // boots a kernel fetched over the network
	Xen                   // boots a hypervisor (by mboot.c32) and its first kernel, over the network
	LocalBoot             // leaves to the firmware's next device (LOCALBOOT)
	Chainload             // starts the boot sector of a disk or partition (chain.c32)
)

// Limits of what Render accepts and Parse reads. A kernel for x86 keeps 2047 bytes of its command line and drops the
// rest without a word, which is where the server's token would be.
const (
	maxArgs    = 2047
	maxHeader  = 4 << 10
	maxName    = 255
	maxInitrds = 16
	maxProfile = 64 << 10
)

// Label is the label that profiles boot; Kadeploy's since 2009.
const Label = "bootlabel"

// Profile is one node's boot profile. The zero value is not valid: a Kernel profile needs a kernel.
type Profile struct {
	Header string // lines of the site put first: "PROMPT 1\nSERIAL 0 38400"; they cannot say what is booted
	Kind   Kind

	Kernel  string   // Kernel and Xen: path below the TFTP root
	Initrds []string // loaded in order; at most one for Xen
	Args    string   // command line of the kernel, without initrd=

	Hypervisor     string // Xen: path below the TFTP root
	HypervisorArgs string

	Drive     int // LocalBoot: PXELINUX's type: 0 the usual, -1 the next boot device, 128 the first disk
	Disk      int // Chainload: number of the disk, from 0
	Partition int // Chainload: number of the partition, from 1; 0 for the disk's own boot sector
}

// Deployment boots the deployment system; args go to its kernel as they are (kadeploy.server=, kadeploy.pin=, kadeploy.node=,
// kadeploy.token=).
func Deployment(kernel string, initrds []string, args string) Profile {
	return Profile{Kind: Kernel, Kernel: kernel, Initrds: initrds, Args: args}
}

// Deployed boots a system installed on the partition root (/dev/sda3), unless the params name another root, with its own kernel
// over the network, the pure_pxe way. The initrd may be "".
func Deployed(kernel, initrd, root, params string) Profile {
	if !strings.Contains(" "+params, " root=") {
		params = "root=" + root + " " + params
	}
	p := Profile{Kind: Kernel, Kernel: kernel, Args: strings.TrimSpace(params)}
	if initrd != "" {
		p.Initrds = []string{initrd}
	}
	return p
}

// FromDisk boots what the firmware finds on the node's own disk.
func FromDisk() Profile { return Profile{Kind: LocalBoot} }

// FromPartition starts the boot sector of a partition, numbered from 1, of the disk that the firmware numbers so from 0.
func FromPartition(disk, partition int) Profile {
	return Profile{Kind: Chainload, Disk: disk, Partition: partition}
}

// Render writes the profile in PXELINUX's language, or says which value cannot be said in it.
func (p Profile) Render() (string, error) {
	if err := p.check(); err != nil {
		return "", err
	}
	var b strings.Builder
	if h := strings.Trim(p.Header, "\n"); h != "" {
		b.WriteString(h + "\n")
	}
	fmt.Fprintf(&b, "DEFAULT %s\nLABEL %s\n", Label, Label)
	switch p.Kind {
	case Kernel:
		fmt.Fprintf(&b, "KERNEL %s\n", p.Kernel)
		if line := p.commandLine(); line != "" {
			fmt.Fprintf(&b, "APPEND %s\n", line)
		}
	case Xen:
		line := p.Hypervisor + args(p.HypervisorArgs) + " --- " + p.Kernel + args(p.Args)
		if len(p.Initrds) > 0 {
			line += " --- " + p.Initrds[0]
		}
		fmt.Fprintf(&b, "KERNEL mboot.c32\nAPPEND %s\n", line)
	case LocalBoot:
		fmt.Fprintf(&b, "LOCALBOOT %d\n", p.Drive)
	case Chainload:
		fmt.Fprintf(&b, "COM32 chain.c32\nAPPEND hd%d", p.Disk)
		if p.Partition > 0 {
			fmt.Fprintf(&b, " %d", p.Partition)
		}
		b.WriteString("\n")
	}
	return b.String(), nil
}

// commandLine is what the loader hands to the kernel; PXELINUX takes the initrds out of it and leaves them in.
func (p Profile) commandLine() string {
	line := strings.TrimSpace(p.Args)
	if len(p.Initrds) > 0 {
		line = strings.TrimSpace("initrd=" + strings.Join(p.Initrds, ",") + " " + line)
	}
	return line
}

func args(s string) string {
	if s = strings.TrimSpace(s); s != "" {
		return " " + s
	}
	return ""
}
