package deploysystem

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	carrierPoll = 100 * time.Millisecond
	dialTimeout = 3 * time.Second
	dialPause   = 500 * time.Millisecond
)

// way is a network that leads to the server.
type way struct {
	link  netlink.Link
	lease *lease
}

// connect brings up every network card there is or will be, has an address given to each, and returns the first address from which the
// server can be reached. Others keep their addresses; leases are renewed for ever. It waits as long as it takes.
func (s *system) connect(ctx context.Context, server netip.AddrPort, node string) netip.Addr {
	ways := make(chan way, 16)
	s.spawn(func() { s.watchLinks(ctx, server, ways) })
	w := <-ways
	if err := w.prefer(server.Addr()); err != nil {
		say("%s: %v", w.link.Attrs().Name, err)
	}
	w.lease.introduce(node)
	return w.lease.address.Addr()
}

// watchLinks starts with each network card once.
func (s *system) watchLinks(ctx context.Context, server netip.AddrPort, ways chan<- way) {
	if lo, err := netlink.LinkByName("lo"); err == nil {
		netlink.LinkSetUp(lo)
	}
	updates := make(chan netlink.LinkUpdate, 64)
	err := netlink.LinkSubscribeWithOptions(updates, ctx.Done(), netlink.LinkSubscribeOptions{
		ListExisting: true, ErrorCallback: func(err error) { say("network cards: %v", err) },
	})
	if err != nil {
		say("network cards: %v", err)
		return
	}
	known := map[int]bool{}
	for u := range updates {
		link := u.Link
		if index := link.Attrs().Index; !known[index] && isCard(link.Attrs().Name) {
			known[index] = true
			s.spawn(func() { s.use(ctx, link, server, ways) })
		}
	}
}

// isCard says whether a link is hardware of ethernet's kind, and no bridge, tunnel or loopback.
func isCard(name string) bool {
	_, err := os.Stat("/sys/class/net/" + name + "/device")
	kind, _ := os.ReadFile("/sys/class/net/" + name + "/type")
	return err == nil && strings.TrimSpace(string(kind)) == "1" // ARPHRD_ETHER
}

// use is the life of a card.
func (s *system) use(ctx context.Context, link netlink.Link, server netip.AddrPort, ways chan<- way) {
	name := link.Attrs().Name
	if err := netlink.LinkSetUp(link); err != nil {
		say("%s: up: %v", name, err)
	}
	awaitCarrier(name)
	client := dhcp{link: link}
	l := client.obtain(ctx)
	s.spawn(func() {
		if awaitServer(ctx, name, server) == nil {
			select {
			case ways <- way{link, l}:
			default:
			}
		}
	})
	client.keep(ctx, l)
}

// awaitCarrier waits until a cable carries something.
func awaitCarrier(name string) {
	for {
		if text, err := os.ReadFile("/sys/class/net/" + name + "/carrier"); err == nil && strings.TrimSpace(string(text)) == "1" {
			return
		}
		time.Sleep(carrierPoll)
	}
}

// awaitServer waits until a server answers through a card, whatever it answers: that it refuses is an answer, too.
func awaitServer(ctx context.Context, card string, server netip.AddrPort) error {
	dialer := net.Dialer{Timeout: dialTimeout, Control: func(_, _ string, c syscall.RawConn) (err error) {
		if e := c.Control(func(fd uintptr) { err = unix.BindToDevice(int(fd), card) }); e != nil {
			return e
		}
		return err
	}}
	told := false
	for {
		conn, err := dialer.DialContext(ctx, "tcp", server.String())
		if err == nil {
			return conn.Close()
		}
		if errors.Is(err, unix.ECONNREFUSED) {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !told {
			say("%s: the server at %v does not answer yet: %v", card, server, err)
			told = true
		}
		time.Sleep(dialPause)
	}
}

// prefer has the way to the server go through this card, whatever other cards say they reach.
func (w way) prefer(server netip.Addr) error {
	if w.lease.address.Contains(server) {
		return netlink.RouteReplace(&netlink.Route{LinkIndex: w.link.Attrs().Index, Dst: single(server), Scope: netlink.SCOPE_LINK})
	}
	route, ok := w.lease.routeTo(server, w.link.Attrs().Index)
	if !ok {
		return nil
	}
	if err := netlink.RouteReplace(&route); err != nil {
		return fmt.Errorf("route to %v: %w", server, err)
	}
	return nil
}

func single(a netip.Addr) *net.IPNet {
	return &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen())}
}
