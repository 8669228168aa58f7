// Package link opens the remote side of an actor system with bounded queues, bounded messages and keepalive, on loopback.
//
// The library's own defaults lose large bursts, grow without bound towards a stopped peer and never notice a hung one;
// every option here answers one of these. One link per process: the library keeps process-wide state.
package link

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// MaxMessage is the largest protobuf message that may be sent over a link, in bytes: the final report of 20,000 nodes. A
// batch of batchSize of them stays below maxBatch, what the receiving side accepts; one that does not would end the link.
const (
	MaxMessage = 4 << 20
	batchSize  = 4
	maxBatch   = batchSize*MaxMessage + 1<<20
	queueSize  = 1024
)

// Link is a started remote.
type Link struct {
	remote *remote.Remote
	once   sync.Once
}

// Start listens on address (host:port, loopback, port 0 for any) and gives the system that address.
// Start it before any actor is spawned: earlier PIDs would carry no address.
func Start(system *actor.ActorSystem, address string) (*Link, error) {
	host, port, err := loopback(address)
	if err != nil {
		return nil, err
	}
	// The library panics when it cannot listen; asking first gives the usual error. The gap between the two is harmless: the
	// panic is then caught below.
	probe, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", address, reason(err))
	}
	probe.Close()
	l := &Link{remote: remote.NewRemote(system, configure(host, port))}
	if err := l.start(); err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	return l, nil
}

func (l *Link) start() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	l.remote.Start()
	return nil
}

// Close ends the link without waiting for its peers. It may be called twice.
func (l *Link) Close() { l.once.Do(func() { l.remote.Shutdown(false) }) }

func configure(host string, port int) *remote.Config {
	c := remote.Configure(host, port,
		remote.WithEndpointWriterBatchSize(batchSize),
		remote.WithEndpointWriterQueueSize(queueSize),
		remote.WithEndpointManagerQueueSize(queueSize),
		remote.WithServerOptions(
			grpc.MaxRecvMsgSize(maxBatch),
			grpc.MaxConcurrentStreams(64),
			grpc.KeepaliveParams(keepalive.ServerParameters{Time: 10 * time.Second, Timeout: 3 * time.Second}),
			grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		),
		remote.WithDialOptions(
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 3 * time.Second}),
			grpc.WithContextDialer(dialLoopback),
		),
	)
	c.MaxRetryCount = 1 // more leak a connection per retry, and deliver what was sent during an outage late
	return c
}

// dialLoopback refuses every address but loopback, so that a peer cannot make this process dial elsewhere.
func dialLoopback(ctx context.Context, address string) (net.Conn, error) {
	if _, _, err := loopback(address); err != nil {
		return nil, err
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", address)
}

// loopback splits address and refuses what is not on this machine.
func loopback(address string) (string, int, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("%q is no HOST:PORT address", address)
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("%q: the port is no number from 0 to 65535", address)
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return "", 0, fmt.Errorf("%q is not on this machine: remote access needs authentication, which this version does not have; use 127.0.0.1", address)
	}
	return host, port, nil
}

func reason(err error) error {
	if op, ok := err.(*net.OpError); ok && op.Err != nil {
		return op.Err
	}
	return err
}
