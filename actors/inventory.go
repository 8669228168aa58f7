package actors

import (
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/workflow"
)

// inventoryTimeout bounds the look at a node's disks, which waits up to 10 s for one that is missing.
const inventoryTimeout = 30 * time.Second

// inventory asks a node that has just booted the deployment system for its disks, before anything is written. An agent that cannot say
// costs the node nothing: the orders that follow find out by themselves. A disk that is to be written and is not there is the end of the
// node: no second try would find it.
func (w *walker) inventory(ctx context.Context) error {
	session, err := agentFor(ctx, w.system, w.host, present)
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, inventoryTimeout)
	defer cancel()
	result, err := give(ctx, session, &agentpb.Order{Step: "inventory", Kind: &agentpb.Order_Inventory{Inventory: &agentpb.Inventory{Device: w.diskToFind()}}})
	if err != nil {
		return nil
	}
	w.system.Root.Send(local(w.system, deploymentsName), disksSeen{foundDisks(w.host, result.GetDisks(), time.Now())})
	if missing := result.GetMissing(); missing != "" {
		return &fatalError{fmt.Errorf("block_device %s; nothing was written", missing)}
	}
	return nil
}

// scripts are the steps in which a site or a user does what he likes.
var scripts = []workflow.Micro{workflow.ManageAdminPre, workflow.CustomPre, workflow.CustomSub, workflow.CustomPost}

// diskToFind is the disk that must be there; "" when nothing of it is written, or scripts may make it first.
func (w *walker) diskToFind() string {
	if !w.job.deploys() || slices.ContainsFunc(scripts, w.target.plan.Has) {
		return ""
	}
	return w.target.node.BlockDevice
}

// maxDisks bounds what is kept of the disks of one node, in bytes: a disk with four partitions has some 300.
const maxDisks = 32 << 10

// foundDisks is what an agent says of its disks, as many of them as are kept.
func foundDisks(node string, disks []*agentpb.Disk, now time.Time) *message.NodeDisks {
	n := &message.NodeDisks{Node: node, Seen: timestamppb.New(now)}
	size := 0
	for _, d := range disks {
		m := &message.Disk{
			Device: d.GetDevice(), Model: d.GetModel(), Serial: d.GetSerial(), Wwid: d.GetWwid(), Path: d.GetPath(), Size: d.GetSize(),
			Content: foundContent(d.GetContent()), InUse: d.GetInUse(),
		}
		for _, p := range d.GetPartitions() {
			m.Partitions = append(m.Partitions, &message.DiskPartition{
				Number: p.GetNumber(), Start: p.GetStart(), Size: p.GetSize(), Content: foundContent(p.GetContent()), Mounted: p.GetMounted()})
		}
		if size += proto.Size(m); size > maxDisks {
			break
		}
		n.Disks = append(n.Disks, m)
	}
	return n
}

func foundContent(c *agentpb.Content) *message.DiskContent {
	if c == nil {
		return nil
	}
	return &message.DiskContent{Filesystem: c.GetFilesystem(), Label: c.GetLabel(), Uuid: c.GetUuid()}
}
