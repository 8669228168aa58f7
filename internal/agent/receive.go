package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/kadeploy/kadeploy/chain"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/compress"
	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/archive"
)

// reportEvery keeps progress under five reports a second.
const reportEvery = 210 * time.Millisecond

// readingBack bounds the time in which a disk gives back what was written to it: 2 TB of a slow one. Long before that, the time of the macro-step is over.
const readingBack = 6 * time.Hour

// orphaned is how long the link of an order that is kept waits for a feeder. Who ordered it ends it before, when he knows of none to come; when
// he is away himself for too long, this agent does.
const orphaned = 24 * time.Hour

// receive makes this node a link of the chain. The image goes straight to the disk: chain, decompression, tar or device.
func (w *work) receive(r *agentpb.Receive) error {
	cfg, err := w.link(r)
	if err != nil {
		return fmt.Errorf("receive: %w", err)
	}
	sink, err := w.sink(r)
	if err != nil {
		return fmt.Errorf("receive: %w", err)
	}
	l, err := w.listen(r.Listen)
	if err != nil {
		sink.Abort(err)
		sink.wait()
		return fmt.Errorf("receive: %w", err)
	}
	defer l.Close()
	cfg.Listener, cfg.Sink = l, sink
	w.listens(l.Addr().String())
	defer w.listens("")
	w.report(&agentpb.Progress{Listening: l.Addr().String()})
	got, err := chain.Receive(w.ctx, cfg)
	// The chain waits for no sink that hangs; this node must, or a later order would meet it on the disk.
	sink.Abort(errors.New("the transfer is over"))
	stats, sinkErr := sink.wait()
	switch {
	case w.ctx.Err() != nil && err != nil:
		return err
	case sinkErr != nil && !errors.Is(sinkErr, errSinkAborted):
		return sinkErr // says more than the chain does about it
	case err != nil:
		return err
	case sinkErr != nil:
		return sinkErr
	}
	w.digest, w.unrestored = r.Manifest, stats.skipped
	w.output = stats.text(got.Bytes)
	return nil
}

// listens says where the link of the chain listens; "": nowhere.
func (w *work) listens(address string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.listening = address
}

// listen opens a port of this node's own address, and of no other.
func (w *work) listen(address string) (net.Listener, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil || at.Addr() != w.loop.config.Address {
		return nil, fmt.Errorf("listen on %q: want a port of %s", address, w.loop.config.Address)
	}
	return net.Listen("tcp", address)
}

func (w *work) link(r *agentpb.Receive) (chain.ReceiveConfig, error) {
	var cfg chain.ReceiveConfig
	if len(r.Transfer) != len(cfg.Transfer) || len(r.Key) != len(cfg.Key) || len(r.Manifest) != len(cfg.Manifest) {
		return cfg, errors.New("transfer, key or manifest digest has the wrong length")
	}
	copy(cfg.Transfer[:], r.Transfer)
	copy(cfg.Key[:], r.Key)
	copy(cfg.Manifest[:], r.Manifest)
	cfg.Name = w.loop.config.Node
	cfg.Ring = int64(min(r.Ring, 4<<30))
	cfg.TLS = r.Tls
	cfg.StallTimeout = r.Stall.AsDuration()
	if cfg.SlowSink = r.SlowDisk.AsDuration(); r.SlowDisk != nil && cfg.SlowSink <= 0 {
		cfg.SlowSink = -1 // never
	}
	if r.Verify {
		cfg.CloseTimeout = readingBack
	}
	if w.keeps() {
		cfg.OrphanTimeout = orphaned
	}
	cfg.DialFrom = w.loop.config.Address.String()
	var last time.Time
	cfg.Progress = func(n int64) {
		if now := time.Now(); now.Sub(last) >= reportEvery {
			last = now
			w.report(&agentpb.Progress{Bytes: uint64(n)})
		}
	}
	return cfg, nil
}

// sink opens the place the image goes to.
func (w *work) sink(r *agentpb.Receive) (*sink, error) {
	m := w.loop.config.Machine
	switch r.Kind {
	case "tar":
		tree, err := m.Tree(r.Target)
		if err == nil {
			err = fits(r, tree)
		}
		if err != nil {
			return nil, err
		}
		return treeSink(w.ctx, r.Compression, tree, devices(r.Devices, tree.Devices))
	case "dd":
		device, err := m.Device(r.Target, int64(min(r.Size, math.MaxInt64)))
		if err != nil {
			return nil, err
		}
		if r.Verify {
			device.Verify()
		}
		s, err := newSink(r.Compression, func(in compressed) (stats, error) { return copyTo(w.ctx, device, in) })
		if err != nil {
			return nil, errors.Join(err, device.Close())
		}
		return s, nil
	}
	return nil, fmt.Errorf("kind %q: want tar or dd (compressions: %v)", r.Kind, compress.Names)
}

// fits says whether an archive can be unpacked in a tree. What another try has left there makes room for the same files, and does not count.
func fits(r *agentpb.Receive, tree machine.Tree) error {
	if tree.Room <= 0 || r.Size <= uint64(tree.Room) {
		return nil
	}
	return fmt.Errorf("%w: the image needs %d MiB, and %s has room for %d MiB; nothing was written", syscall.ENOSPC,
		(r.Size-1)>>20+1, cmp.Or(tree.Device, r.Target), tree.Room>>20)
}

// treeSink unpacks an archive below a tree.
func treeSink(ctx context.Context, compression string, tree machine.Tree, d archive.Devices) (*sink, error) {
	o := archive.Options{Dir: tree.Path, Budget: tree.Budget, Owners: os.Geteuid() == 0, Devices: d}
	return newSink(compression, func(in compressed) (stats, error) {
		s, err := archive.Extract(ctx, in, o)
		return stats{entries: s.Entries, bytes: s.Bytes, skipped: s.Skipped}, err
	})
}

func devices(allowed, possible bool) archive.Devices {
	switch {
	case !allowed:
		return archive.RefuseDevices
	case !possible:
		return archive.SkipDevices
	}
	return archive.MakeDevices
}
