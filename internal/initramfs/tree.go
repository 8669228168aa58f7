package initramfs

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// The types of files, as in st_mode (inode(7)).
const (
	typeMask   = 0o170000
	typeDir    = 0o040000
	typeFile   = 0o100000
	typeLink   = 0o120000
	typeDevice = 0o020000 // of characters
)

// entry is a file of the tree.
type entry struct {
	mode         uint32 // type and permissions
	data         []byte // content, or what a link points to
	major, minor uint32 // of a device
}

// Tree is a file system to be. Paths are absolute and clean. Not safe for concurrent use.
type Tree struct{ entries map[string]entry }

// NewTree makes a root directory.
func NewTree() *Tree { return &Tree{entries: map[string]entry{"/": {mode: typeDir | 0o755}}} }

// Dir makes a directory and those above it.
func (t *Tree) Dir(name string, perm uint32) {
	t.put(name, entry{mode: typeDir | perm})
}

// File makes a file.
func (t *Tree) File(name string, perm uint32, data []byte) {
	t.put(name, entry{mode: typeFile | perm, data: data})
}

// Link makes a symbolic link.
func (t *Tree) Link(name, target string) {
	t.put(name, entry{mode: typeLink | 0o777, data: []byte(target)})
}

// Device makes a device of characters.
func (t *Tree) Device(name string, perm, major, minor uint32) {
	t.put(name, entry{mode: typeDevice | perm, major: major, minor: minor})
}

// Has says whether there is something of that name.
func (t *Tree) Has(name string) bool {
	_, ok := t.entries[t.settle(name)]
	return ok
}

// Size is how many bytes the contents of the files have.
func (t *Tree) Size() int64 {
	var n int64
	for _, e := range t.entries {
		n += int64(len(e.data))
	}
	return n
}

func (t *Tree) put(name string, e entry) {
	name = t.settle(name)
	for dir := path.Dir(name); !t.Has(dir); dir = path.Dir(dir) {
		t.entries[dir] = entry{mode: typeDir | 0o755}
	}
	t.entries[name] = e
}

// settle follows the links of the root directory (/lib -> usr/lib): what is named below one is below what it points to.
func (t *Tree) settle(name string) string {
	name = path.Clean("/" + name)
	top, rest, below := strings.Cut(name[1:], "/")
	if e := t.entries["/"+top]; below && e.mode&typeMask == typeLink {
		return path.Join("/", string(e.data), rest)
	}
	return name
}

// names are all paths, a directory before what is in it.
func (t *Tree) names() []string { return slices.Sorted(maps.Keys(t.entries)) }

// check looks for links to nowhere, which would be tools that cannot run.
func (t *Tree) check() error {
	for _, name := range t.names() {
		e := t.entries[name]
		if e.mode&typeMask != typeLink {
			continue
		}
		target := string(e.data)
		if !path.IsAbs(target) {
			target = path.Join(path.Dir(name), target)
		}
		if strings.HasPrefix(target, "/proc/") || t.Has(target) {
			continue
		}
		return fmt.Errorf("initramfs: %s points to %s, which is not there", name, cmp.Or(target, "nothing"))
	}
	return nil
}
