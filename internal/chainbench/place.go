package main

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"

	"github.com/kadeploy/kadeploy/internal/netlab"
)

// place is where one broadcast happens: a head, hosts, and the image.
type place struct {
	image *image
	dir   string // of the hosts' files
	rate  int64  // of every link, bits per second of payload; 0: no limit
	head  site
	hosts []site
	lab   *netlab.Lab // nil on the loopback
}

// site is a machine, or what stands for one.
type site struct {
	name    string
	addr    netip.AddrPort // where it listens
	command func(ctx context.Context, name string, args ...string) *exec.Cmd
}

const port = 25303

// inNamespaces makes a network with a head and n hosts.
func inNamespaces(img *image, dir string, n int, rate int64) (*place, error) {
	names := []string{"head"}
	for i := range n {
		names = append(names, fmt.Sprintf("n%d", i+1))
	}
	lab, err := netlab.New(netlab.Config{Hosts: names, Rate: rate})
	if err != nil {
		return nil, err
	}
	p := &place{image: img, dir: dir, rate: rate, lab: lab}
	for _, h := range lab.Hosts {
		p.hosts = append(p.hosts, site{h.Name, netip.AddrPortFrom(h.Addr, port), h.Command})
	}
	p.head, p.hosts = p.hosts[0], p.hosts[1:]
	return p, nil
}

// onLoopback gives a head and n hosts an address each, in 127.83.0.0/16.
func onLoopback(img *image, dir string, n int) *place {
	p := &place{image: img, dir: dir}
	addr := netip.MustParseAddr("127.83.0.1")
	for i := range n + 1 {
		p.hosts = append(p.hosts, site{fmt.Sprintf("n%d", i), netip.AddrPortFrom(addr, port), exec.CommandContext})
		addr = addr.Next()
	}
	p.head, p.hosts = p.hosts[0], p.hosts[1:]
	return p
}

// file is what host i writes.
func (p *place) file(i int) string { return filepath.Join(p.dir, p.hosts[i].name) }

func (p *place) close() error {
	if p.lab == nil {
		return nil
	}
	return p.lab.Close()
}
