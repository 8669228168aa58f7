package link_test

import (
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/link"
	"github.com/kadeploy/kadeploy/actors/message"
)

const (
	here  = link.DaemonAddress
	there = "client-00112233445566778899aabbccddeeff:1"
)

// FuzzCheck reads whatever is let through the way the library does: no index may be out of range, no type unknown, no
// actor elsewhere than it may be, and never a panic.
func FuzzCheck(f *testing.F) {
	p := &peer{address: there}
	for _, m := range []*remote.RemoteMessage{
		{}, hello(there), hello(here), batched(p.request(here, "a")),
		batched(p.batch(here, api, &message.Submit{Nodes: []string{"node-1"}, Key: []byte("key")})),
		batched(p.batch(here, api+"/session", &actor.Terminated{Who: p.pid()})),
		batched(p.batch(here, "inbox", &actor.Watch{Watcher: p.pid()})),
		batched(p.batch(here, "inbox", &message.Event{Id: "D-1", Fact: &message.Event_Ended{Ended: &message.Ended{}}})),
	} {
		add(f, m)
	}
	for _, c := range batches() {
		if b := c.batch(p, here); proto.Size(b) < 1<<12 {
			add(f, batched(b))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, server, greeted bool) {
		policy := link.ClientPolicy("inbox")
		if server {
			policy = link.ServerPolicy(api)
		}
		c, err := link.NewChecker(policy, here, there, greeted)
		if err != nil {
			t.Fatal(err)
		}
		m, err := c.Take(raw)
		if err != nil {
			return
		}
		if (m.GetConnectRequest() == nil) != greeted {
			t.Fatalf("out of turn: %v", m)
		}
		read(t, m.GetMessageBatch())
	})
}

func add(f *testing.F, m *remote.RemoteMessage) {
	raw, err := proto.Marshal(m)
	if err != nil {
		f.Fatal(err)
	}
	for i := range 4 {
		f.Add(raw, i&1 != 0, i&2 != 0)
	}
}

// read is what the library does with a batch, without a look before.
func read(t *testing.T, b *remote.MessageBatch) {
	for _, e := range b.GetEnvelopes() {
		if e.Sender != 0 && b.Senders[e.Sender-1].Address != there {
			t.Fatalf("a foreign sender: %v", b)
		}
		if b.Targets[e.Target].Address != here {
			t.Fatalf("a target elsewhere: %v", b)
		}
		m, err := remote.Deserialize(e.MessageData, b.TypeNames[e.TypeId], e.SerializerId)
		if err != nil {
			t.Fatalf("%v: %v", err, b)
		}
		switch m := m.(type) {
		case *actor.Terminated:
			_ = m.Who.Address
		case *actor.Stop, *actor.PoisonPill:
			t.Fatalf("%T", m)
		}
		if h := e.MessageHeader.HeaderData; len(h) != 2 || h[link.PeerHeader] != there || h[link.IdentityHeader] != "ka://daemon" {
			t.Fatalf("headers %v", h)
		}
	}
}
