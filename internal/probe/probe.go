// Package probe finds out from the outside which system a node is running, the way Kadeploy3's wait_reboot does (1.5):
// the deployment system accepts connections on its ssh port and on the marker port, the user's system on its ssh port
// only, refusing the marker. That the deployment system is up is told by its agent, which calls; nobody looks for it here.
//
// It promises bounded time and a reason for every no. What to do about a node that never answers is the caller's affair.
package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// connectTimeout bounds one connection attempt (Kadeploy3: 1 s).
const connectTimeout = time.Second

// A Check looks once. It returns whether the node is as wanted and, when it is not, a reason for people.
type Check func(ctx context.Context) (ok bool, reason string)

// UserSystem reports whether the user's system is up: ssh accepts and the marker port refuses. A marker port that does
// not answer at all is a no: a machine that is still going down looks like that.
func UserSystem(ctx context.Context, addr netip.Addr, sshPort, markerPort int) (bool, string) {
	ssh, marker := both(ctx, addr, sshPort, markerPort)
	if ssh == accepts && marker == refuses {
		return true, ""
	}
	if ssh == accepts && marker == accepts {
		return false, fmt.Sprintf("still in the deployment system: marker port %d accepts", markerPort)
	}
	return false, fmt.Sprintf("ssh port %d %s, marker port %d %s", sshPort, ssh, markerPort, marker)
}

// Marker asks the marker port alone: whether it accepts, and whether it is refused, so that no agent is there. When neither is, nobody
// answers.
func Marker(ctx context.Context, addr netip.Addr, markerPort int) (accepted, refused bool) {
	answer := ask(ctx, addr, markerPort)
	return answer == accepts, answer == refuses
}

// answer is what a port does with a connection.
type answer string

const (
	accepts answer = "accepts"
	refuses answer = "refused"
	silent  answer = "does not answer"
)

// both asks the two ports at the same time.
func both(ctx context.Context, addr netip.Addr, sshPort, markerPort int) (ssh, marker answer) {
	done := make(chan answer, 1)
	go func() { done <- ask(ctx, addr, markerPort) }()
	ssh = ask(ctx, addr, sshPort)
	return ssh, <-done
}

func ask(ctx context.Context, addr netip.Addr, port int) answer {
	dialer := net.Dialer{Timeout: connectTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", netip.AddrPortFrom(addr, uint16(port)).String())
	switch {
	case err == nil:
		conn.Close()
		return accepts
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET):
		return refuses
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "unreachable"
	}
	return silent
}
