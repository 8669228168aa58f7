package actors

import (
	"context"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/console"
	"github.com/kadeploy/kadeploy/internal/depot"
	"github.com/kadeploy/kadeploy/internal/image"
	"github.com/kadeploy/kadeploy/internal/imagecache"
	"github.com/kadeploy/kadeploy/internal/phonehome"
	"github.com/kadeploy/kadeploy/internal/pki"
	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/supervisor"
)

// Config is all that the tree needs from outside.
type Config struct {
	Snapshot *config.Snapshot                 // in force at the start
	Load     func() (*config.Snapshot, error) // reads the files again
	Power    map[string]power.Driver          // by the name in a node's `power`
	Images   *image.Catalogue
	Console  func(node string) []string // last lines of a node's console; nil when there is none
	Consoles *console.Hub               // the consoles that users have open; nil: one of the tree's own
	Serial   map[string]ConsoleSource   // by the name in a node's `power`
	Depot    *depot.Depot               // what users have uploaded; nil when the server takes no uploads
	Cache    *imagecache.Cache          // what was fetched; nil when the server fetches nothing
	Entrance Entrance                   // the way into systems that run on nodes; nil: there is none
	Version  string

	Environments EnvironmentStore // where the catalogue of environments is kept; nil: there is none

	Log *slog.Logger

	Admins []string // beside those of the configuration and of the book: root, the daemon's own user

	// Tokens makes a token for one enrolment of a user; nil: nobody can be enrolled. Deny makes what a user was given before
	// worthless. They are called from tasks, one call at a time.
	Tokens func(user string, life time.Duration) (token string, err error)
	Deny   func(user, why string) error
	Pin    string // what a client that enrols knows the server by: sha256:...

	Memory   *Memory // what lasts; nil: all is forgotten with the process
	NoResume bool    // operations that were found without an end are ended as failed

	Authority *pki.Authority // gives the agents of booted nodes their certificates
}

// closeTimeout bounds the end of a listener.
const closeTimeout = 3 * time.Second

// Tree is the supervision tree of a server: its order is dependency, and shutdown is the reverse.
//
// What an incarnation must not take with it when it dies lives in this function: the journal's record, the snapshot in
// force, the book of rights, the catalogue of environments, the states of the nodes, the boots under way, the calls that deployed systems are to make, the holds on uploads and on what was fetched, and the limit of the server's uplink, which all
// broadcasts share.
func Tree(cfg Config) supervisor.Config {
	record := newRecord(cfg.Memory)
	inForce := &snapshot{}
	inForce.Store(cfg.Snapshot)
	nodes := newNodeStates(cfg.Memory)
	ledger := newLedger(cfg.Admins, cfg.Memory, inForce)
	uplink := newLimiter(cfg.Snapshot.Global.ChainRateTotal)
	from := sources{depot: cfg.Depot, cache: cfg.Cache, images: cfg.Images, holds: &holds{}}
	from.recall(cfg.Memory)
	examined := from
	examined.holds = &holds{}
	boots := agentlink.NewBoots(nil)
	cfg.Memory.restore(boots)
	calls := phonehome.NewBook()
	found := &findings{memory: cfg.Memory}
	if cfg.Consoles == nil {
		cfg.Consoles = console.NewHub(console.Config{})
	}
	log := func(name string) *slog.Logger { return cfg.Log.With("actor", name) }
	envs := newShelf(cfg.Environments, cfg.Depot, log("catalogue"))
	global := cfg.Snapshot.Global

	permanent := func(id string, produce func() actor.Actor) supervisor.Spec {
		return supervisor.Spec{ID: id, Restart: supervisor.Permanent, Shutdown: 2 * closeTimeout, New: func(int) actor.Actor { return produce() }}
	}
	return supervisor.Config{
		Name:      rootName,
		Strategy:  supervisor.OneForOne,
		Intensity: 5,
		Period:    60 * time.Second,
		Log:       cfg.Log,
		Children: []supervisor.Spec{
			permanent("journal", func() actor.Actor { return newJournal(record, log("journal")) }),
			permanent("config", func() actor.Actor {
				return &settings{inForce: inForce, uplink: uplink, depot: cfg.Depot, cache: cfg.Cache, load: cfg.Load, log: log("config")}
			}),
			permanent("netboot", func() actor.Actor {
				return &netboot{global: global, inForce: inForce, calls: calls, log: log("netboot")}
			}),
			permanent("reboot", func() actor.Actor { return newReboot(inForce, cfg.Power, ledger, log("reboot")) }),
			permanent("agents", func() actor.Actor {
				return newAgents(global.AgentsListen, inForce, cfg.Authority, boots, log("agents"))
			}),
			permanent("access", func() actor.Actor {
				return newAccess(ledger, accessConfig{tokens: cfg.Tokens, deny: cfg.Deny, pin: cfg.Pin}, log("access"))
			}),
			permanent("catalogue", func() actor.Actor {
				return newCataloguer(envs, examiner{inForce: inForce, sources: examined, ledger: ledger}, ledger, log("catalogue"))
			}),
			permanent("consoles", func() actor.Actor {
				return &consoles{hub: cfg.Consoles, serial: cfg.Serial, inForce: inForce, ledger: ledger, log: log("consoles")}
			}),
			permanent("history", func() actor.Actor { return newHistory(cfg.Memory, ledger, inForce, log("history")) }),
			permanent("api", func() actor.Actor { return newAPI(ledger, log("api")) }),
			permanent("deployments", func() actor.Actor {
				return newDeployments(cfg, inForce, nodes, uplink, from, envs, ledger, found, log("deployments"))
			}),
		},
	}
}

// Drain cancels every operation and waits until those who watch have heard of it, or ctx ends. It is the first part of an
// orderly stop.
func Drain(ctx context.Context, system *actor.ActorSystem) {
	_, _ = ask(ctx, system, deploymentsName, func(reply chan<- struct{}) any { return cancelAll{reply} })
	_, _ = ask(ctx, system, apiName, func(reply chan<- struct{}) any { return awaitQuiet{reply} })
}

// Reload reads the configuration again. When it is not valid the running one stays in force and the error says why.
func Reload(ctx context.Context, system *actor.ActorSystem) error {
	err, asked := ask(ctx, system, configName, func(reply chan<- error) any { return reloadConfig{reply} })
	if asked != nil {
		return asked
	}
	return err
}

// Known says whether somebody is a user that an admin has added.
func Known(ctx context.Context, system *actor.ActorSystem, user string) (bool, error) {
	return ask(ctx, system, accessName, func(reply chan<- bool) any { return isUser{user, reply} })
}
