package deploysystem

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/initramfs/layout"
)

// modules are those of the running kernel that are in the deployment system. Safe for concurrent use.
type modules struct {
	dir     string
	insert  func(file string) error // has the kernel load a file
	paths   map[string]string       // of a name, below dir
	needs   map[string][]string     // paths, of a path
	soft    map[string][]string     // names that a name wants loaded before it
	aliases []alias

	mu   sync.Mutex
	done map[string]error // by path: those that were loaded (nil) or cannot be
}

// alias stands for a module; pattern is as in fnmatch(3), start its part before the first wildcard.
type alias struct{ start, pattern, name string }

// errNoModule says that there is none of that name; it may be built in.
var errNoModule = errors.New("no such module in the deployment system")

// openModules reads the tables of depmod(8). Without them there are no modules, which is no error: the kernel may have all built in.
func openModules(dir string) (*modules, error) {
	m := &modules{
		dir: dir, insert: insertModule,
		paths: map[string]string{}, needs: map[string][]string{}, soft: map[string][]string{}, done: map[string]error{},
	}
	text, err := os.ReadFile(filepath.Join(dir, "modules.dep"))
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		file, needs, _ := strings.Cut(strings.TrimSpace(line), ":")
		m.paths[moduleName(file)], m.needs[file] = file, strings.Fields(needs)
	}
	text, err = os.ReadFile(filepath.Join(dir, "modules.alias"))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		if w := strings.Fields(line); len(w) == 3 && w[0] == "alias" {
			m.aliases = append(m.aliases, alias{w[1][:wildcard(w[1])], w[1], plain(w[2])})
		}
	}
	text, err = os.ReadFile(filepath.Join(dir, "modules.softdep"))
	for line := range strings.Lines(string(text)) {
		if w := strings.Fields(line); len(w) > 2 && w[0] == "softdep" {
			m.soft[plain(w[1])] = append(m.soft[plain(w[1])], w[2:]...)
		}
	}
	return m, err
}

// wildcard is where the first one is.
func wildcard(pattern string) int {
	if i := strings.IndexAny(pattern, "*?["); i >= 0 {
		return i
	}
	return len(pattern)
}

// plain is a name as the kernel has it.
func plain(name string) string { return strings.ReplaceAll(name, "-", "_") }

func moduleName(file string) string { return plain(strings.TrimSuffix(path.Base(file), ".ko")) }

// load loads a module by its name or an alias, such as fs-xfs or what hardware says it is (modalias), with all it needs.
func (m *modules) load(name string) error {
	under := map[string]bool{}
	if file, ok := m.paths[plain(name)]; ok {
		return m.loadFile(file, under)
	}
	found := false
	var errs []error
	for _, a := range m.aliases {
		if !strings.HasPrefix(name, a.start) {
			continue
		}
		if ok, err := path.Match(a.pattern, name); err == nil && ok {
			found = true
			errs = append(errs, m.loadFile(m.paths[a.name], under))
		}
	}
	if !found {
		return fmt.Errorf("%s: %w", name, errNoModule)
	}
	return errors.Join(errs...)
}

// loadFile loads what a module needs, the deepest first, and then the module. Of two that load the same at once the kernel has one wait
// for the other. under has the modules that wait for this one: soft dependencies may go in a circle (modprobe.d(5)).
func (m *modules) loadFile(file string, under map[string]bool) error {
	if err, known := m.outcome(file); known || under[file] {
		return err
	}
	under[file] = true
	defer delete(under, file)
	err := m.loadNeeds(file, under)
	if err == nil {
		err = m.insert(filepath.Join(m.dir, file))
		if errors.Is(err, unix.EEXIST) {
			err = nil
		}
		if err != nil {
			err = fmt.Errorf("module %s: %w", moduleName(file), err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done[file] = err
	return err
}

func (m *modules) loadNeeds(file string, under map[string]bool) error {
	for _, want := range m.soft[moduleName(file)] {
		if need, ok := m.paths[plain(want)]; ok { // else it is built in, or an alias that the module asks for by itself
			m.loadFile(need, under)
		}
	}
	needs := m.needs[file]
	for i := len(needs) - 1; i >= 0; i-- {
		if err := m.loadFile(needs[i], under); err != nil {
			return err
		}
	}
	return nil
}

// outcome is what became of a file that was tried.
func (m *modules) outcome(file string) (err error, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	err, known = m.done[file]
	return err, known
}

func insertModule(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.FinitModule(int(f.Fd()), "", 0)
}

// modprobe is this program as the kernel calls it for a module (/proc/sys/kernel/modprobe), and as scripts do: modprobe [-OPTION]... NAME...
// It returns the exit code.
func modprobe(args []string) int {
	m, err := openModules(filepath.Join(layout.Modules, release()))
	if err != nil {
		fmt.Fprintln(os.Stderr, "modprobe:", err)
		return 1
	}
	code, quiet := 0, false
	for _, arg := range args {
		if strings.HasPrefix(arg, "-") {
			quiet = quiet || arg == "-q" || arg == "--quiet"
			continue
		}
		if err := m.load(arg); err != nil {
			code = 1
			if !quiet {
				fmt.Fprintln(os.Stderr, "modprobe:", err)
			}
		}
	}
	return code
}
