package chain

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"time"
)

// newTLS is the configuration of an encrypted transfer, for both ends of its connections. The certificate is made for this process and
// says nothing: who the other end is, the key says, in a handshake that is bound to this very TLS connection.
func newTLS() (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	return &tls.Config{
		Certificates:       []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		MinVersion:         tls.VersionTLS13,
		InsecureSkipVerify: true, // see binding
		// A ticket would cost every connection a message that nobody uses.
		SessionTicketsDisabled: true,
	}, nil
}

func (s secret) encryptDialed(conn net.Conn) (net.Conn, []byte, error) {
	if s.tls == nil {
		return conn, nil, nil
	}
	return bind(tls.Client(conn, s.tls))
}

func (s secret) encryptAccepted(conn net.Conn) (net.Conn, []byte, error) {
	if s.tls == nil {
		return conn, nil, nil
	}
	return bind(tls.Server(conn, s.tls))
}

// bind returns the connection's exported keying material (RFC 8446, 7.5; RFC 9266 says how it binds a channel). It goes into both
// proofs of the key: somebody in the middle has two connections with different material, and no key to prove the other one with.
func bind(conn *tls.Conn) (net.Conn, []byte, error) {
	if err := conn.Handshake(); err != nil { // within the connection's deadline
		return nil, nil, fmt.Errorf("TLS: %w", err)
	}
	state := conn.ConnectionState()
	material, err := state.ExportKeyingMaterial("EXPORTER-kadeploy-chain", nil, 32)
	if err != nil {
		return nil, nil, fmt.Errorf("TLS: %w", err)
	}
	return abrupt{conn}, material, nil
}

// abrupt is a connection whose Close never waits to say goodbye.
type abrupt struct{ *tls.Conn }

func (c abrupt) Close() error { return c.NetConn().Close() }
