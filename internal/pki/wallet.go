package pki

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

const (
	walletKey  = "key.pem"
	walletCert = "cert.pem"
	walletCA   = "ca.pem"
)

// ErrNoCertificate is said of a wallet that has no certificate to show, or none that fits its key.
var ErrNoCertificate = errors.New("there is no certificate")

// Wallet keeps what one user, or node, is known to one server by: its key, key.pem (0600), which is made there and never leaves;
// its certificate, cert.pem; and that of the server's authority, ca.pem. Nothing is cached: what another process stores is used
// from then on. Safe for concurrent use.
type Wallet struct{ shelf shelf }

// OpenWallet opens a directory, which is made with mode 0700 when there is none. A key that others may read is refused. A wallet without
// a directory ("") is one in memory, for identities that end with the process.
func OpenWallet(dir string) (*Wallet, error) {
	if dir == "" {
		return &Wallet{&memory{files: map[string][]byte{}}}, nil
	}
	v, err := openVault(dir)
	if err != nil {
		return nil, fmt.Errorf("wallet: %w", err)
	}
	w := &Wallet{v}
	if _, err := w.key(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return w, nil
}

// NewKey makes the wallet's key, if it has none yet.
func (w *Wallet) NewKey() error {
	_, err := w.key()
	if errors.Is(err, fs.ErrNotExist) {
		if _, err = makeKey(w.shelf, walletKey); err != nil {
			err = fmt.Errorf("wallet: %w", err)
		}
	}
	return err
}

// Clear removes the certificate, then the key.
func (w *Wallet) Clear() error {
	for _, name := range []string{walletCert, walletKey} {
		if err := w.shelf.remove(name); err != nil {
			return fmt.Errorf("wallet: %w", err)
		}
	}
	return nil
}

// CSR is a request for a certificate of the wallet's key (PKCS #10, DER). It says nothing else: who the key's holder is, others say.
func (w *Wallet) CSR() ([]byte, error) {
	key, err := w.key()
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, fmt.Errorf("wallet: %w", err)
	}
	return der, nil
}

// Store takes a certificate and its authority's, both PEM; without an authority (nil) it must be of the one that is there. What
// does not fit together, or not the key, is refused, and nothing is changed.
func (w *Wallet) Store(cert, ca []byte) error {
	key, err := w.key()
	if err != nil {
		return err
	}
	text := ca
	if text == nil {
		if text, err = w.shelf.read(walletCA, public); err != nil {
			return fmt.Errorf("wallet: %w", err)
		}
	}
	if _, _, err := fit(key, cert, text); err != nil {
		return fmt.Errorf("wallet: what was to be stored: %w", err)
	}
	if ca != nil {
		if err := w.shelf.replace(walletCA, ca, public); err != nil {
			return fmt.Errorf("wallet: %w", err)
		}
	}
	if err := w.shelf.replace(walletCert, cert, public); err != nil {
		return fmt.Errorf("wallet: %w", err)
	}
	return nil
}

// Certificate is what to show to others, which may have expired. Errors: ErrNoCertificate, and of the key.
func (w *Wallet) Certificate() (*tls.Certificate, error) {
	key, leaf, _, err := w.load()
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

// Roots holds the certificate of the server's authority.
func (w *Wallet) Roots() (*x509.CertPool, error) {
	ca, err := loadCA(w.shelf, walletCA)
	if err != nil {
		return nil, fmt.Errorf("wallet: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	return roots, nil
}

// Pin is the pin of the server's authority.
func (w *Wallet) Pin() (string, error) {
	ca, err := loadCA(w.shelf, walletCA)
	if err != nil {
		return "", fmt.Errorf("wallet: %w", err)
	}
	return PinOf(ca), nil
}

// Identity is whom the certificate is for. Errors: ErrNoCertificate, and of the key.
func (w *Wallet) Identity() (Identity, error) {
	_, leaf, _, err := w.load()
	if err != nil {
		return Identity{}, err
	}
	return Of(leaf)
}

// NeedsRenewal says whether half of the certificate's life is over, or there is none.
func (w *Wallet) NeedsRenewal(now time.Time) bool {
	_, leaf, _, err := w.load()
	return err != nil || halfOver(leaf.NotBefore, leaf.NotAfter, now)
}

func (w *Wallet) key() (*ecdsa.PrivateKey, error) {
	key, err := loadKey(w.shelf, walletKey)
	if err != nil {
		return nil, fmt.Errorf("wallet: %w", err)
	}
	return key, nil
}

// load reads all three. Two files cannot be replaced in one step: what does not fit together, because somebody was killed in between, is no
// certificate, and goes with the next enrolment.
func (w *Wallet) load() (*ecdsa.PrivateKey, *x509.Certificate, *x509.Certificate, error) {
	key, err := w.key()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil, fmt.Errorf("%w: %w", ErrNoCertificate, err)
	} else if err != nil {
		return nil, nil, nil, err
	}
	cert, err := w.shelf.read(walletCert, public)
	var ca []byte
	if err == nil {
		ca, err = w.shelf.read(walletCA, public)
	}
	if err != nil {
		return nil, nil, nil, fmt.Errorf("%w: wallet: %w", ErrNoCertificate, err)
	}
	leaf, authority, err := fit(key, cert, ca)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("%w: wallet: %s: %w", ErrNoCertificate, w.shelf.where(walletCert), err)
	}
	return key, leaf, authority, nil
}

// fit says whether a certificate is one of ours, for that key, and of that authority; not whether it is good at some time.
func fit(key *ecdsa.PrivateKey, cert, ca []byte) (leaf, authority *x509.Certificate, err error) {
	if leaf, err = decodeCertificate(cert); err != nil {
		return nil, nil, fmt.Errorf("the certificate %w", err)
	}
	if authority, err = decodeCA(ca); err != nil {
		return nil, nil, fmt.Errorf("the authority's certificate %w", err)
	}
	if !samePublic(leaf.PublicKey, key.Public()) {
		return nil, nil, errors.New("the certificate is for another key")
	}
	roots := x509.NewCertPool()
	roots.AddCert(authority)
	if _, err := verify(roots, []*x509.Certificate{leaf}, leaf.NotAfter); err != nil {
		return nil, nil, err
	}
	return leaf, authority, nil
}
