package initramfs

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kadeploy/kadeploy/internal/compress"
	"github.com/kadeploy/kadeploy/internal/initramfs/layout"
)

// kernel is the directory of a kernel's modules, as depmod(8) leaves it.
type kernel struct {
	dir     string
	version string
	paths   map[string]string   // of a module, below dir; its name is written with _
	needs   map[string][]string // paths of what a path needs
	soft    map[string][]string // names that a name wants before or after it
	alias   map[string][]string // names that a name stands for; of names without wildcards
	builtin map[string]bool     // names that the kernel has in itself
}

// readKernel reads the tables of /lib/modules/VERSION.
func readKernel(dir string) (*kernel, error) {
	k := &kernel{
		dir: dir, version: filepath.Base(dir),
		paths: map[string]string{}, needs: map[string][]string{}, soft: map[string][]string{},
		alias: map[string][]string{}, builtin: map[string]bool{},
	}
	text, err := os.ReadFile(filepath.Join(dir, "modules.dep"))
	if err != nil {
		return nil, fmt.Errorf("%w: is %s the directory of a kernel's modules? (depmod makes that file)", err, dir)
	}
	for line := range strings.Lines(string(text)) {
		file, needs, _ := strings.Cut(strings.TrimSpace(line), ":")
		k.paths[moduleName(file)], k.needs[file] = file, strings.Fields(needs)
	}
	for line := range k.lines("modules.builtin") {
		k.builtin[moduleName(line)] = true
	}
	for line := range k.lines("modules.softdep") {
		if words := strings.Fields(line); len(words) > 2 && words[0] == "softdep" {
			k.soft[plain(words[1])] = append(k.soft[plain(words[1])], words[2:]...)
		}
	}
	for line := range k.lines("modules.alias") {
		if words := strings.Fields(line); len(words) == 3 && words[0] == "alias" && !strings.ContainsAny(words[1], "*?[") {
			k.alias[plain(words[1])] = append(k.alias[plain(words[1])], words[2])
		}
	}
	return k, nil
}

// lines are those of a table; one that is not there has none.
func (k *kernel) lines(table string) func(func(string) bool) {
	text, _ := os.ReadFile(filepath.Join(k.dir, table))
	return func(yield func(string) bool) {
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") && !yield(line) {
				return
			}
		}
	}
}

// plain is a name as the kernel writes it: - and _ are the same to modprobe(8).
func plain(name string) string { return strings.ReplaceAll(name, "-", "_") }

// moduleName is what a file of a module is called by.
func moduleName(file string) string {
	name, _, _ := strings.Cut(path.Base(file), ".ko")
	return plain(name)
}

// choose gives the paths of all modules that names need, sorted, and the names that there is neither a module nor anything built in for.
// A name that ends with * stands for all that begin so.
func (k *kernel) choose(names []string) (paths, unknown []string) {
	chosen := map[string]bool{}
	for _, name := range names {
		known := false
		for _, n := range k.matching(name) {
			known = k.take(n, chosen) || known
		}
		if !known {
			unknown = append(unknown, name)
		}
	}
	return slices.Sorted(maps.Keys(chosen)), unknown
}

// matching are the names of modules that a pattern stands for.
func (k *kernel) matching(pattern string) []string {
	start, wild := strings.CutSuffix(plain(pattern), "*")
	if !wild {
		return []string{start}
	}
	var names []string
	for name := range k.paths {
		if strings.HasPrefix(name, start) {
			names = append(names, name)
		}
	}
	return names
}

// take adds a module and what it needs; false: there is none of that name, nor is it built in.
func (k *kernel) take(name string, chosen map[string]bool) bool {
	name = plain(name)
	if file, ok := k.paths[name]; ok {
		k.takeFile(file, chosen)
		return true
	}
	for _, stands := range k.alias[name] {
		k.take(stands, chosen)
	}
	return k.builtin[name] || len(k.alias[name]) > 0
}

func (k *kernel) takeFile(file string, chosen map[string]bool) {
	if chosen[file] {
		return
	}
	chosen[file] = true
	for _, need := range k.needs[file] {
		k.takeFile(need, chosen)
	}
	for _, want := range k.soft[moduleName(file)] {
		if !strings.HasSuffix(want, ":") { // pre: and post:
			k.take(want, chosen)
		}
	}
}

// install puts modules, decompressed, and the tables of them into the tree. each is called with what every file holds.
func (k *kernel) install(t *Tree, files []string, each func(name string, data []byte) error) error {
	root := path.Join(layout.Modules, k.version)
	kept := map[string]bool{}
	var deps strings.Builder
	for _, file := range files {
		data, err := inflate(filepath.Join(k.dir, file))
		if err == nil {
			err = each(moduleName(file), data)
		}
		if err != nil {
			return err
		}
		t.File(path.Join(root, inflated(file)), 0o644, data)
		kept[moduleName(file)] = true
		fmt.Fprint(&deps, inflated(file), ":")
		for _, need := range k.needs[file] {
			fmt.Fprint(&deps, " ", inflated(need))
		}
		fmt.Fprintln(&deps)
	}
	t.File(root+"/modules.dep", 0o644, []byte(deps.String()))
	t.File(root+"/modules.alias", 0o644, k.subset("modules.alias", func(w []string) bool { return len(w) == 3 && kept[plain(w[2])] }))
	t.File(root+"/modules.softdep", 0o644, k.subset("modules.softdep", func(w []string) bool { return len(w) > 2 && kept[plain(w[1])] }))
	t.File(root+"/modules.builtin", 0o644, k.subset("modules.builtin", func([]string) bool { return true }))
	return nil
}

// subset is a table with the lines that are kept.
func (k *kernel) subset(table string, keep func(words []string) bool) []byte {
	var out bytes.Buffer
	for line := range k.lines(table) {
		if keep(strings.Fields(line)) {
			fmt.Fprintln(&out, line)
		}
	}
	return out.Bytes()
}

// inflated is the name of a module's file without its compression.
func inflated(file string) string {
	before, _, _ := strings.Cut(path.Base(file), ".ko")
	return path.Join(path.Dir(file), before+".ko")
}

// inflate reads a file that may be compressed, which the kernel of the node shall not have to undo.
func inflate(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names := map[string]string{".xz": "xz", ".zst": "zstd", ".gz": "gzip"}
	r, err := compress.Open(names[filepath.Ext(file)], f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, 64<<20))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return data, nil
}
