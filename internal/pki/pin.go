package pki

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const pinStart = "sha256:"

// PinOf is what an authority is known by, see Authority.Pin.
func PinOf(authority *x509.Certificate) string {
	sum := sha256.Sum256(authority.RawSubjectPublicKeyInfo)
	return pinStart + hex.EncodeToString(sum[:])
}

// CheckPin says whether a text can be a pin.
func CheckPin(pin string) error {
	digits, ok := strings.CutPrefix(pin, pinStart)
	if b, err := hex.DecodeString(digits); !ok || err != nil || len(b) != sha256.Size || digits != strings.ToLower(digits) {
		return fmt.Errorf("not the fingerprint of a server: want %s and 64 digits of 0-9 a-f", pinStart)
	}
	return nil
}

// CheckAuthority says whether a certificate (PEM) is that of the authority with a pin.
func CheckAuthority(text []byte, pin string) error {
	cert, err := decodeCA(text)
	if err != nil {
		return fmt.Errorf("the authority's certificate %w", err)
	}
	if PinOf(cert) != pin {
		return errors.New("the authority's certificate is not the one of the fingerprint")
	}
	return nil
}

// PinnedTLS is for whoever has a server's pin and nothing else: the peer must be ka://daemon, certified by the authority of that pin, whose
// certificate it shows. The peer's host name does not matter.
func PinnedTLS(pin string) (*tls.Config, error) {
	if err := CheckPin(pin); err != nil {
		return nil, err
	}
	c := base(time.Now)
	c.InsecureSkipVerify = true // for what VerifyConnection does instead
	c.VerifyConnection = func(state tls.ConnectionState) error {
		i := slices.IndexFunc(state.PeerCertificates, func(cert *x509.Certificate) bool { return cert.IsCA && PinOf(cert) == pin })
		if i < 0 {
			return errors.New("the server is not the one of the fingerprint")
		}
		roots := x509.NewCertPool()
		roots.AddCert(state.PeerCertificates[i])
		return expect(roots, state, time.Now(), Daemon())
	}
	return c, nil
}
