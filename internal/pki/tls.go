package pki

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"
)

// Credentials are what a program proves itself with, and whom it trusts. A *Wallet is one. Both are asked anew for every
// connection, so that renewed certificates are used at once.
type Credentials interface {
	Certificate() (*tls.Certificate, error)
	Roots() (*x509.CertPool, error)
}

// base is what all our connections have in common. Every connection shows its certificates anew: none goes on with an older one's.
func base(now func() time.Time) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, Time: now, SessionTicketsDisabled: true}
}

// ServerTLS is for the daemon's ports. A client without a certificate is let in, as nobody: what it may do there is the port's to say. One
// that shows a certificate must be good, by Verify; then Of(state.PeerCertificates[0]) is who it is. NextProtos is the caller's to
// set. Names are as of Server.
func (a *Authority) ServerTLS(names ...string) *tls.Config {
	c := base(a.config.Now)
	c.GetCertificate = a.Server(names)
	c.ClientAuth = tls.VerifyClientCertIfGiven
	c.ClientCAs = a.Pool()
	c.VerifyConnection = func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return nil
		}
		_, err := a.Verify(state.PeerCertificates, a.config.Now())
		return err
	}
	return c
}

// ClientTLS is for calls of the daemon: it shows that it is ka://daemon, and the other side must be the peer and not be denied.
func (a *Authority) ClientTLS(peer Identity) *tls.Config {
	own := a.Server(nil)
	c := base(a.config.Now)
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own(nil) }
	c.InsecureSkipVerify = true // for what VerifyConnection does instead
	c.VerifyConnection = func(state tls.ConnectionState) error {
		if err := expect(a.pool, state, a.config.Now(), peer); err != nil {
			return err
		}
		return a.Denied(state.PeerCertificates[0])
	}
	return c
}

// ClientTLS is for calls to the daemon: who answers must be ka://daemon of the authority that the credentials trust, under whatever host
// name.
func ClientTLS(own Credentials) *tls.Config {
	c := base(time.Now)
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own.Certificate() }
	c.InsecureSkipVerify = true // for what VerifyConnection does instead
	c.VerifyConnection = onlyDaemon(own)
	return c
}

// ServerTLS is for ports of programs that the daemon, and nobody else, may call.
func ServerTLS(own Credentials) *tls.Config {
	c := base(time.Now)
	c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return own.Certificate() }
	c.ClientAuth = tls.RequireAnyClientCert // VerifyConnection says which
	c.VerifyConnection = onlyDaemon(own)
	return c
}

func onlyDaemon(own Credentials) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		roots, err := own.Roots()
		if err != nil {
			return err
		}
		return expect(roots, state, time.Now(), Daemon())
	}
}

// expect says whether a peer is who it must be.
func expect(roots *x509.CertPool, state tls.ConnectionState, now time.Time, want Identity) error {
	id, err := verify(roots, state.PeerCertificates, now)
	if err != nil {
		return fmt.Errorf("the other side, which must be %s: %w", want, err)
	}
	if id != want {
		return fmt.Errorf("the other side is %s, and must be %s", id, want)
	}
	return nil
}
