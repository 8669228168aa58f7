package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/pki"
)

const (
	firstRetry     = 100 * time.Millisecond
	lastRetry      = 2 * time.Second
	welcomeTimeout = 10 * time.Second // from a call to its answer: the certificate, the Welcome
	pingEvery      = 10 * time.Second
	pingTimeout    = 3 * time.Second
	bufferSize     = 4 << 10 // of the connection; a sandbox has thousands of agents in one process
)

// caller gets through to the server: first for a certificate, then with it for the stream.
type caller struct {
	config *Config
	kept   *work                 // the server is told of it; nil: there is none
	wallet *pki.Wallet           // in memory: the key is never anywhere else
	bogus  atomic.Pointer[error] // why who answered is not the server
}

func (c *caller) call(ctx context.Context) (l *link, err error) {
	if c.wallet, err = pki.OpenWallet(""); err == nil {
		err = c.wallet.NewKey()
	}
	if err != nil {
		return nil, fmt.Errorf("agent: %w", err)
	}
	if err := c.until(ctx, c.enrol); err != nil {
		return nil, err
	}
	return c.stream(ctx, ctx)
}

// again calls with the certificate of before, for so long.
func (c *caller) again(ctx context.Context, within time.Duration) (*link, error) {
	patience, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("it was away for %s", within))
	defer cancel()
	return c.stream(ctx, patience)
}

// stream calls as long as patience lasts, for a stream that lives as long as life. A server that died before it had written down to whom it
// gave a certificate does not know it, but expects the token still: then the same key is certified again.
func (c *caller) stream(life, patience context.Context) (l *link, err error) {
	err = c.until(patience, func(ctx context.Context) (err error) {
		l, err = c.dial(life)
		if status.Code(err) == codes.PermissionDenied && c.enrol(ctx) == nil {
			l, err = c.dial(life)
		}
		return err
	})
	return l, err
}

// until tries until the server has answered, or nothing can come of it.
func (c *caller) until(ctx context.Context, try func(context.Context) error) error {
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("call the server at %s: %w", c.config.Server, context.Cause(ctx))
		}
		if why := c.bogus.Load(); why != nil {
			return fmt.Errorf("who answers at %s is refused: %w", c.config.Server, *why)
		}
		switch status.Code(err) {
		case codes.PermissionDenied, codes.Unauthenticated, codes.FailedPrecondition, codes.InvalidArgument:
			return fmt.Errorf("the server at %s refuses this agent: %s", c.config.Server, status.Convert(err).Message())
		}
		c.config.Log.Warn("the server does not answer yet", "server", c.config.Server, "err", err)
		select {
		case <-time.After(wait/2 + rand.N(wait)): // those who booted together shall not come back together
		case <-ctx.Done():
		}
	}
}

// enrol has the server certify the key.
func (c *caller) enrol(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, welcomeTimeout)
	defer cancel()
	request, err := c.wallet.CSR()
	if err != nil {
		return err
	}
	conn, err := c.connect(nil)
	if err != nil {
		return err
	}
	defer conn.Close()
	got, err := agentpb.NewAgentsClient(conn).Enrol(ctx, &agentpb.EnrolRequest{Token: c.config.Token, Request: request, Protocol: agentpb.Protocol})
	if err != nil {
		return err
	}
	return c.keep(got)
}

// keep takes the certificate. That it is of another node is an error of the boot profile, which nothing can come of.
func (c *caller) keep(got *agentpb.Enrolled) error {
	err := pki.CheckAuthority(got.GetAuthority(), c.config.Pin)
	if err == nil {
		err = c.wallet.Store(got.GetCertificate(), got.GetAuthority())
	}
	var id pki.Identity
	if err == nil {
		id, err = c.wallet.Identity()
	}
	if err != nil {
		return status.Error(codes.FailedPrecondition, "what it gave for the token: "+err.Error())
	}
	if id.Kind != pki.KindNode || id.Name != c.config.Node {
		return status.Errorf(codes.FailedPrecondition, "the token is of %s, and this is node %s", id, c.config.Node)
	}
	return nil
}

// connect makes a connection that says nothing yet. own is what it shows of itself; nil: nothing.
func (c *caller) connect(own func() (*tls.Certificate, error)) (*grpc.ClientConn, error) {
	config, err := pki.PinnedTLS(c.config.Pin)
	if err != nil {
		return nil, err
	}
	verify := config.VerifyConnection
	config.VerifyConnection = func(state tls.ConnectionState) error {
		err := verify(state)
		if err != nil {
			c.bogus.Store(&err)
		}
		return err
	}
	if own != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own() }
	}
	return grpc.NewClient("passthrough:///"+c.config.Server,
		grpc.WithTransportCredentials(credentials.NewTLS(config)),
		grpc.WithContextDialer(dialer(c.config.Address)),
		grpc.WithNoProxy(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(agentpb.MaxOrder), grpc.MaxCallSendMsgSize(agentpb.MaxReport)),
		grpc.WithReadBufferSize(bufferSize), grpc.WithWriteBufferSize(bufferSize),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingEvery, Timeout: pingTimeout}),
	)
}

// dial opens the stream and says hello.
func (c *caller) dial(ctx context.Context) (*link, error) {
	conn, err := c.connect(c.wallet.Certificate)
	if err != nil {
		return nil, err
	}
	l := &link{conn: conn, client: agentpb.NewAgentsClient(conn)}
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	if err := l.hello(&agentpb.Hello{Protocol: agentpb.Protocol, Version: c.config.Version, Kept: c.kept.told()}); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

var errNoWelcome = errors.New("no welcome in time")
