package link

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/pki"
)

// Policy says who may send what, how much of it, and how soon they say who they are. What it does not name is refused.
type Policy struct {
	Peers       pki.Kind // of the identities that may speak to actors
	Rules       []Rule
	Strangers   int           // connections in their handshake at once; 256 when 0
	Connections int           // after it; 16 when 0
	Streams     int           // of one identity at once, and addresses that it parks at; 16 when 0
	Messages    int           // of a stream per second, and as many more at once; 1000 when 0
	Bytes       int           // of a stream per second, likewise; 16 MiB when 0
	Patience    time.Duration // for the handshakes on a new connection, and for reading what we send; 10 s when 0
}

// Rule allows types of messages to one actor.
type Rule struct {
	To    string          // the actor's id; one that ends in "/" stands for the actors below
	Types []proto.Message // zero values
}

// ServerPolicy is the daemon's: requests to the api, and the news that the inbox which one of its sessions watches is gone.
func ServerPolicy(api string) Policy {
	return Policy{
		Peers:       pki.KindUser,
		Strangers:   1024,
		Connections: 4096,
		Streams:     256,
		Rules: []Rule{
			{To: api, Types: []proto.Message{
				&message.Submit{}, &message.Cancel{}, &message.StatusRequest{}, &message.NodesRequest{}, &message.DisksRequest{},
				&message.Subscribe{}, &message.Credit{}, &message.Unsubscribe{},
				&message.RightsAdd{}, &message.RightsDel{}, &message.RightsList{},
				&message.UserAdd{}, &message.UserDel{}, &message.UserList{},
				&message.EnvAdd{}, &message.EnvList{}, &message.EnvShow{}, &message.EnvRemove{}, &message.EnvVerify{},
				&message.EnvUpdate{}, &message.EnvSet{}, &message.EnvMove{},
				&message.PowerRequest{}, &message.HistoryRequest{}, &message.ShowRequest{}, &message.StatsRequest{},
			}},
			{To: api + "/", Types: []proto.Message{&actor.Terminated{}}},
		},
	}
}

// ClientPolicy is a client's: answers and events to its inbox, which sessions of the daemon watch. A request to an api that
// is being restarted is answered by the library itself, with a DeadLetterResponse.
func ClientPolicy(inbox string) Policy {
	return Policy{Peers: pki.KindDaemon, Messages: 100_000, Bytes: 256 << 20, Rules: []Rule{{To: inbox, Types: []proto.Message{
		&message.Accepted{}, &message.Checked{}, &message.Refused{}, &message.Status{}, &message.Nodes{}, &message.Disks{}, &message.Event{},
		&message.Rights{}, &message.UserToken{}, &message.Users{}, &message.Env{}, &message.Envs{}, &message.EnvUpdated{}, &message.EnvMoves{},
		&message.PowerStates{}, &message.History{}, &message.Shown{}, &message.Stats{},
		&actor.Watch{}, &actor.Unwatch{}, &actor.DeadLetterResponse{},
	}}}}
}

func (p Policy) withDefaults() Policy {
	p.Strangers = cmp.Or(p.Strangers, 256)
	p.Connections = cmp.Or(p.Connections, 16)
	p.Streams = cmp.Or(p.Streams, 16)
	p.Messages = cmp.Or(p.Messages, 1000)
	p.Bytes = cmp.Or(p.Bytes, 16<<20)
	p.Patience = cmp.Or(p.Patience, 10*time.Second)
	return p
}

// kind is a type that some actors may be sent.
type kind struct {
	message protoreflect.MessageType
	to      []string
}

func (k kind) allows(id string) bool {
	for _, to := range k.to {
		if id == to || strings.HasSuffix(to, "/") && len(id) > len(to) && strings.HasPrefix(id, to) {
			return true
		}
	}
	return false
}

// kinds are a policy's types, by name.
type kinds map[string]kind

func (p Policy) kinds() (kinds, error) {
	all := make(kinds)
	for _, r := range p.Rules {
		for _, m := range r.Types {
			name := proto.MessageName(m)
			known, err := protoregistry.GlobalTypes.FindMessageByName(name)
			if err != nil {
				return nil, fmt.Errorf("policy: the type %s is not registered, the link could not read it: %w", name, err)
			}
			k := all[string(name)]
			all[string(name)] = kind{known, append(k.to, r.To)}
		}
	}
	return all, nil
}
