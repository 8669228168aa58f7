package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// ready waits until the party holds its port: the table of the sockets in its namespace has it.
func ready(ctx context.Context, y *party, s site, protocol string) error {
	table := fmt.Sprintf("/proc/%d/net/%s", y.processes[0].Process.Pid, protocol)
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for tick := time.Tick(2 * time.Millisecond); ; {
		text, err := os.ReadFile(table)
		if err == nil && holds(string(text), s, protocol) {
			return nil
		}
		select {
		case <-tick:
		case <-y.ended:
			return fmt.Errorf("%s ended before it was ready", s.name)
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", s.name, ctx.Err())
		}
	}
}

// holds looks for a socket bound to the site's port, at its address or at any, that listens if it is TCP's.
func holds(table string, s site, protocol string) bool {
	a := s.addr.Addr().As4()
	own := fmt.Sprintf("%02X%02X%02X%02X:%04X", a[3], a[2], a[1], a[0], s.addr.Port())
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		bound := len(f) > 3 && (f[1] == own || f[1] == fmt.Sprintf("00000000:%04X", s.addr.Port()))
		if bound && (protocol == "udp" || f[3] == "0A") {
			return true
		}
	}
	return false
}
