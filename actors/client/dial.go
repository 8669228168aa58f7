package client

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/link"
	"github.com/kadeploy/kadeploy/internal/pki"
	"github.com/kadeploy/kadeploy/supervisor"
)

// Dial connects to a server. It fails with ErrNoServer at once when nothing listens there, and with ErrIdentity when the server does
// not know who asks.
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	system := sync.OnceValue(func() *actor.ActorSystem {
		s, _ := supervisor.NewSystem(cfg.Log)
		return s
	})
	go system() // it takes about as long as the server needs to let us in
	c, err := dial(ctx, cfg, system)
	if err != nil {
		system().Shutdown()
		return nil, err
	}
	return c, nil
}

func dial(ctx context.Context, cfg Config, system func() *actor.ActorSystem) (*Client, error) {
	identity, wallet, err := known(ctx, cfg)
	if err != nil {
		return nil, err
	}
	who, err := wallet.Identity()
	if err != nil {
		return nil, err
	}
	web := &http.Client{Transport: transport(wallet)}
	if cfg.Uploader == nil {
		cfg.Uploader = HTTPUploader(web, "https://"+cfg.Server)
	}
	inbox := "inbox-" + newID() // told to the server only: who does not know it cannot send here
	door, err := link.Knock(ctx, link.ClientConfig{Server: cfg.Server, Policy: link.ClientPolicy(inbox), Own: wallet, Log: cfg.Log})
	if err != nil {
		return nil, unlinked(ctx, cfg.Server, err)
	}
	c := &Client{
		server: cfg.Server, user: who.Name, system: system(),
		api:     actor.NewPID(link.DaemonAddress, APIName),
		silence: cmp.Or(cfg.Silence, 3*time.Second), outage: cmp.Or(cfg.Outage, 15*time.Second),
		web: web, uploader: cfg.Uploader, uploading: cfg.Uploading,
		calls: make(map[string]chan proto.Message),
	}
	if c.link, err = door.Start(c.system); err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	if c.inbox, err = c.system.Root.SpawnNamed(supervisor.Props(func() actor.Actor { return receiver(c.receive) }), inbox); err != nil {
		c.link.Close()
		return nil, fmt.Errorf("client: %w", err)
	}
	fresh, stop := context.WithCancel(context.Background())
	c.stop = stop
	c.renewing.Go(func() { identity.keepFresh(fresh, cfg.Server, wallet) })
	return c, nil
}

// known finds out who asks, and sees that the server will know it, too.
func known(ctx context.Context, cfg Config) (Identity, *pki.Wallet, error) {
	identity, err := cfg.Identity.orDefault(cfg.Server)
	if err != nil {
		return identity, nil, err
	}
	wallet, err := identity.obtain(ctx, cfg.Server)
	if err != nil {
		if gone := reachable(ctx, cfg.Server); gone != nil {
			return identity, nil, gone // that explains more
		}
	}
	return identity, wallet, err
}

// transport speaks HTTP/1.1, by which the server tells it from the link on the same port.
func transport(own pki.Credentials) *http.Transport {
	return &http.Transport{TLSClientConfig: pki.ClientTLS(own), TLSHandshakeTimeout: patience, Protocols: protocols(), ForceAttemptHTTP2: false}
}

func protocols() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return p
}

// unlinked words why there is no link.
func unlinked(ctx context.Context, server string, err error) error {
	if gone := reachable(ctx, server); gone != nil {
		return gone
	}
	return fmt.Errorf("%w at %s: %w", ErrIdentity, server, err)
}

// reachable tells a server that is not running from one that is slow.
func reachable(ctx context.Context, server string) error {
	d := net.Dialer{Timeout: 2 * time.Second}
	conn, err := d.DialContext(ctx, "tcp", server)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w at %s (start it: kadeploy-server start)", ErrNoServer, server)
	}
	return conn.Close()
}
