package sandbox

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
)

const (
	consoleLines = 50  // kept per machine
	consoleWidth = 400 // bytes of a line, the rest is dropped
)

// console keeps the last lines of what a machine prints. It is safe for concurrent use, and costs nothing before the
// first line.
type console struct {
	mu      sync.Mutex
	kept    []string
	partial []byte            // a line that has no end yet
	watch   func(line string) // sees every whole line; set before the first is written
}

// Write takes what a program prints; it never fails.
func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(p)
	for {
		line, rest, whole := bytes.Cut(p, []byte{'\n'})
		c.partial = append(c.partial, line[:min(len(line), consoleWidth-len(c.partial))]...)
		if !whole {
			return n, nil
		}
		c.add(string(c.partial))
		c.partial, p = c.partial[:0], rest
	}
}

// printf prints a line of the machine itself.
func (c *console) printf(format string, args ...any) {
	fmt.Fprintf(c, format+"\n", args...)
}

func (c *console) add(line string) {
	line = strings.Map(printable, line)
	if len(c.kept) == consoleLines {
		copy(c.kept, c.kept[1:])
		c.kept = c.kept[:consoleLines-1]
	}
	c.kept = append(c.kept, line)
	if c.watch != nil {
		c.watch(line)
	}
}

// printable drops what would act on the terminal of who reads the evidence.
func printable(r rune) rune {
	if r == '\t' || r >= ' ' && r != 0x7f && (r < 0x80 || r > 0x9f) {
		return r
	}
	return -1
}

func (c *console) lines() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	lines := slices.Clone(c.kept)
	if len(c.partial) > 0 {
		lines = append(lines, strings.Map(printable, string(c.partial)))
	}
	return lines
}
