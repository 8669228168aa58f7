package broadcast

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"unicode"

	"github.com/kadeploy/kadeploy/chain"
	"github.com/kadeploy/kadeploy/internal/nodeset"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// DefaultPort is where receivers listen unless told otherwise.
const DefaultPort = 25303

// maxHostFile bounds a file of hosts, in bytes.
const maxHostFile = 16 << 20

// Hosts gathers the machines of a broadcast, each once, in the order given.
type Hosts struct {
	links []chain.Link
	from  map[string]string // address -> where it was first named
}

// Links are the machines, named as they were given.
func (h *Hosts) Links() []chain.Link { return h.links }

// Add takes a set as people write it: host1,node-[1-8]:25304,[::1]. A machine named twice is an error.
func (h *Hosts) Add(where, set string) error {
	links, err := expand(set)
	if err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	for _, l := range links {
		if first, known := h.from[l.Addr]; known {
			return fmt.Errorf("%s: %s is named twice, first by %s", where, l.Name, first)
		}
		h.add(l, where)
	}
	return nil
}

// AddFile takes a file of sets, one a line; # begins a comment. Batch schedulers write a node once per core, so repeated lines count
// once. Name "-" is stdin.
func (h *Hosts) AddFile(name string, stdin io.Reader) error {
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, wording.Bare(err))
		}
		defer f.Close()
		in = f
	}
	lines := bufio.NewScanner(io.LimitReader(in, maxHostFile))
	found := false
	for number := 1; lines.Scan(); number++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		where := fmt.Sprintf("%s:%d", name, number)
		links, err := expand(text)
		if err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		found = true
		for _, l := range links {
			if _, known := h.from[l.Addr]; !known {
				h.add(l, where)
			}
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if !found {
		return fmt.Errorf("%s: no host in it", name)
	}
	return nil
}

func (h *Hosts) add(l chain.Link, where string) {
	if h.from == nil {
		h.from = make(map[string]string)
	}
	h.from[l.Addr] = where
	h.links = append(h.links, l)
}

// expand lists the machines of a set.
func expand(set string) ([]chain.Link, error) {
	var links []chain.Link
	for _, piece := range pieces(set) {
		names := []string{piece}
		if !isIPv6(piece) {
			var err error
			if names, err = nodeset.Expand(piece); err != nil {
				return nil, fmt.Errorf("%q: %w", piece, err)
			}
		}
		for _, name := range names {
			addr, err := address(name)
			if err != nil {
				return nil, err
			}
			links = append(links, chain.Link{Name: name, Addr: addr})
		}
	}
	return links, nil
}

// pieces cuts a set at the commas outside brackets.
func pieces(set string) []string {
	var all []string
	depth, start := 0, 0
	for i, c := range []byte(set) {
		switch {
		case c == '[':
			depth++
		case c == ']':
			depth--
		case c == ',' && depth <= 0:
			all = append(all, set[start:i])
			start = i + 1
		}
	}
	return append(all, set[start:])
}

// isIPv6 tells an address in brackets, with or without a port, from a range.
func isIPv6(piece string) bool {
	inside, _, found := strings.Cut(strings.TrimPrefix(piece, "["), "]")
	return found && piece[0] == '[' && strings.Contains(inside, ":")
}

// address is the host:port of a name.
func address(name string) (string, error) {
	wrong := fmt.Errorf("%q: want HOST, HOST:PORT or [IPv6]:PORT", name)
	host, port := name, strconv.Itoa(DefaultPort)
	switch {
	case strings.HasPrefix(name, "[") && strings.HasSuffix(name, "]"):
		host = name[1 : len(name)-1]
	case strings.Contains(name, ":"):
		if _, err := netip.ParseAddr(name); err == nil {
			return "", fmt.Errorf("%s: an IPv6 address goes in brackets: [%s]", name, name)
		}
		var err error
		if host, port, err = net.SplitHostPort(name); err != nil {
			return "", wrong
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("%q: the port is a number from 1 to 65535", name)
	}
	if host == "" || strings.ContainsFunc(host, neverInHost) {
		return "", wrong
	}
	if _, err := netip.ParseAddr(host); err != nil && strings.Contains(host, ":") {
		return "", fmt.Errorf("%q: %s is not an IPv6 address", name, host)
	}
	return net.JoinHostPort(host, port), nil
}

func neverInHost(r rune) bool { return strings.ContainsRune(" /@[]", r) || !unicode.IsPrint(r) }
