package pki

import (
	"crypto/ecdsa"
	"crypto/x509"
	"fmt"
	"sync"
	"time"
)

// maxLife bounds every life of Config.
const maxLife = 400 * 24 * time.Hour

// Config of an Authority. Zero lives are the defaults.
type Config struct {
	Dir string           // made with mode 0700 when it is not there; the authority is the one that is in it
	Now func() time.Time // time.Now when nil

	UserLife   time.Duration // 12 h
	NodeLife   time.Duration // 6 h
	ServerLife time.Duration // 24 h
	RenewGrace time.Duration // for how long after its end a certificate of a user may be renewed: 7 days
}

// Authority issues certificates and says which ones are good. Safe for concurrent use. It needs no closing: the directory it
// holds open is closed with the last use of it.
type Authority struct {
	config Config
	key    *ecdsa.PrivateKey
	cert   *x509.Certificate
	pool   *x509.CertPool
	denied *ledger[denial]

	mu   sync.Mutex
	last time.Time // of moment
}

// Open opens the authority of a directory, and makes one in an empty directory. It refuses keys that others may read, a key and a
// certificate that do not belong together, and files that are not its own, each in one line.
func Open(c Config) (*Authority, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	v, err := openVault(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("authority: %w", err)
	}
	a := &Authority{config: c, pool: x509.NewCertPool(), denied: newDenials(v)}
	if a.key, a.cert, err = openCA(v, c.Now()); err != nil {
		return nil, fmt.Errorf("authority: %w", err)
	}
	a.pool.AddCert(a.cert)
	if err := a.denied.view(func(map[string]denial) {}); err != nil {
		return nil, fmt.Errorf("authority: %w", err)
	}
	return a, nil
}

func (c *Config) complete() error {
	if c.Now == nil {
		c.Now = time.Now
	}
	for _, life := range []struct {
		name  string
		value *time.Duration
		usual time.Duration
	}{
		{"users' certificates", &c.UserLife, 12 * time.Hour},
		{"nodes' certificates", &c.NodeLife, 6 * time.Hour},
		{"the server's certificate", &c.ServerLife, 24 * time.Hour},
		{"the time for renewals", &c.RenewGrace, 7 * 24 * time.Hour},
	} {
		if *life.value == 0 {
			*life.value = life.usual
		}
		if *life.value < time.Second || *life.value > maxLife {
			return fmt.Errorf("authority: the life of %s is %s: want a second to 400 days", life.name, *life.value)
		}
	}
	return nil
}

// life is how long a certificate of a kind lives.
func (a *Authority) life(k Kind) time.Duration {
	switch k {
	case KindNode:
		return a.config.NodeLife
	case KindDaemon:
		return a.config.ServerLife
	}
	return a.config.UserLife
}

// Pin is what others know this authority by: "sha256:" and the SHA-256 of its public key (SubjectPublicKeyInfo) in hexadecimal.
func (a *Authority) Pin() string { return PinOf(a.cert) }

// PEM is the authority's certificate.
func (a *Authority) PEM() []byte { return EncodePEM(TypeCertificate, a.cert.Raw) }

// Pool holds the authority's certificate and no other. It is the caller's to keep.
func (a *Authority) Pool() *x509.CertPool { return a.pool.Clone() }

// moment is the time, but later than every moment before. Certificates and denials are in the order of their moments.
func (a *Authority) moment() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.config.Now()
	if !now.After(a.last) {
		now = a.last.Add(time.Nanosecond)
	}
	a.last = now
	return now
}
