package link

import (
	"errors"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/internal/pki"
)

// conversation is what a peer has said on one stream. It does no I/O: bytes in, a message that the library can take out.
type conversation struct {
	kinds    kinds
	self     string                     // our address
	identity pki.Identity               // whom the peer's certificate names
	claim    func(address string) error // whether the peer may speak from an address
	peer     string                     // the address of the handshake; "" before it
}

// take checks one message. Its errors are for the log and for the peer; they hold nothing of the payload.
func (c *conversation) take(raw []byte) (*remote.RemoteMessage, error) {
	if err := bounded(raw); err != nil {
		return nil, err
	}
	m := &remote.RemoteMessage{}
	if err := proto.Unmarshal(raw, m); err != nil {
		return nil, errEncoding // the decoder's own text may quote what it read
	}
	switch t := m.MessageType.(type) {
	case *remote.RemoteMessage_ConnectRequest:
		return m, c.handshake(t.ConnectRequest)
	case *remote.RemoteMessage_MessageBatch:
		if c.peer == "" {
			return nil, errors.New("a batch before the handshake")
		}
		return m, c.batch(t.MessageBatch)
	}
	return nil, errors.New("a message that no peer sends")
}

func (c *conversation) handshake(r *remote.ConnectRequest) error {
	s := r.GetServerConnection()
	switch {
	case c.peer != "":
		return errors.New("a second handshake")
	case s == nil:
		return errors.New("a handshake without an address")
	}
	if err := c.claim(s.GetAddress()); err != nil {
		return fmt.Errorf("a handshake with %w", err)
	}
	c.peer = s.GetAddress()
	return nil
}

func (c *conversation) batch(b *remote.MessageBatch) error {
	for _, pid := range b.GetTargets() {
		if !at(pid, c.self) {
			return errors.New("a target that is not here") // the library would relay to it
		}
	}
	for _, pid := range b.GetSenders() {
		if !at(pid, c.peer) {
			return errors.New("a sender that is not at the address of the handshake")
		}
	}
	for i, e := range b.GetEnvelopes() {
		if err := c.envelope(b, e); err != nil {
			return fmt.Errorf("message %d of a batch: %w", i, err)
		}
	}
	return nil
}

// at tells whether an actor that a batch names is at an address. The protocol has no use for request ids.
func at(pid *actor.PID, address string) bool {
	return pid != nil && pid.Address == address && pid.Id != "" && len(pid.Id) <= maxID && pid.RequestId == 0
}

// envelope checks one message of a batch, and replaces its headers.
func (c *conversation) envelope(b *remote.MessageBatch, e *remote.MessageEnvelope) error {
	switch {
	case e == nil:
		return errors.New("none")
	case e.SerializerId != 0:
		return errors.New("a serializer other than protobuf")
	case !within(e.TypeId, len(b.TypeNames)):
		return errors.New("a type out of range")
	case !within(e.Target, len(b.Targets)):
		return errors.New("a target out of range")
	case !within(e.Sender, len(b.Senders)+1): // 0: no sender
		return errors.New("a sender out of range")
	case e.TargetRequestId != 0 || e.SenderRequestId != 0:
		return errors.New("a request id")
	case len(e.MessageData) > MaxMessage:
		return fmt.Errorf("%d bytes, more than %d", len(e.MessageData), MaxMessage)
	}
	k, ok := c.kinds[b.TypeNames[e.TypeId]]
	if !ok || !k.allows(b.Targets[e.Target].Id) {
		return errors.New("a type that its target does not take")
	}
	if err := c.payload(k, e); err != nil {
		return err
	}
	e.MessageHeader = &remote.MessageHeader{HeaderData: map[string]string{PeerHeader: c.peer, IdentityHeader: c.identity.String()}}
	return nil
}

// payload decodes a message, as the library will again, so that a batch is taken whole or not at all, and looks into
// those that the library acts on itself.
func (c *conversation) payload(k kind, e *remote.MessageEnvelope) error {
	m := k.message.New().Interface()
	if err := proto.Unmarshal(e.MessageData, m); err != nil {
		return errors.New("bytes that are not of its type")
	}
	var about *actor.PID
	switch m := m.(type) {
	case *actor.Watch:
		about = m.Watcher
	case *actor.Unwatch:
		about = m.Watcher
	case *actor.Terminated:
		about = m.Who
	default:
		return nil
	}
	if !at(about, c.peer) {
		return errors.New("a watch by, or the end of, an actor that is not at the address of the handshake")
	}
	return nil
}

func within(index int32, length int) bool { return index >= 0 && int(index) < length }
