package command_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/kadeploy/kadeploy/actors/client"
	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/cmd/kadeploy/command"
)

// fakeServer is a server with a control panel.
type fakeServer struct {
	down    bool             // nothing listens
	refuse  *message.Refused // every request
	events  []*message.Event // of every operation, in order; one that ends it is the end
	checked *message.Checked
	status  *message.Status
	nodes   *message.Nodes
	disks   *message.Disks
	power   *message.PowerStates
	console *client.Console
	rights  *message.Rights
	users   *message.Users
	token   *message.UserToken
	env     *message.Env
	envs    *message.Envs
	updated *message.EnvUpdated
	moved   *message.EnvMoves
	history *message.History
	shown   *message.Shown
	stats   *message.Stats

	hold     chan struct{} // Submit waits for it
	deaf     bool          // Cancel never answers
	stubborn bool          // Cancel is answered, but the operation goes on
	lose     error         // what Watch fails with after the events

	mu        sync.Mutex
	dialled   string
	wanted    string // of a console
	submitted []*message.Submit
	changes   []proto.Message // of rights, users and environments, and questions about the past
	cancelled chan struct{}
	closed    bool
}

func newFake() *fakeServer { return &fakeServer{cancelled: make(chan struct{}, 4)} }

var _ command.Service = (*fakeServer)(nil)

func (f *fakeServer) Dial(_ context.Context, to command.Target) (command.Service, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dialled = to.Server
	if f.down {
		return nil, client.ErrNoServer
	}
	return f, nil
}

// Login takes one token.
func (f *fakeServer) Login(_ context.Context, cfg client.LoginConfig) (string, error) {
	if cfg.Token != "good" {
		return "", errors.New("enrolment at " + cfg.Server + ": the server refuses: the token is unknown, was used already or has expired: ask for a new one")
	}
	return "alice", nil
}

func (f *fakeServer) no() error {
	if f.refuse == nil {
		return nil
	}
	return &client.RefusedError{Refused: f.refuse}
}

