package pki

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Bounds of the deny list.
const (
	maxDenials = 10_000
	maxWhy     = 200 // bytes
)

// denial is a line of the deny list; the list's keys are the URIs of identities.
type denial struct {
	At  time.Time `json:"at"`
	Why string    `json:"why"`
}

func newDenials(v *vault) *ledger[denial] {
	return &ledger[denial]{vault: v, name: "denied.json", most: maxDenials, check: func(uri string, d denial) error {
		if _, err := ParseIdentity(uri); err != nil {
			return err
		}
		if d.At.IsZero() || len(d.Why) > maxWhy {
			return errors.New("no denial")
		}
		return nil
	}}
}

// Deny refuses every certificate that a user or a node has by now, durably; those issued from now on are good. Why is a line of at
// most 200 bytes for the log. Denials that no living certificate is older than are dropped. A connection that is open already
// is its owner's to end.
func (a *Authority) Deny(id Identity, why string) error {
	id, err := check(id)
	if err == nil && id.Kind == KindDaemon {
		err = fmt.Errorf("%w: %s cannot be denied", ErrKind, id)
	}
	if err == nil && (len(why) > maxWhy || strings.ContainsFunc(why, func(r rune) bool { return r < ' ' })) {
		err = fmt.Errorf("the reason is not a line of at most %d bytes", maxWhy)
	}
	if err != nil {
		return fmt.Errorf("deny: %w", err)
	}
	if err := a.denied.change(func(all map[string]denial) error {
		at := a.moment()
		for uri, d := range all {
			if at.Sub(d.At) > a.longest() {
				delete(all, uri)
			}
		}
		all[id.String()] = denial{At: at, Why: why}
		return nil
	}); err != nil {
		return fmt.Errorf("deny: %w", err)
	}
	return nil
}

// longest is for how long after its issue a certificate can be of use.
func (a *Authority) longest() time.Duration {
	return max(a.config.UserLife, a.config.NodeLife, a.config.ServerLife) + a.config.RenewGrace
}

// Denied is an error, ErrDenied, when the certificate is older than a denial of its identity; any other when that cannot be told.
func (a *Authority) Denied(cert *x509.Certificate) error {
	id, err := Of(cert)
	if err != nil {
		return err
	}
	var d denial
	var found bool
	if err := a.denied.view(func(all map[string]denial) { d, found = all[id.String()] }); err != nil {
		return err
	}
	return d.refuses(cert, id, found)
}

func (d denial) refuses(cert *x509.Certificate, id Identity, found bool) error {
	if !found || issuedAt(cert.SerialNumber).After(d.At) {
		return nil
	}
	return fmt.Errorf("%w: %s since %s: %s", ErrDenied, id, d.At.UTC().Format(time.DateTime), d.Why)
}

// issueMoment is the moment of a certificate for id, unless refused returns an error. No denial is under way meanwhile, in this process or
// another: what it sees is in force, and later ones are later than the moment.
func (a *Authority) issueMoment(id Identity, refused func(d denial, found bool) error) (at time.Time, err error) {
	err = a.denied.still(func(all map[string]denial) error {
		d, found := all[id.String()]
		at = a.moment()
		if found && !at.After(d.At) { // a clock was set back
			at = d.At.Add(time.Nanosecond)
		}
		return refused(d, found)
	})
	return at, err
}
