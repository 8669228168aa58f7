package enrol

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// Limits are small ones for specs.
type Limits struct {
	Time            time.Duration
	Most, MostOfOne int
}

func (l Limits) limits() limits {
	return limits{header: l.Time, request: 2 * l.Time, answer: 2 * l.Time, most: l.Most, mostOfOne: l.MostOfOne, farewell: l.Time}
}

// ServeUnix serves a socket within these limits.
func (l Limits) ServeUnix(ctx context.Context, path string, h http.Handler) error {
	s, err := ListenUnix(path)
	if err != nil {
		return err
	}
	return l.limits().serveUnix(ctx, s, h)
}

// ServeTLS serves as the daemon does on its port, within these limits.
func (l Limits) ServeTLS(ctx context.Context, n net.Listener, c *tls.Config, h http.Handler) error {
	c = c.Clone()
	c.NextProtos = []string{"http/1.1"}
	return l.limits().serve(ctx, tls.NewListener(newLobby(n, l.limits().most, l.limits().mostOfOne), c), h)
}

// Remembered is how many of so many addresses that failed one after another are remembered at the end.
func Remembered(addresses int) int {
	b := newBrake(time.Now)
	for i := range addresses {
		b.fail(peer{addr: netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})})
	}
	return len(b.by)
}
