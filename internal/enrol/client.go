package enrol

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/kadeploy/kadeploy/internal/pki"
)

// ErrRefused is an answer of the server, which says why, that asking again will not change.
var ErrRefused = errors.New("the server refuses")

// Enrol gets the certificate that a token is worth from a server, HOST:PORT, of which it trusts nothing but the authority of a pin.
// The wallet's key is made if there is none. When the call fails after the server has got it, the token may be used up.
func Enrol(ctx context.Context, addr, pin, token string, w *pki.Wallet) (pki.Identity, error) {
	id, err := enrol(ctx, addr, pin, token, w)
	if err != nil {
		return pki.Identity{}, fmt.Errorf("enrolment at %s: %w", addr, err)
	}
	return id, nil
}

func enrol(ctx context.Context, addr, pin, token string, w *pki.Wallet) (pki.Identity, error) {
	config, err := pki.PinnedTLS(pin)
	if err != nil {
		return pki.Identity{}, err
	}
	csr, err := ask(w)
	if err != nil {
		return pki.Identity{}, err
	}
	a, err := overTLS(addr, config).post(ctx, pathEnrol, enrolRequest{Token: token, CSR: csr})
	if err != nil {
		return pki.Identity{}, err
	}
	if err := pki.CheckAuthority([]byte(a.CA), pin); err != nil {
		return pki.Identity{}, err
	}
	if err := w.Store([]byte(a.Cert), []byte(a.CA)); err != nil {
		return pki.Identity{}, err
	}
	return w.Identity()
}

// Renew gets a wallet another certificate like the one it has, which may have expired, from the server it is of.
func Renew(ctx context.Context, addr string, w *pki.Wallet) error {
	if err := renew(ctx, addr, w); err != nil {
		return fmt.Errorf("renewal at %s: %w", addr, err)
	}
	return nil
}

func renew(ctx context.Context, addr string, w *pki.Wallet) error {
	old, err := w.Certificate()
	if err != nil {
		return err
	}
	pin, err := w.Pin()
	if err != nil {
		return err
	}
	config, err := pki.PinnedTLS(pin)
	if err != nil {
		return err
	}
	csr, err := ask(w)
	if err != nil {
		return err
	}
	shown := string(pki.EncodePEM(pki.TypeCertificate, old.Leaf.Raw))
	a, err := overTLS(addr, config).post(ctx, pathRenew, renewRequest{Cert: shown, CSR: csr})
	if err != nil {
		return err
	}
	if err := sameHolder(old.Leaf, a.Cert); err != nil {
		return err
	}
	return w.Store([]byte(a.Cert), nil)
}

// Local gets the certificate of whoever runs this program from the server on the same machine. It trusts what answers on that path.
func Local(ctx context.Context, socket string, w *pki.Wallet) (pki.Identity, error) {
	id, err := local(ctx, socket, w)
	if err != nil {
		return pki.Identity{}, fmt.Errorf("the server's socket %s: %w", socket, err)
	}
	return id, nil
}

func local(ctx context.Context, socket string, w *pki.Wallet) (pki.Identity, error) {
	csr, err := ask(w)
	if err != nil {
		return pki.Identity{}, err
	}
	a, err := overSocket(socket).post(ctx, PathLocal, localRequest{CSR: csr})
	if err != nil {
		return pki.Identity{}, err
	}
	if err := w.Store([]byte(a.Cert), []byte(a.CA)); err != nil {
		return pki.Identity{}, err
	}
	return w.Identity()
}

// ask is a wallet's request for a certificate.
func ask(w *pki.Wallet) (string, error) {
	if err := w.NewKey(); err != nil {
		return "", err
	}
	der, err := w.CSR()
	return string(pki.EncodePEM(pki.TypeRequest, der)), err
}

// sameHolder says whether a new certificate is for whom the old one was.
func sameHolder(old *x509.Certificate, text string) error {
	before, err := pki.Of(old)
	if err != nil {
		return err
	}
	der, err := pki.DecodePEM(pki.TypeCertificate, []byte(text))
	if err != nil {
		return fmt.Errorf("the new certificate %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return errors.New("the new certificate is not an X.509 certificate")
	}
	if now, err := pki.Of(cert); err != nil || now != before {
		return fmt.Errorf("the new certificate is not for %s", before)
	}
	return nil
}
