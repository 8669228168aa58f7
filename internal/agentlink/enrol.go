package agentlink

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/pki"
)

// maxToken is in bytes.
const maxToken = 256

// Enrol gives the agent of a boot its certificate; gRPC calls it.
func (s *Server) Enrol(ctx context.Context, r *agentpb.EnrolRequest) (out *agentpb.Enrolled, err error) {
	defer recovered(s.config.Log, "", &err)
	g, err := guestOf(ctx)
	if err != nil {
		return nil, err
	}
	id, certificate, err := s.enrol(g, r)
	if err != nil {
		s.config.Log.Warn("agents: not enrolled", "from", g.RemoteAddr().String(), "node", id.Name, "err", err)
		return nil, err
	}
	s.config.Log.Info("agents: enrolled", "from", g.RemoteAddr().String(), "node", id.Name)
	return &agentpb.Enrolled{Certificate: certificate, Authority: s.config.Authority.PEM()}, nil
}

// enrol signs before the token is used up, so that it says nothing else than who may have a certificate: of two who show the same
// token one's certificate is bound to the boot, and the other's is never seen.
func (s *Server) enrol(g *guest, r *agentpb.EnrolRequest) (id pki.Identity, text []byte, err error) {
	switch {
	case g.tried.Swap(true):
		return id, nil, status.Error(codes.ResourceExhausted, "one enrolment for a connection: call again")
	case r.Protocol != agentpb.Protocol:
		return id, nil, otherProtocol(r.Protocol)
	case r.Token == "" || len(r.Token) > maxToken:
		return id, nil, status.Error(codes.InvalidArgument, "the token is missing or too long")
	}
	if err := pki.CheckRequest(r.Request); err != nil {
		return id, nil, status.Error(codes.InvalidArgument, err.Error())
	}
	if id, err = s.config.Boots.bearer(r.Token); err != nil {
		return id, nil, status.Error(codes.PermissionDenied, err.Error())
	}
	if !g.leave() { // who has the token of a boot is no stranger; who is gone must not use it up
		return id, nil, errGone
	}
	if text, err = s.config.Authority.Sign(r.Request, id); err != nil {
		return id, nil, status.Error(codes.Internal, "the server cannot issue certificates now; see its log: "+err.Error())
	}
	der, err := pki.DecodePEM(pki.TypeCertificate, text)
	if err == nil {
		err = s.config.Boots.redeem(r.Token, der)
	}
	if err != nil {
		return id, nil, status.Error(codes.PermissionDenied, err.Error())
	}
	return id, text, nil
}

// errGone is seen by nobody but the log.
var errGone = status.Error(codes.Unavailable, "the connection was given up before it had proved whose it is")

func otherProtocol(agents uint32) error {
	return status.Errorf(codes.FailedPrecondition, "the agent speaks protocol %d, this server %d", agents, agentpb.Protocol)
}
