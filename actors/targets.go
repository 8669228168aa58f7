package actors

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/blockdev"
)

var partition = regexp.MustCompile(`^[1-9][0-9]{0,2}$`)

// targets are the nodes of a request with the disk and the partition that it is about: the site's, unless it names others
// (Kadeploy3 -b and -p).
func targets(s *config.Snapshot, r *message.Submit) ([]*config.Node, error) {
	nodes, err := nodesOf(s, r.GetNodes())
	device, part := r.GetBlockDevice(), r.GetPartition()
	if err != nil || device == "" && part == "" {
		return nodes, err
	}
	if r.GetOperation() != message.Operation_DEPLOY && r.GetRebootKind() != recordedEnv {
		return nil, errors.New("a disk or a partition is named, and nothing is deployed there")
	}
	if part != "" && !partition.MatchString(part) {
		return nil, fmt.Errorf("partition %.20q: want its number, such as 3", part)
	}
	if device != "" {
		if err := blockdev.Check(device); err != nil {
			return nil, fmt.Errorf("block device: %w", err)
		}
	}
	for i, n := range nodes {
		own := *n // snapshots are never changed
		if device != "" {
			own.BlockDevice, own.DeployPart = device, ""
		}
		if part != "" {
			own.DeployPart = part
		}
		nodes[i] = &own
	}
	return nodes, nil
}

// wholeDevice says whether the image goes to a disk, not to one of its partitions.
func (j *job) wholeDevice() bool {
	return j.request.GetBlockDevice() != "" && j.request.GetPartition() == ""
}
