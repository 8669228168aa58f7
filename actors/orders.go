package actors

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/workflow"
)

// orderError is an agent's report of an order that failed.
type orderError struct{ text, log string }

func (e *orderError) Error() string { return e.text }

// order does a micro-step that the node's agent carries out: one order, or one for each archive.
func (w *walker) order(ctx context.Context, micro workflow.Micro) error {
	session, err := agentFor(ctx, w.system, w.host, present)
	if err != nil {
		return err
	}
	orders, err := w.orders(session, micro)
	if err != nil {
		return err
	}
	for _, o := range orders {
		o.Step = string(micro)
		result, err := give(ctx, session, o)
		if err != nil {
			return err
		}
		if err := w.rooted(result.GetRoot()); err != nil {
			return err
		}
	}
	return nil
}

// give has an order done.
func give(ctx context.Context, session *agentlink.Session, o *agentpb.Order) (*agentpb.Result, error) {
	result, err := session.Do(ctx, o, nil)
	if err != nil {
		return nil, err
	}
	if !result.GetOk() {
		return nil, &orderError{result.GetError(), result.GetLogTail()}
	}
	return result, nil
}

// kernelsName is what a kernel takes as root=. The agent's word goes onto the command line of one.
var kernelsName = regexp.MustCompile(`^((PART)?UUID=[0-9A-Fa-f-]{1,64}|/dev/[0-9A-Za-z_/-]{1,128})$`)

// rooted takes what the agent says that a kernel calls the deployed partition; "" when the order was about none.
func (w *walker) rooted(root string) error {
	if root == "" || root == w.root || w.root == "" && root == w.target.node.DeployDevice() {
		return nil
	}
	if !kernelsName.MatchString(root) {
		return fmt.Errorf("the agent says that a kernel calls the deployed partition %.60q, which none does", root)
	}
	w.root = root
	w.tell(nodeRoot{w.incarnation, root})
	return nil
}

// orders says which orders a micro-step is (Kadeploy3 1.5).
func (w *walker) orders(session *agentlink.Session, micro workflow.Micro) ([]*agentpb.Order, error) {
	n, env := w.target.node, w.job.env
	switch micro {
	case workflow.CreatePartitionTable:
		return w.partition()
	case workflow.FormatDeployPart:
		return one(&agentpb.Order{Kind: &agentpb.Order_Format{Format: &agentpb.Format{
			Device: n.DeployDevice(), Filesystem: env.Filesystem, Options: n.MkfsOptions[env.Filesystem]}}})
	case workflow.FormatTmpPart:
		return one(&agentpb.Order{Kind: &agentpb.Order_Format{Format: &agentpb.Format{
			Device: n.TmpDevice(), Filesystem: w.job.tmpFS, Options: n.MkfsOptions[w.job.tmpFS]}}})
	case workflow.FormatSwapPart:
		return one(&agentpb.Order{Kind: &agentpb.Order_Swap{Swap: &agentpb.Swap{Device: n.SwapDevice()}}})
	case workflow.MountDeployPart:
		return one(&agentpb.Order{Kind: &agentpb.Order_Mount{Mount: &agentpb.Mount{
			Device: n.DeployDevice(), Dir: n.ExtractionDir, Filesystem: env.Filesystem}}})
	case workflow.UmountDeployPart:
		return one(&agentpb.Order{Kind: &agentpb.Order_Umount{Umount: &agentpb.Umount{Dir: n.ExtractionDir}}})
	case workflow.SendKeyInDeployEnv:
		return one(&agentpb.Order{Kind: &agentpb.Order_InstallKey{InstallKey: &agentpb.InstallKey{Keys: w.job.key, Root: "/"}}})
	case workflow.SendKey:
		return one(&agentpb.Order{Kind: &agentpb.Order_InstallKey{InstallKey: &agentpb.InstallKey{Keys: w.job.key, Root: n.ExtractionDir}}})
	case workflow.CheckKernelFiles:
		return one(&agentpb.Order{Kind: &agentpb.Order_CheckFiles{CheckFiles: &agentpb.CheckFiles{
			Root: n.ExtractionDir, Paths: nonEmpty(env.Kernel, env.Initrd, env.Hypervisor)}}})
	case workflow.Sync:
		return one(&agentpb.Order{Kind: &agentpb.Order_Sync{Sync: &agentpb.Sync{}}})
	case workflow.Kexec:
		return one(&agentpb.Order{Kind: &agentpb.Order_Kexec{Kexec: &agentpb.Kexec{Kernel: w.job.kernel(w.target)}}})
	case workflow.InstallBootloader:
		return one(&agentpb.Order{Kind: &agentpb.Order_InstallBootloader{InstallBootloader: &agentpb.InstallBootloader{Kernel: w.job.kernel(w.target)}}})
	case workflow.RebootFromDeployEnv:
		return one(&agentpb.Order{Kind: &agentpb.Order_Reboot{Reboot: &agentpb.Reboot{}}})
	case workflow.ManageAdminPre:
		archives := n.PreInstall
		if env.PreInstall != nil { // the environment's replaces the site's
			archives = []config.Archive{*env.PreInstall}
		}
		return w.archives(session, archives)
	case workflow.ManageAdminPost:
		return w.archives(session, n.PostInstall)
	case workflow.ManageUserPost:
		return w.archives(session, env.PostInstall)
	}
	return nil, &fatalError{fmt.Errorf("no such micro-step here: %s", micro)}
}

func one(o *agentpb.Order) ([]*agentpb.Order, error) { return []*agentpb.Order{o}, nil }

func nonEmpty(paths ...string) []string {
	var kept []string
	for _, p := range paths {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return kept
}

// maxScript bounds a partition script; the fdisk dialogues and parted scripts of sites have some hundred bytes.
const maxScript = 1 << 20

func (w *walker) partition() ([]*agentpb.Order, error) {
	n := w.target.node
	script, err := partitionScript(n)
	if err != nil {
		return nil, &fatalError{fmt.Errorf("partition_file of %s: %w", n.Name, err)}
	}
	return one(&agentpb.Order{Kind: &agentpb.Order_Partition{Partition: &agentpb.Partition{
		Device: n.BlockDevice, Kind: n.PartitionKind, Script: script, Env: w.job.variables(w.target)}}})
}

func readBounded(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s has %d bytes; at most %d are taken", path, info.Size(), limit)
	}
	return os.ReadFile(path)
}

// archives offers each pre- or post-install to the agent and orders it unpacked and run.
func (w *walker) archives(session *agentlink.Session, archives []config.Archive) ([]*agentpb.Order, error) {
	var orders []*agentpb.Order
	for i, a := range archives {
		info, err := os.Stat(a.Path)
		if err != nil {
			return nil, &fatalError{fmt.Errorf("archive: %w", w.job.worded(err))}
		}
		if err := w.job.same(a.Path, info); err != nil {
			return nil, &fatalError{fmt.Errorf("archive: %w", err)}
		}
		name := fmt.Sprintf("%d-%s", i, filepath.Base(w.job.shown(a.Path)))
		session.OfferSame(name, a.Path, w.job.allowed[a.Path])
		orders = append(orders, &agentpb.Order{Kind: &agentpb.Order_RunArchive{RunArchive: &agentpb.RunArchive{
			File: name, Size: uint64(info.Size()), Compression: a.Compression,
			Dir: w.target.node.RambinDir, Script: strings.TrimSpace(a.Script), Env: w.job.variables(w.target)}}})
	}
	return orders, nil
}