func (f *fakeServer) Submit(ctx context.Context, req *message.Submit) (string, error) {
	f.mu.Lock()
	f.submitted = append(f.submitted, proto.Clone(req).(*message.Submit))
	f.mu.Unlock()
	if f.hold != nil {
		select {
		case <-f.hold:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	if err := f.no(); err != nil {
		return "", err
	}
	return "D-1", nil
}

func (f *fakeServer) Check(context.Context, *message.Submit) (*message.Checked, error) {
	return f.checked, f.no()
}

func (f *fakeServer) Watch(ctx context.Context, _ string, _ uint64, fn func(*message.Event) error) (*message.Ended, error) {
	if err := f.no(); err != nil {
		return nil, err
	}
	for _, e := range f.events {
		if err := fn(e); err != nil {
			return nil, err
		}
		if ended := e.GetEnded(); ended != nil {
			return ended, nil
		}
	}
	if f.lose != nil {
		return nil, f.lose
	}
	select {
	case <-f.cancelled:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return &message.Ended{Outcome: message.Outcome_ABORTED, Nodes: []*message.NodeReport{{Name: "node-1.demo", Phase: message.NodePhase_CANCELLED}}}, nil
}

func (f *fakeServer) Cancel(ctx context.Context, _ string) error {
	if f.deaf {
		<-ctx.Done()
		return ctx.Err()
	}
	if err := f.no(); err != nil {
		return err
	}
	if !f.stubborn {
		f.cancelled <- struct{}{}
	}
	return nil
}

func (f *fakeServer) Status(context.Context, string) (*message.Status, error) {
	return f.status, f.no()
}
func (f *fakeServer) Nodes(context.Context) (*message.Nodes, error) { return f.nodes, f.no() }

func (f *fakeServer) Disks(_ context.Context, nodes []string) (*message.Disks, error) {
	f.change(&message.DisksRequest{Nodes: nodes})
	return f.disks, f.no()
}

func (f *fakeServer) change(m proto.Message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changes = append(f.changes, m)
}

func (f *fakeServer) RightsAdd(_ context.Context, r *message.RightsAdd) (*message.Rights, error) {
	f.change(r)
	return f.rights, f.no()
}

func (f *fakeServer) RightsDel(_ context.Context, r *message.RightsDel) (*message.Rights, error) {
	f.change(r)
	return f.rights, f.no()
}

func (f *fakeServer) PowerStates(_ context.Context, nodes []string) (*message.PowerStates, error) {
	f.change(&message.PowerRequest{Nodes: nodes})
	return f.power, f.no()
}

func (f *fakeServer) Console(_ context.Context, node string, want client.ConsoleWant, force bool) (*client.Console, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wanted = fmt.Sprint(node, " ", want, " ", force)
	return f.console, f.no()
}

func (f *fakeServer) RightsList(_ context.Context, user string, nodes []string) (*message.Rights, error) {
	f.change(&message.RightsList{User: user, Nodes: nodes})
	return f.rights, f.no()
}

func (f *fakeServer) UserAdd(_ context.Context, name string, admin bool, life time.Duration) (*message.UserToken, error) {
	f.change(&message.UserAdd{Name: name, Admin: admin, Life: durationpb.New(life)})
	return f.token, f.no()
}

func (f *fakeServer) UserDel(_ context.Context, name string) error {
	f.change(&message.UserDel{Name: name})
	return f.no()
}

func (f *fakeServer) UserList(context.Context) (*message.Users, error) { return f.users, f.no() }

func (f *fakeServer) EnvAdd(_ context.Context, r *message.EnvAdd) (*message.Env, error) {
	f.change(r)
	return f.env, f.no()
}

func (f *fakeServer) EnvList(_ context.Context, pattern, user string, allVersions bool) (*message.Envs, error) {
	f.change(&message.EnvList{Pattern: pattern, User: user, AllVersions: allVersions})
	return f.envs, f.no()
}

func (f *fakeServer) EnvShow(_ context.Context, ref *message.EnvRef) (*message.Env, error) {
	f.change(&message.EnvShow{Env: ref})
	return f.env, f.no()
}

func (f *fakeServer) EnvRemove(_ context.Context, ref *message.EnvRef, allVersions bool) (*message.Envs, error) {
	f.change(&message.EnvRemove{Env: ref, AllVersions: allVersions})
	return f.envs, f.no()
}

func (f *fakeServer) EnvVerify(_ context.Context, ref *message.EnvRef) (*message.Env, error) {
	f.change(&message.EnvVerify{Env: ref})
	return f.env, f.no()
}

func (f *fakeServer) EnvUpdate(_ context.Context, r *message.EnvUpdate) (*message.EnvUpdated, error) {
	f.change(r)
	return f.updated, f.no()
}

func (f *fakeServer) EnvSet(_ context.Context, r *message.EnvSet) (*message.Envs, error) {
	f.change(r)
	return f.envs, f.no()
}

func (f *fakeServer) EnvMove(_ context.Context, moves []*message.PathMove, dryRun bool) (*message.EnvMoves, error) {
	f.change(&message.EnvMove{Moves: moves, DryRun: dryRun})
	return f.moved, f.no()
}

func (f *fakeServer) History(_ context.Context, r *message.HistoryRequest) (*message.History, error) {
	f.change(r)
	return f.history, f.no()
}

func (f *fakeServer) Show(context.Context, string) (*message.Shown, error) { return f.shown, f.no() }

func (f *fakeServer) Stats(_ context.Context, r *message.StatsRequest) (*message.Stats, error) {
	f.change(r)
	return f.stats, f.no()
}

func (f *fakeServer) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
}

func (f *fakeServer) requests() []*message.Submit {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.submitted
}

// buffer is an output that several goroutines use.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// use is one use of the command at no terminal.
type use struct {
	server     *fakeServer
	out, err   buffer
	in         string
	env        map[string]string
	home       string
	grace      time.Duration
	interrupts chan os.Signal
	address    func(string) (string, error)
	live       func(string, func()) command.Display
	terminal   func() (func(), error)
}

func newUse(f *fakeServer) *use {
	return &use{server: f, interrupts: make(chan os.Signal, 2), grace: time.Minute, env: map[string]string{}}
}

func (u *use) run(args ...string) int {
	return command.Run(context.Background(), command.Config{
		Login: u.server.Login,
		Dial:  u.server.Dial, Address: u.address, Socket: func(string) (string, error) { return "", nil },
		Interrupts: func() chan os.Signal { return u.interrupts },
		Live:       u.live, RawTerminal: u.terminal,
		Stdin: bytes.NewBufferString(u.in), Stdout: &u.out, Stderr: &u.err,
		Getenv: func(k string) string { return u.env[k] },
		Home:   u.home, User: "alice", Version: "1.0", Grace: u.grace,
	}, append([]string{"kadeploy"}, args...))
}
