package actors

import (
	"fmt"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/blockdev"
	"github.com/kadeploy/kadeploy/pxe"
)

// bootSector is the profile that starts the boot sector of the deployed partition. Firmware numbers disks in an order of its own: the one of
// the kernel's names is taken for it, as Kadeploy3 does.
func bootSector(n *config.Node) (pxe.Profile, error) {
	partition := blockdev.Number(n.DeployPart)
	if partition == 0 {
		return pxe.Profile{}, fmt.Errorf("%s is no partition, and has no boot sector that firmware knows", n.DeployDevice())
	}
	disk, known := blockdev.Ordinal(n.BlockDevice)
	if !known {
		return pxe.Profile{}, fmt.Errorf("which number the firmware gives to %s is not known: write block_device as /dev/sda", n.BlockDevice)
	}
	return pxe.FromPartition(disk, partition), nil
}

// checkBootSectors refuses an image that only the boot sector of its partition could start, where the node's firmware or loader cannot start
// that. url is what nodes call the HTTP server.
func (j *job) checkBootSectors(url string) error {
	if j.env == nil {
		return nil
	}
	for _, host := range j.order {
		if !j.startsPartition(host) {
			continue
		}
		n := j.nodes[host].node
		p, err := bootSector(n)
		if err == nil {
			_, err = loaderOf(n, url).Render(p)
		}
		if err != nil {
			return fmt.Errorf("node %s: the image has no file system of supported_fs to mount and install a boot loader from, so the boot sector of %s must start it: %w",
				host, n.DeployDevice(), err)
		}
	}
	return nil
}

// startsPartition says whether the boot sector of the deployed partition is what starts a node's new system.
func (j *job) startsPartition(host string) bool { return j.facts(j.nodes[host].node).StartsPartition() }
