package agent

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/kadeploy/kadeploy/internal/pki"
)

// maxCmdline is COMMAND_LINE_SIZE of the kernels that have the longest.
const maxCmdline = 4096

// Boot is what the kernel command line says about this boot.
type Boot struct {
	Server string // kadeploy.server=IP:PORT, where to call
	Node   string // kadeploy.node=NAME, who this is
	Token  string // kadeploy.token=TEXT, one-time; a secret
	Pin    string // kadeploy.pin=sha256:HEX, what the server is known by
	Marker int    // kadeploy.marker=PORT, open in the deployment system
}

// ParseCmdline reads the agent's words of a kernel command line. Other words are the kernel's; of a word given twice the
// last one counts, as with the kernel. Errors never hold the token.
func ParseCmdline(line string) (Boot, error) {
	if len(line) > maxCmdline {
		return Boot{}, fmt.Errorf("kernel command line: %d bytes, more than %d", len(line), maxCmdline)
	}
	var b Boot
	var marker string
	for _, word := range strings.Fields(line) {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "kadeploy.server":
			b.Server = value
		case "kadeploy.node":
			b.Node = value
		case "kadeploy.token":
			b.Token = value
		case "kadeploy.pin":
			b.Pin = value
		case "kadeploy.marker":
			marker = value
		}
	}
	return b, b.complete(marker)
}

func (b *Boot) complete(marker string) error {
	if _, err := netip.ParseAddrPort(b.Server); err != nil {
		return fmt.Errorf("kernel command line: kadeploy.server=%q: want IP:PORT", b.Server)
	}
	if b.Node == "" || len(b.Node) > 255 {
		return errors.New("kernel command line: kadeploy.node=NAME is missing or too long")
	}
	if b.Token == "" || len(b.Token) > 256 {
		return errors.New("kernel command line: kadeploy.token=TEXT is missing or too long")
	}
	if err := pki.CheckPin(b.Pin); err != nil {
		return fmt.Errorf("kernel command line: kadeploy.pin=%q: %w", clipped(b.Pin), err)
	}
	port, err := strconv.ParseUint(marker, 10, 16)
	if err != nil || port == 0 {
		return fmt.Errorf("kernel command line: kadeploy.marker=%q: want a port", marker)
	}
	b.Marker = int(port)
	return nil
}

// clipped is enough of a word to know it by.
func clipped(word string) string { return word[:min(len(word), 80)] }
