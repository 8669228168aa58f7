package actors

import (
	"fmt"
	"strings"

	"github.com/kadeploy/kadeploy/config"
)

// partitionScript is what the agent makes the table of: the file as it is now, or the layout that the configuration in force was read with.
func partitionScript(n *config.Node) ([]byte, error) {
	if n.Layout != nil {
		return n.Layout.Encode()
	}
	return readBounded(n.PartitionFile, maxScript)
}

// partNumber is a part of the disk for who wants a number; an array or a volume has none.
func partNumber(part string) string {
	if strings.HasPrefix(part, "/") {
		return ""
	}
	return part
}

// checkVolumes refuses what could not find the array or the volume that it is deployed to: the deployment system, which starts none that is there
// already, and a kernel without an initrd.
func (j *job) checkVolumes() error {
	for _, host := range j.order {
		n := j.nodes[host].node
		switch {
		case partNumber(n.DeployPart) == n.DeployPart:
		case j.request.GetNoPartitioning():
			return fmt.Errorf("node %s: %s is there only after its layout was made: leave --no-partitioning out", n.Name, n.DeployPart)
		case j.env.Kernel != "" && j.env.Initrd == "":
			return fmt.Errorf("node %s: environment %s has no initrd, and no kernel finds %s without one", n.Name, j.env.Name, n.DeployPart)
		}
	}
	return nil
}
