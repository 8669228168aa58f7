package actors

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/console"
	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/internal/rights"
	"github.com/kadeploy/kadeploy/internal/store"
	"github.com/kadeploy/kadeploy/internal/workflow"
	"github.com/kadeploy/kadeploy/pxe"
)

// Names of the permanent actors. A respawned actor keeps its name, so that a PID made from it stays right.
const (
	rootName        = "root"
	journalName     = "root/journal"
	configName      = "root/config"
	netbootName     = "root/netboot"
	rebootName      = "root/reboot"
	agentsName      = "root/agents"
	accessName      = "root/access"
	catalogueName   = "root/catalogue"
	consolesName    = "root/consoles"
	historyName     = "root/history"
	apiName         = "root/api"
	deploymentsName = "root/deployments"
)

// local returns the PID of a permanent actor; a new one at each call, because a PID caches its process.
func local(system *actor.ActorSystem, name string) *actor.PID {
	return actor.NewPID(system.Address(), name)
}

// The messages between the actors of one server. None of them crosses the link. A request carries the channel of its answer,
// with room for it, so that the asked actor never waits for the asker.
type (
	// journal
	openLog struct { // before the operation is accepted: who hears of it may ask for its events at once
		operation store.Operation
		resumed   bool // it was begun by a server before this one
	}
	appendFact struct {
		id      string
		fact    *message.Event    // without id, number and time
		nodes   []store.NodeState // of an end: what it leaves on the nodes
		written func()            // it is; nil: nobody asks
	}
	readEvents struct {
		id     string
		from   uint64
		max    int
		reader *actor.PID // gets eventsRead, now or when there is something to read
	}
	stopReading  struct{ reader *actor.PID }
	confirmReign struct{ confirmed func() } // the database is this server's still, and has all facts that came before
	eventsRead   struct {
		id      string
		owner   string
		events  []*message.Event
		unknown bool
		parked  bool // there is nothing yet; another eventsRead follows when there is
	}
	keepDisks  struct{ disks store.NodeDisks }
	endOrphans struct { // operations whose actor is gone are ended
		text  string
		but   map[string]bool
		nodes []store.NodeState // what they leave
	}

	// journal -> deployments, when it starts: what it was told before may be lost
	journalStarted struct{}

	// journal -> deployments: an operation is put down, or cannot be
	logOpened struct {
		id  string
		err error
	}

	// config
	reloadConfig struct{ reply chan<- error }

	// netboot
	setProfile struct {
		ctx     context.Context // a profile that nobody wants any more is not written
		node    *config.Node
		profile pxe.Profile
		reply   chan<- error
	}

	// reboot
	powerRequest struct {
		ctx     context.Context // a request whose asker is gone is dropped from the queue
		node    *config.Node
		op      power.Op
		level   power.Level // of a status: none
		network bool        // it is to boot what the network says, whatever its own boot order is
		reply   chan<- powerResult
		job     *job // the operation, whose nodes a command may touch together; nil: this node alone

		notes []string                // the reboot window's: what failed up to now
		group []powerRequest          // likewise: those that one command is for
		end   context.CancelCauseFunc // of the context of a group
	}
	powerResult struct {
		level  power.Level  // that worked
		status power.Status // as far as the driver looked
		notes  []string     // what failed before it
		err    error

		group []*config.Node // nothing is done: the command of level touches them together
	}

	// agents
	expectAgent struct {
		node   *config.Node
		token  string
		until  time.Time // the boot is over by then
		beside bool      // the session that there is stays, and is the asker's to close
		reply  chan<- expected
	}
	expected struct {
		server string // where the agent calls, IP:PORT
		pin    string // what it knows the server by
		err    error
	}
	forgetAgents struct{ nodes []string } // nobody waits for them any more
	agentJoined  struct{ session *agentlink.Session }
	agentLeft    struct {
		session *agentlink.Session
		err     error
	}
	waitAgent struct {
		ctx   context.Context
		node  string
		reply chan<- *agentlink.Session
	}

	// access
	isUser struct {
		name  string
		reply chan<- bool
	}

	// consoles
	openConsole struct {
		ctx     context.Context // he is there until it ends
		request console.Request
		reply   chan<- consoleOpened
	}
	consoleOpened struct {
		member *console.Member
		err    error
	}

	// access -> deployments, consoles: operations and consoles that this leaves without a right are ended
	endOperations struct {
		lost rights.Loss
		gone bool // so is the user, whatever else gives him a right
		why  string
	}

	// api -> access, history, deployments: a request, and who the link says it is from
	asked struct {
		by      string
		request request
	}

	// api
	awaitQuiet struct{ reply chan<- struct{} } // answered when no client watches

	// deployments
	cancelAll struct{ reply chan<- struct{} } // every operation; answered when none is left

	// node -> deployments: what its deployment system has found
	disksSeen struct{ disks *message.NodeDisks }

	// deployments -> deployment
	cancelOperation struct{ cause string }

	// node -> deployment
	nodeReady   struct{ incarnation } // its actor is up and idle
	nodeEntered struct {
		incarnation
		micro   workflow.Micro
		boot    *agentlink.Expected // that is waited for
		written func()              // it is; nil: nobody waits
		again   bool                // it was told already, to a journal that crashed
	}
	nodeJoined struct { // its agent has called from the boot that was waited for
		incarnation
		certificate [sha256.Size]byte
	}
	nodeArrived struct {
		incarnation
		session *agentlink.Session
		try     context.Context // over with the try that stands there
		keep    []byte          // what its agent is to call the order by, and keep it; nil: it keeps none
		kept    *agentpb.Kept   // that order, given by the broadcast that it goes on with; nil: it gets the image from the beginning
	}
	nodePassed struct {
		incarnation
	}
	nodeRoot struct { // what a kernel calls the partition that is deployed, where the configuration calls it something else
		incarnation
		root string
	}
	nodeFinished struct{ incarnation }

	// deployment -> node
	runAttempt struct {
		inc     int
		attempt workflow.Attempt
		root    string // as the node has said; "": not yet, or it is what the configuration says
		call    []byte // digest of the token that the system on its disk is to call with; nil: it is not to call
		said    string // as the deployed system has said, which may be that of an earlier attempt; "": not yet
	}

	// chain -> deployment, some of them on to nodes; chain is the broadcast's name in the crew
	chainStarted struct {
		chain string
		order []string
	}
	chainProgress struct {
		host  string
		bytes int64
	}
	chainSkip struct {
		chain string
		skip  *message.ChainSkip
	}
	chainTransfer struct { // how the image came to a member, once that is settled; told again when more is known
		chain, host string
		transfer    *message.NodeTransfer // without what the deployment knows itself: position and skips
	}
	chainNote    struct{ text string }
	chainOutcome struct {
		chain, host string
		inc         int
		err         error
		unrestored  uint32 // attributes, ACLs and device nodes of the image that its agent did not restore
	}
	chainPassed struct{ chain string } // what it still feeds are stragglers
	chainEnded  struct{ chain string }
)

