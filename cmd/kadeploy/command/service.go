package command

import (
	"context"
	"time"

	"github.com/kadeploy/kadeploy/actors/client"
	"github.com/kadeploy/kadeploy/actors/message"
)

// Service is the server as this command sees it; actors/client is the one in use. Every call ends when its context does.
// A server's no is a *client.RefusedError; nothing at the address is client.ErrNoServer.
type Service interface {
	Submit(ctx context.Context, req *message.Submit) (id string, err error)
	Check(ctx context.Context, req *message.Submit) (*message.Checked, error)
	// Watch calls fn with every event from a number on, in order, until the operation ends. It mends broken links by itself.
	Watch(ctx context.Context, id string, from uint64, fn func(*message.Event) error) (*message.Ended, error)
	Cancel(ctx context.Context, id string) error
	Status(ctx context.Context, id string) (*message.Status, error)
	Nodes(ctx context.Context) (*message.Nodes, error)
	Disks(ctx context.Context, nodes []string) (*message.Disks, error)
	PowerStates(ctx context.Context, nodes []string) (*message.PowerStates, error)
	Console(ctx context.Context, node string, want client.ConsoleWant, force bool) (*client.Console, error)
	RightsAdd(ctx context.Context, r *message.RightsAdd) (*message.Rights, error)
	RightsDel(ctx context.Context, r *message.RightsDel) (*message.Rights, error)
	RightsList(ctx context.Context, user string, nodes []string) (*message.Rights, error)
	UserAdd(ctx context.Context, name string, admin bool, life time.Duration) (*message.UserToken, error)
	UserDel(ctx context.Context, name string) error
	UserList(ctx context.Context) (*message.Users, error)
	EnvAdd(ctx context.Context, r *message.EnvAdd) (*message.Env, error)
	EnvList(ctx context.Context, pattern, user string, allVersions bool) (*message.Envs, error)
	EnvShow(ctx context.Context, ref *message.EnvRef) (*message.Env, error)
	EnvRemove(ctx context.Context, ref *message.EnvRef, allVersions bool) (*message.Envs, error)
	EnvVerify(ctx context.Context, ref *message.EnvRef) (*message.Env, error)
	EnvUpdate(ctx context.Context, r *message.EnvUpdate) (*message.EnvUpdated, error)
	EnvSet(ctx context.Context, r *message.EnvSet) (*message.Envs, error)
	EnvMove(ctx context.Context, moves []*message.PathMove, dryRun bool) (*message.EnvMoves, error)
	History(ctx context.Context, r *message.HistoryRequest) (*message.History, error)
	Show(ctx context.Context, id string) (*message.Shown, error)
	Stats(ctx context.Context, r *message.StatsRequest) (*message.Stats, error)
	Close()
}

// Display shows an operation while it runs. Close gives the terminal back; it may be called twice.
type Display interface {
	Event(e *message.Event)
	Notice(text string)
	Close() error
}
