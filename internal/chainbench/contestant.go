package main

import "os/exec"

// contestant is a way to bring an image to many hosts, as command lines.
type contestant struct {
	name  string
	needs []need // programs, apart from the one that is measured

	receive func(p *place, i int) pipeline // what host i runs
	send    func(p *place) pipeline        // what the head runs
	order   order
	listens string   // the protocol at whose port the first to start are ready: tcp or udp
	single  bool     // takes the first host only
	env     []string // of every process
	remark  string   // what must be known about its times
}

// order says who waits for whom; the clock runs from the start of the second.
type order int

const (
	hostsFirst order = iota // the head calls them, and ends when it has served them
	headFirst               // the hosts call it; it never ends
)

// need is a program and the Debian package that has it.
type need struct{ command, debian string }

// pipeline is programs with their arguments, each reading what the one before it writes.
type pipeline [][]string

// missing returns the first program that is not installed.
func (c contestant) missing() (need, bool) {
	for _, n := range c.needs {
		if _, err := exec.LookPath(n.command); err != nil {
			return n, true
		}
	}
	return need{}, false
}