// request is what every message of a client is.
type request interface {
	proto.Message
	GetClientId() string
}

// incarnation tags what a node's actor says: after a restart the words of the one before are stale.
type incarnation struct {
	host string
	inc  int
}

// ask sends a request to a permanent actor and waits for its answer; for tasks, never for an actor's own goroutine. What an
// actor has not done when it crashes is lost with it: its next incarnation is asked again, so requests may come twice.
func ask[T any](ctx context.Context, system *actor.ActorSystem, name string, request func(chan<- T) any) (T, error) {
	return askThrough(ctx, system, name, func(answer chan<- T) { system.Root.Send(local(system, name), request(answer)) })
}

// askThrough is ask where the request reaches the actor through others: send sends it off.
func askThrough[T any](ctx context.Context, system *actor.ActorSystem, name string, send func(chan<- T)) (T, error) {
	if ctx.Err() != nil {
		var none T
		return none, context.Cause(ctx)
	}
	look := time.NewTicker(lookAgain)
	defer look.Stop()
	var asked actor.Process
	var answer chan T
	for {
		if now, up := system.ProcessRegistry.GetLocal(name); up && now != asked {
			asked, answer = now, make(chan T, 1)
			send(answer)
		}
		select {
		case a := <-answer:
			return a, nil
		case <-look.C:
		case <-ctx.Done():
			var none T
			return none, fmt.Errorf("%s did not answer: %w", name, context.Cause(ctx))
		}
	}
}

// lookAgain is how often an asker looks whether the actor it asked is still the same. It serves crashes only, and there
// may be thousands of askers.
const lookAgain = 2 * time.Second

// askTimeout bounds questions that are answered from memory or from the local disk.
const askTimeout = 10 * time.Second

// do is ask for requests answered by an error alone.
func do(ctx context.Context, system *actor.ActorSystem, name string, request func(chan<- error) any) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	err, asked := ask(ctx, system, name, request)
	if asked != nil {
		return asked
	}
	return err
}
