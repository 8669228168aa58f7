package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"io"
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
	count   int               // of the lines there ever were
	grown   chan struct{}     // closed at the next one; nil when nobody waits for it
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
	c.count++
	if c.grown != nil {
		close(c.grown)
		c.grown = nil
	}
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

// after returns the lines that are kept of those after the first n, how many were not kept, and what is closed at the next one.
func (c *console) after(n int) (lines []string, missed int, grown <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.grown == nil {
		c.grown = make(chan struct{})
	}
	fresh := min(c.count-n, len(c.kept))
	return slices.Clone(c.kept[len(c.kept)-fresh:]), c.count - n - fresh, c.grown
}

// follow writes the lines that are kept and all that come, until ctx ends.
func (c *console) follow(ctx context.Context, out io.Writer) error {
	for n := 0; ; {
		lines, missed, grown := c.after(n)
		if missed > 0 && n > 0 {
			fmt.Fprintf(out, "(%d lines missed)\r\n", missed)
		}
		for _, line := range lines {
			if _, err := fmt.Fprintf(out, "%s\r\n", line); err != nil {
				return err
			}
		}
		n += missed + len(lines)
		select {
		case <-grown:
		case <-ctx.Done():
			return nil
		}
	}
}
