package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

const (
	caCert = "ca.pem"
	caKey  = "ca.key"
	caLife = 10 * 365 * 24 * time.Hour
)

// openCA loads the authority's key and certificate, and makes what is missing. The key comes first, and neither is ever put over
// one that is there: whoever is killed, or meets another at it, leaves a state from which the next goes on.
func openCA(v *vault, now time.Time) (*ecdsa.PrivateKey, *x509.Certificate, error) {
	key, err := loadKey(v, caKey)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := v.root.Lstat(caCert); err == nil {
			return nil, nil, fmt.Errorf("%s is missing although %s is there: restore it, "+
				"or remove %s too to start a new authority that no certificate of the old one is good for", v.where(caKey), caCert, caCert)
		}
		key, err = makeKey(v, caKey)
	}
	if err != nil {
		return nil, nil, err
	}
	cert, err := loadCA(v, caCert)
	if errors.Is(err, fs.ErrNotExist) {
		cert, err = makeCA(v, key, now)
	}
	if err != nil {
		return nil, nil, err
	}
	switch {
	case !samePublic(cert.PublicKey, key.Public()):
		err = fmt.Errorf("%s is not the key of %s: restore the one that is", v.where(caKey), caCert)
	case now.After(cert.NotAfter):
		err = fmt.Errorf("%s has expired on %s: remove it and the server starts a new one with the same key",
			v.where(caCert), cert.NotAfter.UTC().Format(time.DateOnly))
	}
	return key, cert, err
}

// makeKey makes a key, or loads the one that another has made meanwhile.
func makeKey(s shelf, name string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	text, err := encodeKey(key)
	if err != nil {
		return nil, err
	}
	if err = s.create(name, text, secret); errors.Is(err, fs.ErrExist) {
		return loadKey(s, name)
	}
	return key, err
}

func loadKey(s shelf, name string) (*ecdsa.PrivateKey, error) {
	text, err := s.read(name, secret)
	if err != nil {
		return nil, err
	}
	key, err := decodeKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s %w: restore it or remove it", s.where(name), err)
	}
	return key, nil
}

func makeCA(v *vault, key *ecdsa.PrivateKey, now time.Time) (*x509.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber:          serialAt(now),
		Subject:               pkix.Name{CommonName: "kadeploy authority"},
		NotBefore:             now.Add(-24 * time.Hour), // clocks may be far behind while the machine is set up
		NotAfter:              now.Add(caLife),
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true, // it certifies nobody who certifies others
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	err = v.create(caCert, EncodePEM(TypeCertificate, der), public)
	if errors.Is(err, fs.ErrExist) {
		return loadCA(v, caCert)
	} else if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func loadCA(s shelf, name string) (*x509.Certificate, error) {
	text, err := s.read(name, public)
	if err != nil {
		return nil, err
	}
	cert, err := decodeCA(text)
	if err != nil {
		return nil, fmt.Errorf("%s %w: restore it or remove it", s.where(name), err)
	}
	return cert, nil
}

// decodeCA reads the certificate of an authority, signed by itself.
func decodeCA(text []byte) (*x509.Certificate, error) {
	cert, err := decodeCertificate(text)
	if err != nil {
		return nil, err
	}
	if !cert.IsCA || cert.CheckSignatureFrom(cert) != nil {
		return nil, errors.New("is not the certificate of an authority")
	}
	return cert, nil
}
