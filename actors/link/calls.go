package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"google.golang.org/grpc/credentials"

	"github.com/kadeploy/kadeploy/internal/pki"
)

// calls are the credentials of the connections that we open. Whom an address belongs to is known before; that identity, and no other,
// must answer there.
type calls struct {
	owner  func(address string) (pki.Identity, bool)
	config func(pki.Identity) *tls.Config
}

func (c calls) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	peer, known := c.owner(authority)
	if !known {
		return nil, nil, fmt.Errorf("link: nobody is known at %q", authority)
	}
	config := c.config(peer).Clone()
	config.NextProtos = []string{protoActors}
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, nil, err
	}
	if got, err := identified(conn.ConnectionState()); err != nil || got != peer {
		conn.Close()
		return nil, nil, errors.New("link: another answers than the one who has that address")
	}
	return conn, credentials.TLSInfo{State: conn.ConnectionState(), CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}}, nil
}

func (calls) ServerHandshake(net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errors.New("link: a client does not answer")
}
func (calls) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}
func (c calls) Clone() credentials.TransportCredentials { return c }
func (calls) OverrideServerName(string) error           { return nil }

// onlyDaemon is the daemon's address, and whose it is.
func onlyDaemon(address string) (pki.Identity, bool) {
	return pki.Daemon(), address == DaemonAddress
}
