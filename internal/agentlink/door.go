package agentlink

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/kadeploy/kadeploy/internal/pki"
)

// overHTTP2 is what gRPC speaks (ALPN, RFC 7301).
const overHTTP2 = "h2"

// door is the way in: gRPC asks it about each connection before anything else is made of it.
type door struct {
	tls   *tls.Config
	known func(tls.ConnectionState) error // whether the certificate that was shown, if one was, is good
	crowd *crowd
	log   *slog.Logger
}

// newDoor makes a door that opens to bad certificates as well: a call can say what is wrong with one, a handshake cannot.
func newDoor(authority *pki.Authority, crowd *crowd, log *slog.Logger) *door {
	d := &door{tls: authority.ServerTLS(), crowd: crowd, log: log}
	d.known, d.tls.VerifyConnection = d.tls.VerifyConnection, nil
	d.tls.ClientAuth = tls.RequestClientCert // that its key is there, too, is proved
	d.tls.NextProtos = []string{overHTTP2}
	return d
}

// ServerHandshake makes a guest of whoever speaks TLS. Everybody stays in the crowd until a call has proved more.
func (d *door) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	s := d.crowd.enter(raw)
	conn := tls.Server(s, d.tls)
	ctx, cancel := context.WithTimeout(context.Background(), helloTimeout)
	defer cancel()
	err := conn.HandshakeContext(ctx)
	state := conn.ConnectionState()
	if err == nil && state.NegotiatedProtocol != overHTTP2 {
		err = errors.New("it does not speak " + overHTTP2)
	}
	if err != nil {
		s.Close()
		d.log.Debug("agents: no connection", "from", raw.RemoteAddr().String(), "err", err) // anybody can send any amount of it
		return nil, nil, err
	}
	return conn, d.guest(s, state), nil
}

func (d *door) guest(s *stranger, state tls.ConnectionState) *guest {
	g := &guest{stranger: s}
	if len(state.PeerCertificates) == 0 {
		return g
	}
	cert := state.PeerCertificates[0]
	g.certificate = cert.Raw
	if g.bad = d.known(state); g.bad == nil {
		g.id, g.bad = pki.Of(cert)
	}
	return g
}

// ClientHandshake implements credentials.TransportCredentials, as what follows does.
func (*door) ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errors.New("agentlink: the server does not call")
}

func (*door) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}
func (d *door) Clone() credentials.TransportCredentials { return d }
func (*door) OverrideServerName(string) error           { return nil }

// guest is who a connection is of. gRPC hands it to the calls that come over it.
type guest struct {
	*stranger
	certificate []byte       // DER; nil: none was shown
	bad         error        // why it is no good
	id          pki.Identity // whose it is, when it is good
	tried       atomic.Bool  // to enrol
}

// AuthType implements credentials.AuthInfo.
func (*guest) AuthType() string { return "tls" }

// guestOf is the guest whose call has a context.
func guestOf(ctx context.Context) (*guest, error) {
	if p, ok := peer.FromContext(ctx); ok {
		if g, ok := p.AuthInfo.(*guest); ok {
			return g, nil
		}
	}
	return nil, status.Error(codes.Unauthenticated, "this connection did not come in by the door")
}

// nodeOf is the guest whose call has a context, who must be a node.
func nodeOf(ctx context.Context) (*guest, error) {
	g, err := guestOf(ctx)
	switch {
	case err != nil:
		return nil, err
	case g.certificate == nil:
		return nil, status.Error(codes.Unauthenticated, "this call needs the certificate of a node: enrol first")
	case g.bad != nil:
		return nil, status.Error(codes.PermissionDenied, g.bad.Error())
	case g.id.Kind != pki.KindNode:
		return nil, status.Errorf(codes.PermissionDenied, "only agents of nodes speak here, not %s", g.id)
	}
	return g, nil
}
