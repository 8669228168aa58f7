package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"sync"
	"time"
)

// Server is what tls.Config.GetCertificate wants: the certificate of ka://daemon, followed by the authority's so that who has its pin
// can check it. Its key exists in memory only; both are made anew when half of its life is over. Names are DNS names and addresses to
// put into it; clients of ours need none. The function is safe for concurrent use.
func (a *Authority) Server(names []string) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	l := &leaf{authority: a, names: names}
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return l.current() }
}

// leaf is the server's own certificate.
type leaf struct {
	authority *Authority
	names     []string

	mu   sync.Mutex
	cert *tls.Certificate
}

func (l *leaf) current() (*tls.Certificate, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cert != nil && !halfOver(l.cert.Leaf.NotBefore, l.cert.Leaf.NotAfter, l.authority.config.Now()) {
		return l.cert, nil
	}
	cert, err := l.issue()
	if err != nil {
		return nil, fmt.Errorf("the server's own certificate: %w", err)
	}
	l.cert = cert
	return cert, nil
}

func (l *leaf) issue() (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := l.authority.issue(key.Public(), Daemon(), l.authority.moment(), l.names)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der, l.authority.cert.Raw}, PrivateKey: key, Leaf: cert}, nil
}

// halfOver also says yes before the start: a clock was set back.
func halfOver(from, to, now time.Time) bool {
	return now.Before(from) || now.Sub(from) > to.Sub(from)/2
}
