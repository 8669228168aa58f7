package actors

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/sshclient"
	"github.com/kadeploy/kadeploy/internal/workflow"
)

// Entrance is the way into the system that runs on a node.
type Entrance interface {
	// Start starts the agent there with the words of a kernel's command line and its flags. It returns when the agent was welcomed.
	Start(ctx context.Context, to sshclient.Config, line string, flags ...string) error
}

// welcomed is how long the session of an agent that was welcomed may take to be known here.
const welcomed = 10 * time.Second

// startAgent is check_nodes: the agent is started in the system that runs, and looks whether that system leaves what is to be written alone.
// Kadeploy3 compares the root device with prod_part; here the node's own mounts, swap areas and volumes decide.
func (w *walker) startAgent(ctx context.Context) error {
	n := w.target.node
	if w.job.entrance == nil {
		return &fatalError{errors.New("this server has no way into systems that run on nodes")}
	}
	next, err := w.expect(ctx, newToken(), false)
	if err != nil {
		return err
	}
	to := sshclient.Config{
		Host: n.Name, Addr: netip.AddrPortFrom(n.Addr, uint16(n.SSHPort)), KeyFile: n.Control.SSHKey, KnownHosts: n.Control.SSHKnownHosts,
	}
	err = w.job.entrance.Start(ctx, to, agentWords(n, next.home, next.token), "--disks", "--address", n.Addr.String())
	if err != nil {
		return err
	}
	session, err := agentFor(ctx, w.system, w.host, welcomed)
	if err != nil || w.attempt.Instance == "Kexec" { // whose system ends before anything is written
		return err
	}
	if err := w.inventory(ctx); err != nil {
		return err
	}
	_, err = give(ctx, session, &agentpb.Order{Step: string(workflow.CheckNodes), Kind: &agentpb.Order_CheckDevice{
		CheckDevice: &agentpb.CheckDevice{Device: w.job.written(n)}}})
	return err
}

// written is the device that a deployment writes to: its partition, or the whole disk.
func (j *job) written(n *config.Node) string {
	if j.wholeDevice() {
		return n.BlockDevice
	}
	return n.DeployDevice()
}

// The files of the deployment system on a node that kexecs into it.
const (
	sentKernel = "deployment-kernel"
	sentInitrd = "deployment-initrd"
)

// maxBootFile bounds each of them, in bytes: it goes through the memory of the node.
const maxBootFile = 1 << 30

// sendDeploymentKernel has the agent fetch kernel and initrd of the deployment system.
func (w *walker) sendDeploymentKernel(ctx context.Context, micro workflow.Micro) error {
	n := w.target.node
	session, err := agentFor(ctx, w.system, w.host, present)
	if err != nil {
		return err
	}
	if len(n.DeployInitrd) != 1 { // a plan is not made with more
		return &fatalError{errors.New("deploy_initrd must name one file")}
	}
	for _, f := range []struct{ name, path string }{{sentKernel, n.DeployKernel}, {sentInitrd, n.DeployInitrd[0]}} {
		file := filepath.Join(w.job.images, f.path)
		info, err := os.Stat(file)
		switch {
		case err != nil:
			return &fatalError{fmt.Errorf("deployment system: %w", err)}
		case info.Size() > maxBootFile:
			return &fatalError{fmt.Errorf("deployment system: %s has %d bytes; at most %d are sent", file, info.Size(), maxBootFile)}
		}
		session.Offer(f.name, file)
		order := &agentpb.Custom{Kind: string(workflow.Send), File: f.name, Name: f.name, Size: uint64(info.Size()), Dir: n.RambinDir}
		if _, err := give(ctx, session, &agentpb.Order{Step: string(micro), Kind: &agentpb.Order_Custom{Custom: order}}); err != nil {
			return err
		}
	}
	return nil
}

// kexecDeploy has the agent start the deployment system, whose own agent will call with a new token.
func (w *walker) kexecDeploy(ctx context.Context, micro workflow.Micro) error {
	session, err := agentFor(ctx, w.system, w.host, present)
	if err != nil {
		return err
	}
	next, err := w.expect(ctx, newToken(), true)
	defer session.Close()
	if err != nil {
		return err
	}
	profile, err := w.job.deployProfile(w.target, workflow.BootDeploy, next.home, next.token)
	if err != nil {
		return err
	}
	dir := w.target.node.RambinDir
	w.kexeced, w.boot = true, next.boot()
	_, err = give(ctx, session, &agentpb.Order{Step: string(micro), Kind: &agentpb.Order_Kexec{Kexec: &agentpb.Kexec{Kernel: &agentpb.Kernel{
		Root: "/", Kernel: path.Join(dir, sentKernel), Initrd: path.Join(dir, sentInitrd), Params: profile.Args,
	}}}})
	return err
}
