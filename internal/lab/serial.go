package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"time"
)

// Serial is the log of a machine's serial console: everything that firmware, loaders, kernels and systems have written.
type Serial struct {
	name string // of the machine
	path string
}

// Mark is a place in the log. What comes after a machine's start is looked for from a mark taken before it.
type Mark int64

// Mark returns the present end of the log.
func (s Serial) Mark() Mark {
	info, err := os.Stat(s.path)
	if err != nil { // the machine was never on
		return 0
	}
	return Mark(info.Size())
}

// Since returns what was written after the mark, without the escape codes of terminals.
func (s Serial) Since(m Mark) (string, error) {
	log, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return strip(string(log[min(int(m), len(log)):])), nil
}

// Wait waits until the text after the mark matches, and returns the match and its groups. The error of a ctx that is done
// tells the console's last lines.
func (s Serial) Wait(ctx context.Context, m Mark, pattern string) ([]string, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := s.Since(m)
		if err != nil {
			return nil, err
		}
		if found := re.FindStringSubmatch(text); found != nil {
			return found, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("console of %s: %q was not seen: %w; it ends with:\n%s", s.name, pattern, ctx.Err(), lastLines(text, 15))
		case <-tick.C:
		}
	}
}

var escapes = regexp.MustCompile(`\x1b(\[[0-9;?]*[A-Za-z]|[()][A-Za-z0-9]|[=>c78])|[\x00\x07\r]`)

func strip(text string) string { return escapes.ReplaceAllString(text, "") }

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
