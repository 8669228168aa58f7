package actors

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/internal/workflow"
)

// step does one micro-step (Kadeploy3 1.5). It returns when the step is done or its context is.
func (w *walker) step(ctx context.Context, s workflow.Step, clock *clock) error {
	switch s.Micro {
	case workflow.SwitchPXE:
		return w.switchPXE(ctx, s.Boot)
	case workflow.RebootNode:
		if err := w.renew(ctx); err != nil {
			return err
		}
		w.hold(ctx)
		return w.power(ctx, power.OpReboot, s.Level)
	case workflow.PowerOn:
		return w.power(ctx, power.OpOn, s.Level)
	case workflow.PowerOff:
		return w.power(ctx, power.OpOff, s.Level)
	case workflow.PowerCycle: // as a reboot, but nobody waits for the system
		return w.power(ctx, power.OpReboot, s.Level)
	case workflow.CheckNodes:
		return w.startAgent(ctx)
	case workflow.SendDeploymentKernel:
		return w.sendDeploymentKernel(ctx, s.Micro)
	case workflow.RebootFromDeployEnv, workflow.Kexec:
		if s.Boot == workflow.BootDeploy {
			return w.kexecDeploy(ctx, s.Micro)
		}
		w.hold(ctx)
		w.kexeced = s.Micro == workflow.Kexec
		return w.order(ctx, s.Micro)
	case workflow.WaitReboot:
		return w.waitReboot(ctx, s.Boot)
	case workflow.AwaitAgent:
		return w.awaitAgent(ctx, clock)
	case workflow.SendEnvironment:
		return w.receive(ctx, clock)
	case workflow.PhoneHome:
		return w.phoneHome(ctx)
	case workflow.InstallBootloader:
		return w.installBootloader(ctx, s.Micro)
	case workflow.CustomPre, workflow.CustomSub, workflow.CustomPost:
		return w.custom(ctx, s.Micro, s.Custom)
	case workflow.Dummy:
		return nil
	}
	return w.order(ctx, s.Micro)
}

// receive stands before the chain until the deployment starts one with this host, and until that has spoken of it. What its agent has failed to
// receive while it was away is the failure of this try.
func (w *walker) receive(ctx context.Context, clock *clock) error {
	if why := w.kept.GetError(); why != "" {
		return failedAway(why)
	}
	session, err := agentFor(ctx, w.system, w.host, present)
	if err != nil {
		return err
	}
	clock.hold()
	w.tell(nodeArrived{w.incarnation, session, ctx, w.keep(), w.kept})
	started, away := w.started, session.Done()
	for {
		select {
		case <-started:
			clock.resume()
			started, away = nil, nil // from now on the broadcast sees to the agent
		case err := <-w.received:
			clock.resume()
			if err == nil {
				w.tell(nodePassed{w.incarnation})
			}
			return err
		case <-away:
			return fmt.Errorf("while it stood in the chain: %w", session.Err())
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// installBootloader makes the node's disk one that boots, or, where its kernel comes by the network, sees to that.
func (w *walker) installBootloader(ctx context.Context, micro workflow.Micro) error {
	n := w.target.node
	switch {
	case n.Bootloader != "chainload_pxe":
		return w.checkBootFiles()
	case n.BootloaderScript != "":
		return w.custom(ctx, micro, &workflow.Custom{Name: "bootloader_script", Do: workflow.RunFile, File: n.BootloaderScript})
	}
	return w.order(ctx, micro)
}

// checkBootFiles is install_bootloader without a boot loader on the disk: the image's kernel and initrd were laid out for the
// network when the request was prepared, and must still be there.
func (w *walker) checkBootFiles() error {
	for _, name := range nonEmpty(w.job.boot.Kernel, w.job.boot.Initrd, w.job.boot.Hypervisor) {
		if _, err := os.Stat(filepath.Join(w.job.images, name)); err != nil {
			return fmt.Errorf("boot files of the image: %w", err)
		}
	}
	return nil
}
