package link_test

import (
	"strings"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/message"
)

// crafted is a batch that the library would die of, or obey.
type crafted struct {
	what  string
	batch func(p *peer, us string) *remote.MessageBatch
}

// changed is a legal request with one thing made wrong.
func changed(what string, change func(b *remote.MessageBatch, e *remote.MessageEnvelope)) crafted {
	return crafted{what, func(p *peer, us string) *remote.MessageBatch {
		b := p.request(us, "crafted")
		change(b, b.Envelopes[0])
		return b
	}}
}

// told is a message to an actor.
func told(to string, m func(p *peer, us string) proto.Message) crafted {
	return crafted{string(proto.MessageName(m(&peer{}, ""))) + " to " + to, func(p *peer, us string) *remote.MessageBatch {
		return p.batch(us, to, m(p, us))
	}}
}

func plain(m proto.Message) func(*peer, string) proto.Message {
	return func(*peer, string) proto.Message { return m }
}

// batches are those of which one each ended an unguarded process, or took control of it.
func batches() []crafted {
	all := []crafted{
		changed("an unknown type", func(b *remote.MessageBatch, _ *remote.MessageEnvelope) { b.TypeNames[0] = "kadeploy.v1.Nothing" }),
		changed("a type without a name", func(b *remote.MessageBatch, _ *remote.MessageEnvelope) { b.TypeNames[0] = "" }),
		changed("a type out of range", func(_ *remote.MessageBatch, e *remote.MessageEnvelope) { e.TypeId = 1 }),
		changed("a negative type", func(_ *remote.MessageBatch, e *remote.MessageEnvelope) { e.TypeId = -1 }),
		changed("no types", func(b *remote.MessageBatch, _ *remote.MessageEnvelope) { b.TypeNames = nil }),
		changed("a target out of range", func(_ *remote.MessageBatch, e *remote.MessageEnvelope) { e.Target = 1 }),
		changed("a negative target", func(_ *remote.MessageBatch, e *remote.MessageEnvelope) { e.Target = -1 }),
		changed("no targets", func(b *remote.MessageBatch, _ *remote.MessageEnvelope) { b.Targets = nil }),
		changed("a sender out of range", func(_ *remote.MessageBatch, e *remote.MessageEnvelope) { e.Sender = 2 }),
		changed("a negative sender", func(_ *remote.MessageBatch, e *remote.MessageEnvelope) { e.Sender = -1 }),
		changed("no senders", func(b *remote.MessageBatch, _ *remote.MessageEnvelope) { b.Senders = nil }),
		changed("a second envelope that is wrong", func(b *remote.MessageBatch, e *remote.MessageEnvelope) {
			b.Envelopes = append(b.Envelopes, &remote.MessageEnvelope{Target: 7, MessageData: e.MessageData})
		}),
		changed("the JSON serializer", func(_ *remote.MessageBatch, e *remote.MessageEnvelope) { e.SerializerId = 1 }),
		changed("a serializer that is none", func(_ *remote.MessageBatch, e *remote.MessageEnvelope) { e.SerializerId = 42 }),
		changed("a payload that is no protobuf", func(_ *remote.MessageBatch, e *remote.MessageEnvelope) { e.MessageData = []byte("\xff" + secret) }),
		changed("a payload that is too large", func(b *remote.MessageBatch, e *remote.MessageEnvelope) {
			b.TypeNames[0] = "kadeploy.v1.Submit"
			e.MessageData, _ = proto.Marshal(&message.Submit{Key: make([]byte, 4<<20)})
		}),
		changed("a great many empty envelopes", func(b *remote.MessageBatch, _ *remote.MessageEnvelope) {
			b.Envelopes = make([]*remote.MessageEnvelope, 1<<20)
			for i := range b.Envelopes {
				b.Envelopes[i] = &remote.MessageEnvelope{}
			}
		}),
		changed("a great many headers", func(_ *remote.MessageBatch, e *remote.MessageEnvelope) {
			e.MessageHeader = &remote.MessageHeader{HeaderData: map[string]string{"a": strings.Repeat("b", 1<<13)}}
		}),
		changed("a target on another host", func(b *remote.MessageBatch, _ *remote.MessageEnvelope) { b.Targets[0].Address = "192.0.2.1:80" }),
		changed("a target at the sender", func(b *remote.MessageBatch, _ *remote.MessageEnvelope) { b.Targets[0].Address = b.Senders[0].Address }),
		changed("a target without an address", func(b *remote.MessageBatch, _ *remote.MessageEnvelope) { b.Targets[0].Address = "" }),
		changed("a target at the address of systems without one", func(b *remote.MessageBatch, _ *remote.MessageEnvelope) { b.Targets[0].Address = "nonhost" }),
		changed("a target without a name", func(b *remote.MessageBatch, _ *remote.MessageEnvelope) { b.Targets[0].Id = "" }),
		changed("a request id of the target", func(_ *remote.MessageBatch, e *remote.MessageEnvelope) { e.TargetRequestId = 1 }),
		changed("a sender on another host", func(b *remote.MessageBatch, _ *remote.MessageEnvelope) { b.Senders[0].Address = "192.0.2.1:80" }),
		changed("a sender that is an actor of ours", func(b *remote.MessageBatch, _ *remote.MessageEnvelope) { b.Senders[0] = b.Targets[0] }),
		changed("a sender that is a guardian of ours", func(b *remote.MessageBatch, _ *remote.MessageEnvelope) {
			b.Senders[0] = &actor.PID{Address: "nonhost", Id: "guardian$1"}
		}),
		told("root/api/session", func(_ *peer, _ string) proto.Message { return &actor.Terminated{} }),
		told("root/api/session", func(_ *peer, us string) proto.Message {
			return &actor.Terminated{Who: &actor.PID{Address: us, Id: "root/deployments"}}
		}),
		told("root/deployments", func(p *peer, _ string) proto.Message { return &actor.Terminated{Who: p.pid()} }),
		told("activator", plain(&remote.ActorPidRequest{Name: "x", Kind: "unknown"})),
		told("future$1", plain(&message.Status{})),
		told(api, plain(&message.Status{})),
		told(api+"/session", plain(&message.Credit{})),
	}
	for _, to := range []string{api, api + "/session", "root/deployments", "root", "guardian$1", "EndpointSupervisor", "activator", "deadletter", "eventstream"} {
		all = append(all,
			told(to, plain(&actor.Stop{})), told(to, plain(&actor.PoisonPill{})), told(to, plain(&actor.Touch{})), told(to, plain(&actor.Watch{})),
			told(to, func(p *peer, _ string) proto.Message { return &actor.Watch{Watcher: p.pid()} }),
			told(to, func(p *peer, _ string) proto.Message { return &actor.Unwatch{Watcher: p.pid()} }),
		)
		if to != api {
			all = append(all, told(to, plain(&message.StatusRequest{})))
		}
	}
	return all
}
