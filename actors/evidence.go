package actors

import (
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/message"
)

const (
	toldSkips = 20 // events of one node in one broadcast; more are only counted
	keptSkips = 3  // in its report

	maxSkips = 256 << 10 // bytes of them in the report of all nodes, which is one message
	skipSize = 128       // of one of them, with its cause cut
	maxWhy   = 80        // bytes of that
)

// skipped tells that a node left its chain, and remembers it for the node's report. What an earlier broadcast says of a node that
// is in another by now is old news.
func (d *deploy) skipped(m chainSkip) {
	v := d.views[m.skip.Node]
	if v == nil || v.chain != m.chain {
		return
	}
	t := v.transfer
	t.Skips++
	t.Skipped = append(t.Skipped[max(0, len(t.Skipped)-keptSkips+1):],
		&message.ChainSkip{By: m.skip.By, Cause: m.skip.Cause, Offset: m.skip.Offset})
	if t.Skips <= toldSkips && d.end == nil {
		d.record(&message.Event{Fact: &message.Event_Skip{Skip: m.skip}})
	}
}

// transferred completes what is known of a node's last broadcast.
func (d *deploy) transferred(m chainTransfer) {
	v := d.views[m.host]
	if v == nil || v.chain != m.chain {
		return
	}
	m.transfer.Position, m.transfer.Skips, m.transfer.Skipped = v.transfer.Position, v.transfer.Skips, v.transfer.Skipped
	v.transfer = m.transfer
}

// reported is a copy of the transfer for the final report of so many nodes; nil when there was none.
func reported(t *message.NodeTransfer, nodes int) *message.NodeTransfer {
	if t == nil {
		return nil
	}
	t = proto.CloneOf(t)
	t.Skipped = t.Skipped[max(0, len(t.Skipped)-maxSkips/skipSize/nodes):]
	for _, s := range t.Skipped {
		if len(s.Cause) > maxWhy {
			s.Cause = strings.ToValidUTF8(s.Cause[:maxWhy], "") + "…"
		}
	}
	return t
}
