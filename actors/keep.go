package actors

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"net"
	"slices"
	"strconv"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/workflow"
)

// An agent keeps its order to receive the image when its connection breaks, also when the daemon dies. What it has kept is of use to the try
// that gave the order, as long as all that was done to the disk before would be done in the same way today. The name of the order says that: it
// is a digest of all of it. What pre-installs and custom operations do to a disk is in no order: behind them nothing is kept. The key of the
// transfer is in memory only: agents hand it back, in the session that their certificate opened.

// receive is the order of a node to receive the image, without what is the transfer's. An image is a whole system: the nodes of devices that
// its first programs need are part of it.
func (j *job) receive(n *config.Node) *agentpb.Receive {
	digest := j.image.Manifest.Digest()
	return &agentpb.Receive{
		Manifest: digest[:],
		Listen:   net.JoinHostPort(n.Addr.String(), strconv.Itoa(n.ChainPort)),
		Kind:     j.image.Kind, Compression: j.image.Compression,
		Target: j.target(n), Ring: uint64(n.ChainRing),
		SlowDisk: durationpb.New(n.SlowDisk), Stall: durationpb.New(j.stall),
		Size: uint64(j.image.Needs), Verify: n.VerifyImage, Devices: true,
	}
}

// keep is the name of the node's order to receive the image in this try; nil when agents do not call again, or it cannot be known what was
// done to the disk before.
func (w *walker) keep() []byte {
	if w.job.reconnect <= 0 {
		return nil
	}
	preparation := w.target.plan.Preparation()
	if slices.ContainsFunc(preparation, func(s workflow.Step) bool { return s.Custom != nil || s.Micro == workflow.ManageAdminPre }) {
		return nil
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %q %d\n", w.job.id, w.host, w.attempt.Macro, w.attempt.Instance, w.attempt.Try)
	write(h, &agentpb.Order{Kind: &agentpb.Order_Receive{Receive: w.job.receive(w.target.node)}})
	for _, s := range preparation {
		orders, err := w.orders(nil, s.Micro) // without a session: these offer it no file
		fmt.Fprintf(h, "%s %d %v\n", s, len(orders), err)
		for _, o := range orders {
			write(h, o)
		}
	}
	return h.Sum(nil)
}

// write puts an order into a digest.
func write(h hash.Hash, o *agentpb.Order) {
	b, _ := proto.MarshalOptions{Deterministic: true}.Marshal(o) // fails of texts that are not UTF-8: then their order is of no use either
	fmt.Fprintf(h, "%d\n", len(b))
	h.Write(b)
}

// keptBy is the order of this try that an agent has kept, or has failed to carry out; nil when that is no matter of this try.
func (w *walker) keptBy(kept *agentpb.Kept) *agentpb.Kept {
	if w.attempt.Resumes() == 0 || kept == nil || !ofTry(kept, w.keep(), w.target.node.ChainTLS) {
		return nil
	}
	return kept
}

// ofTry says whether a try whose order has this name takes what an agent has kept: it goes on with it or, where that has failed, has failed. That
// nobody fed it any more is the failure of no node. A node that wants TLS does not go on without.
func ofTry(kept *agentpb.Kept, name []byte, tls bool) bool {
	switch {
	case name == nil, !bytes.Equal(kept.GetName(), name), kept.GetForsaken():
		return false
	case kept.GetError() != "":
		return true
	}
	return (kept.GetTls() || !tls) && len(kept.GetTransfer()) == len(broadcast{}.transfer) && len(kept.GetKey()) == len(broadcast{}.key)
}

// failedAway is the failure of a node that could not carry out its order to receive the image, when its agent tells of it after it was away.
func failedAway(why string) error {
	return &orderError{text: "while its agent was away: " + line(why)}
}

// transferOf tells one transfer from another; "": it is none. It is no secret.
func transferOf(kept *agentpb.Kept) string {
	if kept == nil {
		return ""
	}
	h := sha256.New()
	h.Write(kept.GetTransfer())
	h.Write(kept.GetKey())
	fmt.Fprint(h, kept.GetTls())
	return hex.EncodeToString(h.Sum(nil))
}
