package daemon_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/actors/client"
	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/cmd/kadeploy-server/daemon"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/supervisor/supervisortest"
)

// What makes the test binary a daemon that can be looked into, or a client that does what it is told, a line each. Both end with
// their standard input.
const (
	role       = "KADEPLOY_DOOR_TEST"
	roleDir    = "KADEPLOY_DOOR_TEST_DIR"    // the daemon's configuration; where the client's certificate is kept
	roleServer = "KADEPLOY_DOOR_TEST_SERVER" // HOST:PORT
)

func beDaemon(dir string) error {
	snapshot, problems := config.Load(dir)
	if problems.HasErrors() {
		return problems
	}
	signals := make(chan os.Signal, 1)
	return daemon.Serve(daemon.Config{Snapshot: snapshot, Version: "test", Log: os.Stderr}, signals, func(system *actor.ActorSystem) {
		fmt.Println("serving")
		go func() {
			for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
				fmt.Println(inside(system))
			}
			signals <- os.Interrupt
		}()
	})
}

// inside says what is there: goroutines, bytes that are alive, sessions and actors.
func inside(system *actor.ActorSystem) string {
	runtime.GC()
	runtime.GC() // what finalizers let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	live := supervisortest.Live(system)
	sessions := 0
	for _, name := range live {
		if strings.HasPrefix(name, client.APIName+"/") {
			sessions++
		}
	}
	return fmt.Sprintf("facts goroutines %d heap %d sessions %d actors %d", runtime.NumGoroutine(), m.HeapAlloc, sessions, len(live))
}

// beClient is a client: of this machine when dir is a socket, an enrolled one otherwise.
func beClient(server, dir string) error {
	identity := client.Enrolled(dir)
	if filepath.Ext(dir) == ".sock" {
		identity = client.Local(dir)
	}
	t := &talk{start: time.Now()}
	cfg := client.Config{Server: server, Identity: identity, Uploading: func(p client.UploadProgress) {
		if p.Sending && !t.sending {
			t.sending = true
			fmt.Println("sending")
		}
	}}
	var err error
	if t.c, err = client.Dial(context.Background(), cfg); err != nil {
		return err
	}
	defer t.c.Close()
	fmt.Println("dialled")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		said, err := t.obey(strings.Fields(lines.Text()))
		if err != nil {
			said = "error " + err.Error()
		}
		fmt.Println(said)
	}
	return nil
}

type talk struct {
	c       *client.Client
	start   time.Time // of what is timed
	sending bool
}

func (t *talk) obey(words []string) (string, error) {
	ctx := context.Background()
	switch words[0] {
	case "nodes": // the first one is timed from before the connection on
		nodes, err := t.c.Nodes(ctx)
		took := time.Since(t.start)
		t.start = time.Now()
		return fmt.Sprintf("nodes %d after %d ms", len(nodes.GetNodes()), took.Milliseconds()), err
	case "now":
		t.start = time.Now()
		return "ready", nil
	case "held":
		nodes, err := t.c.Nodes(ctx)
		var held []string
		for _, n := range nodes.GetNodes() {
			if n.GetState() == "deploying" {
				held = append(held, n.GetName()+"="+n.GetOperation())
			}
		}
		return "held [" + strings.Join(held, " ") + "]", err
	case "running":
		status, err := t.c.Status(ctx, "")
		var all []string
		for _, o := range status.GetOperations() {
			if o.GetRunning() {
				all = append(all, o.GetId())
			}
		}
		return "running [" + strings.Join(all, " ") + "] of " + strconv.Itoa(len(status.GetOperations())), err
	case "grant":
		_, err := t.c.RightsAdd(ctx, &message.RightsAdd{User: words[1], Nodes: []string{"*"}, Part: "*"})
		return "granted", err
	case "enrol":
		given, err := t.c.UserAdd(ctx, words[1], false, time.Hour)
		return "token " + given.GetToken() + " pin " + given.GetPin(), err
	case "submit": // DESCRIPTION NODES [TIME]
		if len(words) > 3 {
			limit, err := time.ParseDuration(words[3])
			if err != nil {
				return "", err
			}
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, limit)
			defer cancel()
		}
		text, err := os.ReadFile(words[1])
		if err != nil {
			return "", err
		}
		id, err := t.c.Submit(ctx, &message.Submit{Nodes: strings.Split(words[2], ","), Environment: text, EnvironmentPath: words[1]})
		return "accepted " + id, err
	case "cancel":
		return "cancelled", t.c.Cancel(ctx, words[1])
	case "watch": // ID PAUSE
		return t.watch(ctx, words[1], words[2])
	}
	return "", fmt.Errorf("no such order: %s", words)
}

// watch tells every event's number, and takes a pause after each.
func (t *talk) watch(ctx context.Context, id, pause string) (string, error) {
	wait, err := time.ParseDuration(pause)
	if err != nil {
		return "", err
	}
	out := bufio.NewWriter(os.Stdout)
	ended, err := t.c.Watch(ctx, id, 0, func(e *message.Event) error {
		fmt.Fprintf(out, "event %d\n", e.GetSeq())
		if wait > 0 || e.GetSeq()%100 == 0 || e.GetSeq() < 10 {
			_ = out.Flush()
			time.Sleep(wait)
		}
		return nil
	})
	_ = out.Flush()
	return fmt.Sprintf("ended %s", ended.GetOutcome()), err
}
