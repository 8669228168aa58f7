package broadcast

import (
	"net"

	"github.com/kadeploy/kadeploy/chain"
)

// maxAsked is how many machines are asked for the way to them: names that nobody resolves take their time.
const maxAsked = 8

// listenAddress completes the address that machines reach the head at: without a host, it is this machine's own address on the way
// to the first of them that is another machine; without a port, any.
func listenAddress(asked string, links []chain.Link) string {
	host, port, err := net.SplitHostPort(asked)
	if err != nil {
		host, port = asked, "0"
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = ownAddress(links)
	}
	return net.JoinHostPort(host, port)
}

// ownAddress asks the kernel; nothing is sent.
func ownAddress(links []chain.Link) string {
	own := net.IPv4(127, 0, 0, 1)
	for _, l := range links[:min(maxAsked, len(links))] {
		conn, err := net.Dial("udp", l.Addr)
		if err != nil {
			continue
		}
		ip := conn.LocalAddr().(*net.UDPAddr).IP
		conn.Close()
		if own = ip; !own.IsLoopback() {
			break
		}
	}
	return own.String()
}
