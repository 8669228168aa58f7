package actors

import (
	"context"
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/pxe"
	"github.com/kadeploy/kadeploy/pxe/tftp"
	"github.com/kadeploy/kadeploy/supervisor"
)

// netboot owns the TFTP listener and the boot profiles. Its start is acknowledged once the listener is bound.
type netboot struct {
	global config.Global
	log    *slog.Logger
	dir    *pxe.Dir
	server *tftp.Server
	tasks  supervisor.Tasks

	queue   []setProfile // profiles are written one after the other, so that a node's last one wins
	writing bool
}

func (n *netboot) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		if err := n.open(); err != nil {
			supervisor.StartFailed(ctx, err)
			return
		}
		supervisor.Ready(ctx)
	case *actor.Stopping, *actor.Restarting:
		n.tasks.CancelAll()
		n.close()
	case setProfile:
		n.queue = append(n.queue, m)
		n.write(ctx)
	case supervisor.TaskDone:
		if !n.tasks.Accept(m) {
			return
		}
		if m.Panic != nil {
			panic(m.Panic)
		}
		n.writing = false
		n.write(ctx)
	}
}

// write starts the next write, unless one is under way.
func (n *netboot) write(ctx actor.Context) {
	for len(n.queue) > 0 && !n.writing {
		m := n.queue[0]
		n.queue = n.queue[1:]
		if m.ctx.Err() != nil {
			continue
		}
		n.writing = true
		dir := n.dir
		n.tasks.Start(ctx, "profile", func(context.Context) any {
			m.reply <- dir.Write(pxe.Node{Name: m.node.Name, Addr: m.node.Addr, MAC: m.node.MAC}, m.profile)
			return nil
		})
	}
}

func (n *netboot) open() (err error) {
	n.dir, err = pxe.OpenDir(pxe.DirConfig{
		Root: n.global.TFTPRoot, Profiles: n.global.ProfilePath, Naming: pxe.Naming(n.global.ProfileName),
	})
	if err != nil {
		return err
	}
	n.server, err = tftp.Start(tftp.Config{Listen: n.global.TFTPListen, Root: n.global.TFTPRoot, Log: n.log})
	return err
}

func (n *netboot) close() {
	if n.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		_ = n.server.Close(ctx)
	}
	if n.dir != nil {
		n.dir.Close()
	}
}
