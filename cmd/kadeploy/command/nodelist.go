package command

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/kadeploy/kadeploy/internal/nodeset"
	"github.com/kadeploy/kadeploy/internal/wording"
)

const (
	maxNodes    = 100_000
	maxNodeFile = 16 << 20 // bytes
)

// nodeList gathers the nodes of a command line, in order, each once.
type nodeList struct {
	command string
	names   []string
	from    map[string]string // node -> where it was first named
}

// readNodes expands the sets of -m and reads the files of -f.
func readNodes(command string, sets, files []string, stdin io.Reader) ([]string, error) {
	l := &nodeList{command: command, from: make(map[string]string)}
	for _, set := range sets {
		if err := l.addSet(set); err != nil {
			return nil, err
		}
	}
	for _, file := range files {
		if err := l.addFile(file, stdin); err != nil {
			return nil, err
		}
	}
	if len(sets)+len(files) == 0 {
		return nil, usage(command, "no nodes: give -m NODES or -f FILE")
	}
	return l.names, nil
}

// addSet takes one -m. A node named twice by them is a slip of the person who typed it.
func (l *nodeList) addSet(set string) error {
	where := "-m " + set
	names, err := nodeset.Expand(set)
	if err != nil {
		return usage(l.command, "%s: %w", where, err)
	}
	for _, n := range names {
		if first, twice := l.from[n]; twice {
			if first == where {
				return usage(l.command, "%s is given twice by %s", n, where)
			}
			return usage(l.command, "%s is given twice, by %s and by %s", n, first, where)
		}
		if err := l.add(n, where); err != nil {
			return err
		}
	}
	return nil
}

// addFile takes one -f. Batch schedulers write a node once per core: repeated lines count once.
func (l *nodeList) addFile(name string, stdin io.Reader) error {
	in, label, err := openNodeFile(l.command, name, stdin)
	if err != nil {
		return err
	}
	defer in.Close()
	before := len(l.from)
	found := false
	lines := bufio.NewScanner(&limited{r: in, left: maxNodeFile})
	lines.Buffer(nil, 1<<20)
	number := 0
	for lines.Scan() {
		number++
		text, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		where := fmt.Sprintf("%s:%d", label, number)
		if len(words) > 1 {
			return usage(l.command, "%s: one node a line, found %d words", where, len(words))
		}
		names, err := nodeset.Expand(words[0])
		if err != nil {
			return usage(l.command, "%s: %w", where, err)
		}
		found = true
		for _, n := range names {
			if _, known := l.from[n]; known {
				continue
			}
			if err := l.add(n, where); err != nil {
				return err
			}
		}
	}
	if err := lines.Err(); err != nil {
		return usage(l.command, "%s:%d: cannot read the nodes: %w", label, number+1, err)
	}
	if before == len(l.from) && !found {
		return usage(l.command, "%s: no node in it", label)
	}
	return nil
}

func (l *nodeList) add(name, where string) error {
	if len(l.names) >= maxNodes {
		return usage(l.command, "%s: more than %d nodes", where, maxNodes)
	}
	l.from[name] = where
	l.names = append(l.names, name)
	return nil
}

func openNodeFile(command, name string, stdin io.Reader) (in io.ReadCloser, label string, err error) {
	if name == "-" {
		return io.NopCloser(stdin), "standard input", nil
	}
	f, err := openInput(command, "-f", name)
	return f, name, err
}

// openInput opens a file that a person named with a flag.
func openInput(command, flag, name string) (*os.File, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, usage(command, "%s %s: %w", flag, name, wording.Bare(err))
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		f.Close()
		return nil, usage(command, "%s %s: is a directory, not a file", flag, name)
	}
	return f, nil
}

// readInput reads a whole file that a person named with a flag; flag "-a" and at most limit bytes.
func readInput(command, flag, name string, limit int64) ([]byte, error) {
	f, err := openInput(command, flag, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(&limited{r: f, left: limit})
	if err != nil {
		return nil, usage(command, "%s %s: %w", flag, name, wording.Bare(err))
	}
	return data, nil
}

// limited fails where io.LimitReader would pretend that the file ends.
type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, fmt.Errorf("the file is too long")
	}
	return n, err
}
