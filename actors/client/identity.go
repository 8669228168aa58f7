package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/kadeploy/kadeploy/internal/enrol"
	"github.com/kadeploy/kadeploy/internal/pki"
)

// ErrIdentity means that the server does not know who asks: there is no certificate, or it is not good any more.
var ErrIdentity = errors.New("not known to the server")

// Identity is how a client proves who it is: with a certificate of hours, which it renews by itself.
type Identity struct {
	open  func() (*pki.Wallet, error)
	renew func(ctx context.Context, server string, w *pki.Wallet) error
}

// Local is the identity of whoever runs this program, as the kernel tells it to the server of this machine over its unix socket,
// kadeploy.sock in its state directory.
func Local(socket string) Identity {
	return Identity{
		open:  func() (*pki.Wallet, error) { return pki.OpenWallet("") },
		renew: func(ctx context.Context, _ string, w *pki.Wallet) error { return local(ctx, socket, w) },
	}
}

// local asks on the socket, again when it is cut off there: the server serves some connections of one user at a time, and a script
// may start many commands at once.
func local(ctx context.Context, socket string, w *pki.Wallet) error {
	limit := time.Now().Add(patience / 2)
	for {
		_, err := enrol.Local(ctx, socket, w)
		if err == nil || !cutOff(err) || ctx.Err() != nil || time.Now().After(limit) {
			return err
		}
		select {
		case <-time.After(10*time.Millisecond + rand.N(100*time.Millisecond)):
		case <-ctx.Done():
		}
	}
}

// cutOff says whether a connection was closed before it was answered. The one error that net/http keeps to itself is known by its text.
func cutOff(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, end) {
			return true
		}
	}
	return strings.Contains(err.Error(), "server closed idle connection")
}

// Enrolled is the identity that Login has put into a directory.
func Enrolled(dir string) Identity {
	return Identity{
		open: func() (*pki.Wallet, error) { return pki.OpenWallet(dir) },
		renew: func(ctx context.Context, server string, w *pki.Wallet) error {
			if _, err := w.Certificate(); errors.Is(err, pki.ErrNoCertificate) {
				return fmt.Errorf("nobody has logged in at %s from here: %s holds no certificate", server, dir)
			}
			return enrol.Renew(ctx, server, w)
		},
	}
}

// DefaultDir is where the identity for a server is kept: kadeploy/HOST_PORT in the user's directory of configurations.
func DefaultDir(server string) (string, error) {
	base, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("where to keep the certificate: %w", err)
	}
	return filepath.Join(base, "kadeploy", strings.NewReplacer(":", "_", "/", "_").Replace(server)), nil
}

// LoginConfig is what Login needs.
type LoginConfig struct {
	Server string // HOST:PORT
	Pin    string // what the server is known by: sha256:...
	Token  string // what an administrator gave the user, once
	Dir    string // where the key and the certificate are kept; default: DefaultDir
}

// Login enrols this machine: it makes a key, which never leaves the directory, and gets the certificate that the token is worth. It
// returns the user's name. When it fails after the server has got the token, the token may be used up.
func Login(ctx context.Context, cfg LoginConfig) (user string, err error) {
	if cfg.Dir == "" {
		if cfg.Dir, err = DefaultDir(cfg.Server); err != nil {
			return "", err
		}
	}
	w, err := pki.OpenWallet(cfg.Dir)
	if err != nil {
		return "", err
	}
	id, err := enrol.Enrol(ctx, cfg.Server, cfg.Pin, cfg.Token, w)
	if err != nil {
		return "", err
	}
	return id.Name, nil
}

// orDefault is the identity that is used when none is given.
func (id Identity) orDefault(server string) (Identity, error) {
	if id.open != nil {
		return id, nil
	}
	dir, err := DefaultDir(server)
	return Enrolled(dir), err
}

// obtain opens the wallet and sees that what is in it is good for a while.
func (id Identity) obtain(ctx context.Context, server string) (*pki.Wallet, error) {
	w, err := id.open()
	if err != nil {
		return nil, err
	}
	if err := id.refresh(ctx, server, w); err != nil {
		return nil, err
	}
	return w, nil
}

// refresh renews a certificate that is there for half of its life. That this fails matters only when it is over.
func (id Identity) refresh(ctx context.Context, server string, w *pki.Wallet) error {
	if _, err := w.Certificate(); err == nil && !w.NeedsRenewal(time.Now()) {
		return nil
	}
	failed := id.renew(ctx, server, w)
	if failed == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	cert, err := w.Certificate()
	switch {
	case errors.Is(err, pki.ErrNoCertificate):
		return fmt.Errorf("%w: %w", ErrIdentity, failed)
	case err != nil:
		return err
	case time.Now().After(cert.Leaf.NotAfter):
		return fmt.Errorf("%w: the certificate has expired: %w", ErrIdentity, failed)
	}
	return nil
}

// renewEvery is how often a client looks at its certificate.
const renewEvery = time.Minute

// keepFresh renews the certificate until ctx ends. New connections are made with what is in the wallet then.
func (id Identity) keepFresh(ctx context.Context, server string, w *pki.Wallet) {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = id.refresh(ctx, server, w) // there is another try in a minute
		case <-ctx.Done():
			return
		}
	}
}
