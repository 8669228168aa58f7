package agent

import (
	"context"
	"fmt"
	"io"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/archive"
)

// runArchive fetches a pre- or post-install, unpacks it and runs its script. With "none" and "breakpoint" it is only
// unpacked; stopping is the server's business.
func (w *work) runArchive(k *agentpb.RunArchive) error {
	m := w.loop.config.Machine
	tree, err := m.Scratch(k.Dir)
	if err != nil {
		return fmt.Errorf("archive %s: %w", k.File, err)
	}
	ctx, cancel := context.WithCancelCause(w.ctx)
	defer cancel(nil)
	file, err := w.fetch(ctx, k.File, k.Size)
	if err != nil {
		return fmt.Errorf("fetch archive %s: %w", k.File, err)
	}
	_, err = unpack(k.Compression, file, cancel, func(in compressed) (stats, error) {
		_, err := archive.Extract(w.ctx, in, archive.Options{Dir: tree.Path, Budget: tree.Budget, Owners: os.Geteuid() == 0})
		return stats{}, err
	})
	if err != nil {
		return fmt.Errorf("archive %s: %w", k.File, err)
	}
	if k.Script == "none" || k.Script == "breakpoint" {
		return nil
	}
	w.output, err = m.RunScript(w.ctx, machine.Script{Dir: k.Dir, Line: k.Script, Env: k.Env})
	return err
}

// fetch opens a stream of exactly so many bytes, until ctx ends.
func (w *work) fetch(ctx context.Context, file string, size uint64) (io.Reader, error) {
	stream, err := w.loop.link.client.Fetch(ctx, &agentpb.FetchRequest{Session: w.loop.link.session, File: file})
	if err != nil {
		return nil, err
	}
	return &fetched{stream: stream, left: size}, nil
}

// fetched reads the chunks of a stream. More bytes than announced, or fewer, are an error.
type fetched struct {
	stream grpc.ServerStreamingClient[agentpb.FetchChunk]
	part   []byte
	left   uint64
}

func (f *fetched) Read(p []byte) (int, error) {
	for len(f.part) == 0 {
		chunk, err := f.stream.Recv()
		switch {
		case err == io.EOF && f.left > 0:
			return 0, fmt.Errorf("fetch: %d bytes are missing: %w", f.left, io.ErrUnexpectedEOF)
		case err == io.EOF:
			return 0, io.EOF
		case err != nil:
			return 0, fmt.Errorf("fetch: %s", status.Convert(err).Message())
		case uint64(len(chunk.Data)) > f.left:
			return 0, fmt.Errorf("fetch: the file is larger than the order said")
		}
		f.part = chunk.Data
		f.left -= uint64(len(f.part))
	}
	n := copy(p, f.part)
	f.part = f.part[n:]
	return n, nil
}
