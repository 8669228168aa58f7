package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/kadeploy/kadeploy/internal/pki"
)

// ServerConfig is what the daemon's side is made of.
type ServerConfig struct {
	Address string // HOST:PORT to listen on; port 0 for any
	Policy  Policy
	TLS     *tls.Config                    // for who connects: certificates that are shown must be good
	Calls   func(pki.Identity) *tls.Config // for calls to a client: that identity must answer
	Web     http.Handler                   // for what is no message, on the same port; none when nil
	Log     *slog.Logger                   // of what is refused; none when nil
}

// StartServer opens the daemon's side. It dials nobody: it speaks to clients over connections that they have parked.
func StartServer(system *actor.ActorSystem, cfg ServerConfig) (*Link, error) {
	lot := newLot(cfg.Policy.withDefaults().Streams)
	l, err := start(system, parts{
		listen: cfg.Address, address: DaemonAddress, server: cfg.TLS, policy: cfg.Policy, lot: lot, web: cfg.Web, log: cfg.Log,
		calls: calls{owner: lot.owner, config: cfg.Calls},
		dial:  lot.take,
		claim: func(who pki.Identity, address string) (func(), error) {
			if !isClient(address) {
				return nil, errors.New("what is no address of a client")
			}
			return lot.hold(who, address)
		},
	})
	if err == nil {
		l.closed = append(l.closed, func() { lot.expel(pki.Identity{}) })
	}
	return l, err
}

// ClientConfig is what a client's side is made of.
type ClientConfig struct {
	Server string // HOST:PORT of the daemon
	Policy Policy
	Own    pki.Credentials // what the client shows, and whom it trusts
	Log    *slog.Logger    // of what is refused; none when nil
}

// Door is where a client was let in.
type Door struct {
	cfg   ClientConfig
	local string // where our own system listens, for the daemon
	place *parking
	first *tls.Conn
}

// Knock parks a connection at the daemon. It fails when the daemon cannot be reached, or does not take the client's certificate.
// Start must follow.
func Knock(ctx context.Context, cfg ClientConfig) (*Door, error) {
	local, err := freePort()
	if err != nil {
		return nil, err
	}
	toDaemon := func() *tls.Config { return pki.ClientTLS(cfg.Own) }
	d := &Door{cfg: cfg, local: local}
	d.place = &parking{server: cfg.Server, config: toDaemon, address: newClientAddress(), local: func() string { return d.local }}
	if d.first, err = d.place.begin(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// Start opens the client's side: what was parked, and a port on the loopback that nobody but the daemon gets an answer from.
func (d *Door) Start(system *actor.ActorSystem) (*Link, error) {
	if err := d.settle(); err != nil {
		return nil, err
	}
	l, err := start(system, parts{
		listen: d.local, address: d.place.address, server: pki.ServerTLS(d.cfg.Own), policy: d.cfg.Policy, log: d.cfg.Log,
		calls: calls{owner: onlyDaemon, config: func(pki.Identity) *tls.Config { return d.place.config() }},
		dial: func(ctx context.Context, address string) (net.Conn, error) {
			if address != DaemonAddress {
				return nil, fmt.Errorf("%q is not the daemon", address)
			}
			return (&net.Dialer{}).DialContext(ctx, "tcp", d.cfg.Server)
		},
		claim: func(_ pki.Identity, address string) (func(), error) {
			if address != DaemonAddress {
				return nil, errors.New("another address than the daemon's")
			}
			return func() {}, nil
		},
	})
	if err != nil {
		d.first.Close()
		return nil, err
	}
	parking, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.place.run(parking, d.first)
	}()
	l.closed = append(l.closed, func() { stop(); <-done })
	return l, nil
}

// settle looks whether the port is still free, now that the daemon has answered, and takes another one if not.
func (d *Door) settle() (err error) {
	for range portTries {
		if _, _, err = listenable(d.local); err == nil {
			return nil
		}
		if d.local, err = freePort(); err != nil {
			break
		}
	}
	d.first.Close()
	return err
}

// portTries is how often a port is lost before a client gives up.
const portTries = 10

// freePort is where the library will listen: it does not tell which port it got. Should another take it at the last moment, the client
// does not start, and says so.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("cannot listen on this machine: %w", reason(err))
	}
	defer l.Close()
	return l.Addr().String(), nil
}
