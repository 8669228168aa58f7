package initramfs

import (
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// system is the machine whose programs are collected.
type system struct {
	root       string   // "" is /
	libraries  []string // directories that the loader knows by itself, in the order it looks through them
	configured []string // those that it knows by its cache
}

// newSystem reads where the loader looks for libraries.
func newSystem(root string) *system {
	s := &system{root: root}
	for _, lib := range []string{"/lib", "/usr/lib"} {
		multiarch, _ := filepath.Glob(s.at(lib + "/*-linux-gnu*"))
		for _, dir := range multiarch {
			s.libraries = append(s.libraries, strings.TrimPrefix(dir, s.root))
		}
	}
	s.libraries = append(s.libraries, "/lib64", "/usr/lib64", "/lib", "/usr/lib")
	for _, dir := range s.read("/etc/ld.so.conf", 0) {
		if !slices.Contains(s.libraries, dir) {
			s.configured = append(s.configured, dir)
		}
	}
	return s
}

// at is where a path of the system really is.
func (s *system) at(name string) string { return filepath.Join("/", s.root, name) }

// read reads ld.so.conf (ldconfig(8)): a directory a line, or files to include.
func (s *system) read(file string, depth int) []string {
	text, err := os.ReadFile(s.at(file))
	if err != nil || depth > 4 {
		return nil
	}
	var dirs []string
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		switch words := strings.Fields(line); {
		case len(words) == 1:
			dirs = append(dirs, words[0])
		case len(words) == 2 && words[0] == "include":
			if !filepath.IsAbs(words[1]) {
				words[1] = filepath.Join(filepath.Dir(file), words[1])
			}
			files, _ := filepath.Glob(s.at(words[1]))
			for _, f := range files {
				dirs = append(dirs, s.read(strings.TrimPrefix(f, s.root), depth+1)...)
			}
		}
	}
	return dirs
}

// addProgram puts the program at name into the tree: through every link that leads to it, and with all that its loader will want.
func (s *system) addProgram(t *Tree, name string) error {
	for range 16 {
		target, err := os.Readlink(s.at(name))
		if err != nil {
			break
		}
		t.Link(name, target)
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(name), target)
		}
		name = target
	}
	return s.addObject(t, name, name)
}

// addObject puts the file at source to a place in the tree, with its interpreter and libraries.
func (s *system) addObject(t *Tree, source, place string) error {
	if t.Has(place) {
		return nil
	}
	data, err := os.ReadFile(s.at(source))
	if err != nil {
		return err
	}
	t.File(place, 0o755, data)
	f, err := elf.Open(s.at(source))
	if err != nil {
		return s.addScript(t, source, data)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		text := make([]byte, min(p.Filesz, 4096))
		if _, err := p.ReadAt(text, 0); err != nil {
			return fmt.Errorf("%s: its interpreter cannot be read: %w", source, err)
		}
		loader := strings.TrimRight(string(text), "\x00")
		if err := s.addObject(t, loader, loader); err != nil {
			return fmt.Errorf("%s: %w", source, err)
		}
	}
	return s.addNeeded(t, f, source)
}

// addScript brings the interpreter of a script.
func (s *system) addScript(t *Tree, source string, data []byte) error {
	line, ok := strings.CutPrefix(string(data[:min(len(data), 256)]), "#!")
	line, _, _ = strings.Cut(line, "\n")
	words := strings.Fields(line)
	if !ok || len(words) == 0 {
		return fmt.Errorf("%s is neither a program (ELF) nor a script", source)
	}
	if t.Has(words[0]) {
		return nil
	}
	return s.addProgram(t, words[0])
}

func (s *system) addNeeded(t *Tree, f *elf.File, source string) error {
	needed, err := f.ImportedLibraries()
	if err != nil {
		return fmt.Errorf("%s: its libraries cannot be read: %w", source, err)
	}
	for _, library := range needed {
		place, err := s.find(f, source, library)
		if err == nil {
			err = s.addObject(t, place, place)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", source, err)
		}
		if slices.Contains(s.configured, filepath.Dir(place)) { // there is no cache in the deployment system
			t.Link(filepath.Join(s.libraries[0], library), place)
		}
	}
	return nil
}

// find looks for a library as ld.so(8) does, but not in the directories for special hardware.
func (s *system) find(f *elf.File, source, library string) (string, error) {
	if strings.Contains(library, "/") {
		return library, nil
	}
	var dirs []string
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
		values, _ := f.DynString(tag)
		for _, value := range values {
			for dir := range strings.SplitSeq(value, ":") {
				dir = strings.NewReplacer("$ORIGIN", filepath.Dir(source), "${ORIGIN}", filepath.Dir(source)).Replace(dir)
				dirs = append(dirs, dir)
			}
		}
	}
	for _, dir := range slices.Concat(dirs, s.libraries, s.configured) {
		place := filepath.Join(dir, library)
		if s.fits(place, f) {
			return place, nil
		}
	}
	return "", fmt.Errorf("library %s is not there", library)
}

// fits says whether a library is for the same processor.
func (s *system) fits(place string, f *elf.File) bool {
	l, err := elf.Open(s.at(place))
	if err != nil {
		return false
	}
	defer l.Close()
	return l.Class == f.Class && l.Machine == f.Machine
}

// lookup finds a program by its name in the usual directories.
func (s *system) lookup(name string) (string, error) {
	if filepath.IsAbs(name) {
		_, err := os.Stat(s.at(name))
		return name, err
	}
	for _, dir := range []string{"/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"} {
		place := filepath.Join(dir, name)
		if info, err := os.Stat(s.at(place)); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return place, nil
		}
	}
	return "", fmt.Errorf("%s: %w", name, errNoProgram)
}

var errNoProgram = fmt.Errorf("no such program: %w", fs.ErrNotExist)
