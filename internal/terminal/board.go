package terminal

import (
	"time"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/wording"
	"github.com/kadeploy/kadeploy/internal/workflow"
)

// maxRows bounds the nodes of one operation that are shown.
const maxRows = 200_000

// Row is one node. Its texts are clean.
type Row struct {
	Name, Cluster          string
	Phase                  message.NodePhase
	Macro, Instance, Micro string
	Try                    uint32    // of this instance, from 1
	Bytes                  uint64    // of the image, received so far
	Since                  time.Time // when this state began, on the server's clock
	Cause                  string
	Interrupted            bool   // RETRYING, because the server was stopped
	Evidence               string // last lines of what the node said, as they came: not clean
}

// Receiving tells whether the image is on its way to the node.
func (r *Row) Receiving() bool {
	return r.Phase == message.NodePhase_RUNNING && r.Micro == string(workflow.SendEnvironment)
}

// Board is what is known of one operation from its events. Its zero value knows nothing. One goroutine at a time.
type Board struct {
	ID          string
	Operation   message.Operation
	User        string
	Environment string // name:version
	Image       string
	ImageSize   uint64
	MinNodes    int // 0: every node
	Started     time.Time
	Note        string // the last word of the chain or of the server
	Ended       *message.Ended

	rows   []Row
	index  map[string]int
	counts [message.NodePhase_CANCELLED + 1]int
	bytes  uint64        // received by the nodes that are wanted
	lag    time.Duration // least difference seen between our clock and the server's
	heard  bool
}

// Apply takes one event that was read at now. It reports whether more than the bytes received changed.
func (b *Board) Apply(e *message.Event, now time.Time) bool {
	at := e.GetTime().AsTime()
	if lag := now.Sub(at); !b.heard || lag < b.lag {
		b.lag, b.heard = lag, true
	}
	b.ID = wording.Clean(e.GetId())
	switch fact := e.GetFact().(type) {
	case *message.Event_Started:
		b.start(fact.Started, at)
	case *message.Event_Node:
		return b.change(fact.Node, at)
	case *message.Event_Chain:
		b.Note = "chain: " + chainText(fact.Chain)
	case *message.Event_Skip:
		b.Note = "chain: " + Skip(fact.Skip.GetNode(), fact.Skip)
	case *message.Event_Note:
		b.Note = wording.Clean(fact.Note.GetText())
	case *message.Event_Ended:
		b.Ended = fact.Ended
	}
	return true
}

func (b *Board) start(s *message.Started, at time.Time) {
	b.Operation, b.User, b.Started = s.GetOperation(), wording.Clean(s.GetUser()), at
	b.Environment, b.Image, b.ImageSize = wording.Clean(s.GetEnvironment()), wording.Clean(s.GetImage()), s.GetImageSize()
	b.MinNodes = int(s.GetMinNodes())
	for _, n := range s.GetNodes() {
		if r := b.row(n.GetName(), at); r != nil {
			r.Cluster = wording.Clean(n.GetCluster())
		}
	}
}

// change moves one node. A repeated state is progress of the image, no change.
func (b *Board) change(n *message.NodeChanged, at time.Time) bool {
	r := b.row(n.GetNode(), at)
	if r == nil {
		return false
	}
	next := *r
	next.Phase = n.GetPhase()
	next.Macro, next.Instance, next.Micro = wording.Clean(n.GetMacro()), wording.Clean(n.GetInstance()), wording.Clean(n.GetMicro())
	next.Try, next.Cause, next.Evidence = n.GetTry(), wording.Clean(n.GetCause()), n.GetEvidence()
	next.Interrupted = n.GetInterrupted() != nil
	moved := next.Phase != r.Phase || next.Macro != r.Macro || next.Instance != r.Instance || next.Micro != r.Micro || next.Try != r.Try
	if moved {
		next.Since = at
		b.count(r.Phase, -1)
		b.count(next.Phase, +1)
	}
	next.Bytes = b.received(r, &next, n.GetBytes(), moved)
	b.bytes += next.counted() - r.counted()
	*r = next
	return moved
}

// received is how much of the image a node has after a change: later steps do not unlearn it, another try does.
func (b *Board) received(before, after *Row, bytes uint64, moved bool) uint64 {
	switch {
	case bytes > 0 || moved && after.Receiving():
		return bytes
	case before.Receiving() && after.Phase == message.NodePhase_RUNNING && after.Macro == before.Macro:
		return b.ImageSize // the step after it began: the last progress may not have been told
	}
	return before.Bytes
}

// counted is the part of the row in the sum of the broadcast.
func (r *Row) counted() uint64 {
	switch r.Phase {
	case message.NodePhase_KO, message.NodePhase_CUT, message.NodePhase_CANCELLED:
		return 0
	}
	return r.Bytes
}

// row finds a node's row or makes it; nil when there are too many.
func (b *Board) row(name string, at time.Time) *Row {
	name = wording.Clean(name)
	if i, ok := b.index[name]; ok {
		return &b.rows[i]
	}
	if len(b.rows) >= maxRows {
		return nil
	}
	if b.index == nil {
		b.index = make(map[string]int)
	}
	b.index[name] = len(b.rows)
	b.rows = append(b.rows, Row{Name: name, Since: at})
	b.count(message.NodePhase_WAITING, +1)
	return &b.rows[len(b.rows)-1]
}

func (b *Board) count(p message.NodePhase, n int) {
	if int(p) < len(b.counts) && p >= 0 {
		b.counts[p] += n
	}
}

// Rows returns the nodes in the order of the request; the slice is the board's own.
func (b *Board) Rows() []Row { return b.rows }

// Count is the number of nodes in a phase.
func (b *Board) Count(p message.NodePhase) int { return b.counts[p] }

// Row returns what is known of one node.
func (b *Board) Row(name string) (Row, bool) {
	i, ok := b.index[name]
	if !ok {
		return Row{}, false
	}
	return b.rows[i], true
}

// Broadcast is the part of all the bytes wanted that the nodes have, 0 to 1, nodes that were given up left out; ok is
// false while nobody has any.
func (b *Board) Broadcast() (part float64, ok bool) {
	if b.bytes == 0 || b.ImageSize == 0 {
		return 0, false
	}
	wanted := len(b.rows) - b.Count(message.NodePhase_KO) - b.Count(message.NodePhase_CUT) - b.Count(message.NodePhase_CANCELLED)
	return min(1, float64(b.bytes)/(float64(b.ImageSize)*float64(wanted))), true
}

// Elapsed is the time since the operation started when our clock shows now, whatever the difference of the clocks.
func (b *Board) Elapsed(now time.Time) time.Duration { return b.since(b.Started, now) }

func (b *Board) since(at, now time.Time) time.Duration {
	if at.IsZero() {
		return 0
	}
	return max(0, now.Add(-b.lag).Sub(at))
}

// snapshot is a copy that later events do not change.
func (b *Board) snapshot() Board {
	c := *b
	c.rows = append([]Row(nil), b.rows...)
	c.index = nil
	return c
}
