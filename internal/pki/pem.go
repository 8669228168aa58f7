package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// Types of PEM blocks.
const (
	TypeCertificate = "CERTIFICATE"
	TypeRequest     = "CERTIFICATE REQUEST"
	typeKey         = "PRIVATE KEY"
)

// maxDER bounds what is parsed for a stranger, in bytes. A certificate of ours has some 500.
const maxDER = 8 << 10

// EncodePEM writes one block.
func EncodePEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// DecodePEM reads exactly one block of a type, of at most 8 KiB, without headers and with nothing but blanks around it. The
// error does not show the text.
func DecodePEM(kind string, text []byte) (der []byte, err error) {
	text = bytes.TrimSpace(text)
	block, rest := pem.Decode(text)
	switch {
	case block == nil || !bytes.HasPrefix(text, []byte("-----BEGIN")):
		return nil, fmt.Errorf("is not a PEM block of the type %s", kind)
	case block.Type != kind:
		return nil, fmt.Errorf("is a PEM block of another type: want %s", kind)
	case len(rest) > 0 || len(block.Headers) > 0:
		return nil, fmt.Errorf("holds more than one PEM block of the type %s", kind)
	case len(block.Bytes) > maxDER:
		return nil, fmt.Errorf("holds more than %d bytes", maxDER)
	}
	return block.Bytes, nil
}

func decodeCertificate(text []byte) (*x509.Certificate, error) {
	der, err := DecodePEM(TypeCertificate, text)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, errors.New("is not an X.509 certificate")
	}
	return cert, nil
}

// decodeKey reads a P-256 key.
func decodeKey(text []byte) (*ecdsa.PrivateKey, error) {
	der, err := DecodePEM(typeKey, text)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("is not a PKCS #8 private key")
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("is not an ECDSA key of the curve P-256")
	}
	return key, nil
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return EncodePEM(typeKey, der), nil
}

// samePublic says that two public keys are of a kind we certify, and the same.
func samePublic(a, b any) bool {
	switch key := a.(type) {
	case *ecdsa.PublicKey:
		return key.Equal(b)
	case ed25519.PublicKey:
		return key.Equal(b)
	}
	return false
}
