package daemon

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/actors"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/console"
	"github.com/kadeploy/kadeploy/internal/image"
	"github.com/kadeploy/kadeploy/internal/imagecache"
	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/internal/power/ipmi"
	"github.com/kadeploy/kadeploy/internal/power/redfish"
	"github.com/kadeploy/kadeploy/internal/power/ssh"
	"github.com/kadeploy/kadeploy/internal/prodsystem"
	"github.com/kadeploy/kadeploy/supervisor"
)

// server is what a running daemon is made of.
type server struct {
	log    *slog.Logger
	system *actor.ActorSystem
	tree   *supervisor.Tree
	closed []func() // in reverse order

	consoles *console.Hub
}

// build makes the mechanisms, opens the link, and starts the tree. When a part fails, what was made before is closed.
func build(cfg Config, log *slog.Logger) (_ *server, err error) {
	s := &server{log: log}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	snapshot := cfg.Snapshot
	images, err := image.New(image.Config{Dir: filepath.Join(snapshot.Global.CacheDir, "images"), Log: log})
	if err != nil {
		return nil, err
	}
	s.onClose(func() { _ = images.Close() })
	fetched, err := imagecache.Open(imagecache.Config{Dir: snapshot.Global.ImageCache, MaxBytes: snapshot.Global.ImageCacheSize, Log: log})
	if err != nil {
		return nil, err
	}
	s.onClose(func() { _ = fetched.Close() })
	kept, memory, err := recall(&snapshot.Global, log)
	if err != nil {
		return nil, err
	}
	s.onClose(func() { _ = kept.Close() })
	rack, err := machines(snapshot, log)
	if err != nil {
		return nil, err
	}
	bmc := ipmi.New(ipmi.Config{})
	drivers := map[string]power.Driver{
		"command": power.Command{}, "ipmi": bmc, "redfish": redfish.New(redfish.Config{}), "ssh": ssh.Driver{},
	}
	agent, err := beside("kadeploy-agent")
	if err != nil {
		return nil, err
	}
	var evidence func(string) []string
	if rack != nil {
		s.onClose(rack.Close)
		drivers["sandbox"], evidence = rack, rack.Console
	}

	s.system, _ = supervisor.NewSystem(slog.New(library{log.Handler()}))
	s.onClose(s.system.Shutdown)
	hub := console.NewHub(console.Config{Log: log})
	d, err := openDoor(&snapshot.Global, s.system, log)
	if err != nil {
		return nil, err
	}
	s.onClose(d.close)
	s.consoles = hub
	s.onClose(hub.Close)
	if err := d.listen(snapshot.Global.Server); err != nil {
		return nil, unlistened("remote API", "kadeploy_server_port", err)
	}
	s.tree, err = supervisor.StartTree(s.system, actors.Tree(actors.Config{
		Snapshot: snapshot, Load: func() (*config.Snapshot, error) { return reread(snapshot, log) },
		Power: drivers, Images: images, Console: evidence, Consoles: hub, Serial: serial(bmc, rack), Version: cfg.Version, Log: log,
		Admins: []string{"root", owner()}, Tokens: d.token, Deny: d.deny, Pin: d.authority.Pin(), Authority: d.authority, Depot: d.depot,
		Memory: memory, NoResume: cfg.NoResume,
		Entrance: prodsystem.New(agent),
		Cache:    fetched, Environments: environments{kept},
	}))
	if err != nil {
		return nil, unstarted(err)
	}
	s.onClose(d.serveLocal())
	return s, nil
}

func (s *server) onClose(f func()) { s.closed = append(s.closed, f) }

func (s *server) close() {
	for i := len(s.closed) - 1; i >= 0; i-- {
		s.closed[i]()
	}
}

// serial are the consoles that the power drivers know.
func serial(bmc *ipmi.Driver, rack rack) map[string]actors.ConsoleSource {
	known := map[string]actors.ConsoleSource{"ipmi": func(t power.Target, force bool) console.Source {
		return console.Source{Run: func(ctx context.Context, in io.Reader, out io.Writer) error {
			return bmc.Console(ctx, t, force, in, out)
		}}
	}}
	if rack != nil {
		known["sandbox"] = func(t power.Target, _ bool) console.Source {
			return console.Source{ReadOnly: true, Run: func(ctx context.Context, _ io.Reader, out io.Writer) error {
				return rack.Follow(ctx, t.Name, out)
			}}
		}
	}
	return known
}

// unstarted says what an operator can do about a tree that does not start. The name of the actor helps nobody there.
func unstarted(err error) error {
	var failed *supervisor.StartError
	if !errors.As(err, &failed) {
		return err
	}
	if failed.Child == "agents" {
		return unlistened("node agents", "agents_listen", failed.Err)
	}
	return failed.Err
}
