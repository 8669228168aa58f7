// Package redfish switches power by Redfish (DMTF DSP0266), over HTTPS only.
//
// Each operation has a client and a session of its own, which is deleted however the operation ends. The controller is known
// by its certificate. What it says it did is looked at afterwards. A service that is busy, and an answer that is lost, are no failure yet:
// transport.go says what is asked again.
package redfish

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/stmcginnis/gofish"

	"github.com/kadeploy/kadeploy/internal/credentials"
	"github.com/kadeploy/kadeploy/internal/power"
)

// Config holds the times of the driver. Its zero value is what real controllers need.
type Config struct {
	Patience power.Patience
	Answer   time.Duration // for one request; default 10 s
	Tries    int           // requests without an answer before a controller is taken for dead; default 3
}

// Driver reaches the controllers that the targets name. It may be used by many goroutines.
type Driver struct{ cfg Config }

var (
	_ power.Driver       = (*Driver)(nil)
	_ power.BootSelector = (*Driver)(nil)
)

// New makes a driver. It opens nothing.
func New(cfg Config) *Driver {
	cfg.Answer, cfg.Tries = cmp.Or(cfg.Answer, 10*time.Second), cmp.Or(cfg.Tries, 3)
	return &Driver{cfg}
}

// Do carries out op at level (see power.Carry). What the controller says it cannot do is ErrNoCommand.
func (d *Driver) Do(ctx context.Context, target power.Target, op power.Op, level power.Level) (power.Status, error) {
	var status power.Status
	err := d.session(ctx, target, func(s system) (err error) {
		status, err = power.Carry(ctx, s, op, level, d.cfg.Patience)
		return err
	})
	return status, err
}

// BootOnce makes the next boot one from the network.
func (d *Driver) BootOnce(ctx context.Context, target power.Target) error {
	return d.session(ctx, target, func(s system) error { return s.bootOnce() })
}

// session runs work in a session with the system of a target, and deletes it. Errors name the controller.
func (d *Driver) session(ctx context.Context, target power.Target, work func(system) error) error {
	base, path := split(target.Named(target.Control.Address))
	fail := func(err error) error {
		return fmt.Errorf("BMC %s of %s: %w", base, target.Name, worded(ctx, err))
	}
	u, err := url.Parse(base)
	if err != nil {
		return fail(errors.New("not a URL"))
	}
	login, err := credentials.For(target.Control.Credentials, target.Name, target.Short, u.Hostname())
	if err != nil {
		return fail(err)
	}
	roots, err := authorities(target.Control.CA)
	if err != nil {
		return fail(err)
	}
	way := &transport{ctx: ctx, base: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: 1},
		answer: d.cfg.Answer, tries: d.cfg.Tries, begun: time.Now()}
	defer way.base.CloseIdleConnections()
	// The library's client has one context for ever; that of the transport is exchanged before the session is deleted.
	c, err := gofish.ConnectContext(context.WithoutCancel(ctx), gofish.ClientConfig{
		Endpoint: base, Username: login.User, Password: login.Password, ReuseConnections: true,
		HTTPClient: &http.Client{Transport: way, CheckRedirect: stay},
	})
	if err != nil {
		return fail(err)
	}
	defer func() {
		over, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		way.ctx = over
		c.Logout()
	}()
	s, err := find(c, path)
	if err == nil {
		err = work(s)
	}
	if err != nil {
		return fail(err)
	}
	return nil
}

// split makes the service's URL and the system's path, "" for the only one, of a configured address.
func split(address string) (base, path string) {
	host := strings.TrimPrefix(address, "https://")
	host, path, found := strings.Cut(host, "/")
	if path = strings.TrimSuffix(path, "/"); found && path != "" {
		path = "/" + path
	}
	return "https://" + host, path
}

// authorities reads the certificates of a file; nil stands for those of the system.
func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: no certificate in PEM (redfish_ca)", file)
	}
	return pool, nil
}

// stay follows no redirection: it would carry the token to another machine.
func stay(*http.Request, []*http.Request) error {
	return errors.New("the controller sends us elsewhere, where the password must not go")
}
