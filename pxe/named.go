package pxe

import (
	"io"
	"net/url"
	"path"
	"strings"
	"sync"
)

// Serves says whether a machine may have a file, given by its clean name below the TFTP root: a profile, a first stage, a loader, or what
// a profile names. The profile is read when it is asked for, so that those that a site writes by hand and those of a server before this
// one count, too: a machine asks for its profile first.
func (d *Dir) Serves(name string) bool {
	if d.isProfile(name) {
		if text, err := d.read(name); err == nil {
			d.named.put(name, text)
		} else {
			d.named.drop(name)
		}
		return true
	}
	return d.named.has(name)
}

func (d *Dir) isProfile(name string) bool {
	for _, dir := range d.dirs {
		if path.Dir(name) == dir && !strings.HasPrefix(path.Base(name), tempPrefix) {
			return true
		}
	}
	return name == FirstStage
}

func (d *Dir) read(name string) (string, error) {
	info, err := d.root.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return "", err
	}
	f, err := d.root.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxProfile))
	return string(text), err
}

// named counts by how many profiles each file is named.
type named struct {
	mu    sync.Mutex
	files map[string]int
	by    map[string][]string // profile -> files
}

func newNamed(loaders []string) *named {
	n := &named{files: make(map[string]int), by: make(map[string][]string)}
	for _, l := range loaders {
		n.files[l]++
	}
	return n
}

func (n *named) put(profile, text string) {
	files := namedBy(text)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.forget(profile)
	n.by[profile] = files
	for _, f := range files {
		n.files[f]++
	}
}

func (n *named) drop(profile string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.forget(profile)
}

func (n *named) forget(profile string) {
	for _, f := range n.by[profile] {
		if n.files[f]--; n.files[f] == 0 {
			delete(n.files, f)
		}
	}
	delete(n.by, profile)
}

func (n *named) has(file string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.files[file] > 0
}

// namedBy lists the files that a profile names, in any of the languages: what follows the words that load something, never the
// parameters of a kernel, which users choose.
func namedBy(text string) []string {
	var files []string
	add := func(name string) {
		if name = clean(name); name != "" {
			files = append(files, name)
		}
	}
	for line := range strings.Lines(text) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "if ") // of GRUB
		word, rest := keyword(line)
		words := strings.Fields(rest)
		switch {
		case len(words) == 0:
		case word == "append":
			for i, w := range words {
				list, initrds := strings.CutPrefix(w, "initrd=")
				if initrds || words[max(i-1, 0)] == "---" || i == 0 && strings.Contains(rest, " --- ") {
					for f := range strings.SplitSeq(list, ",") {
						add(f)
					}
				}
			}
		case word == "initrd": // several in GRUB and PXELINUX; --name NAME first in iPXE
			if words[0] == "--name" {
				words = words[min(2, len(words)):]
			}
			for _, w := range words {
				for f := range strings.SplitSeq(strings.TrimSuffix(w, ";"), ",") {
					add(f)
				}
			}
		case word == "kernel", word == "linux", word == "com32", word == "multiboot2", word == "module", word == "module2",
			word == "chain", word == "include", word == "config", word == "configfile":
			add(strings.TrimSuffix(words[0], ";"))
		}
	}
	return files
}

// clean makes the name below the root of what a loader asks for: a path, a URL, or a file on GRUB's (tftp).
func clean(name string) string {
	name = strings.TrimPrefix(strings.Trim(name, "'"), "(tftp)")
	if strings.Contains(name, "://") {
		u, err := url.Parse(name)
		if err != nil {
			return ""
		}
		name = u.Path
	}
	return strings.TrimPrefix(path.Clean("/"+name), "/")
}
