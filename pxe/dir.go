package pxe

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Node is who a profile is for.
type Node struct {
	Name   string
	Addr   netip.Addr
	MAC    net.HardwareAddr // nil when unknown
	UUID   string           // of the machine's firmware; "" when unknown
	Loader Loader           // what reads the profile
}

// DirConfig says where profiles are.
type DirConfig struct {
	Root     string   // the TFTP root; must exist
	Profiles string   // tftp_cfg, those of PXELINUX: relative to Root, or absolute below it; made when missing
	Naming   Naming   // "" for ip_hex
	Loaders  []string // further files below Root that any machine may have
}

// Dir is the directories of the nodes' profiles, one for each language, and knows which files below the root they name. Its methods may be
// called from any goroutine; two writers of one node leave one of the two profiles, whole.
type Dir struct {
	root   *os.Root // the TFTP root
	path   string
	dirs   map[Language]string // relative to root, with slashes
	naming Naming
	named  *named
}

// OpenDir makes the directories of profiles, writes the first stages that lead machines there, and forgets temporary files of a server
// that was killed.
func OpenDir(c DirConfig) (*Dir, error) {
	profiles := c.Profiles
	if filepath.IsAbs(profiles) {
		rel, err := filepath.Rel(c.Root, profiles)
		if err != nil || !filepath.IsLocal(rel) {
			return nil, fmt.Errorf("boot profiles: %s is not below the TFTP root %s", profiles, c.Root)
		}
		profiles = rel
	}
	root, err := os.OpenRoot(c.Root)
	if err != nil {
		return nil, fmt.Errorf("boot profiles: open the TFTP root: %w", err)
	}
	d := &Dir{
		root: root, path: c.Root, naming: c.Naming, named: newNamed(c.Loaders),
		dirs: map[Language]string{PXELINUX: filepath.ToSlash(profiles), IPXE: Dirs[IPXE], GRUB: Dirs[GRUB]},
	}
	if err := d.prepare(); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return d, nil
}

// FirstStage is the script that DHCP names to iPXE, below the TFTP root.
const FirstStage = "boot.ipxe"

func (d *Dir) prepare() error {
	for _, dir := range d.dirs {
		if err := d.root.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("boot profiles: make %s: %w", filepath.Join(d.path, dir), err)
		}
		if err := d.sweep(dir); err != nil {
			return err
		}
		if err := d.recall(dir); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{
		FirstStage:                        ipxeFirstStage(d.naming),
		path.Join(Dirs[GRUB], "grub.cfg"): grubFirstStage(d.naming),
	} {
		if d.foreign(name) { // of another program that shares the TFTP root: nodes of ours that need it are told so by docs/netboot.md
			continue
		}
		if err := d.replace(name, text); err != nil {
			return fmt.Errorf("boot profiles: write %s: %w", filepath.Join(d.path, name), err)
		}
	}
	return nil
}

// foreign says whether a first stage was written by somebody else: ours name this program.
func (d *Dir) foreign(name string) bool {
	text, err := d.read(name)
	return err == nil && text != "" && !strings.Contains(text, "kadeploy")
}

// recall reads the profiles that are there: a machine that has read one of them before a restart of the server goes on.
func (d *Dir) recall(dir string) error {
	files, err := fs.ReadDir(d.root.FS(), dir)
	if err != nil {
		return fmt.Errorf("boot profiles: list %s: %w", filepath.Join(d.path, dir), err)
	}
	for _, f := range files {
		d.Serves(path.Join(dir, f.Name()))
	}
	return nil
}

// Close gives the directory back; profiles stay.
func (d *Dir) Close() error { return d.root.Close() }

// Path is where the node's profile is or would be.
func (d *Dir) Path(n Node) (string, error) {
	file, err := d.file(n, cmp.Or(n.Loader.Language, PXELINUX))
	return filepath.Join(d.path, filepath.FromSlash(file)), err
}

func (d *Dir) file(n Node, language Language) (string, error) {
	name, err := n.name(d.naming, language)
	return path.Join(d.dirs[language], name), err
}

// Write puts the node's profile in place at once: a node that is reading gets the old text or the new one, whole. A profile in another
// language, of a time when the node had another loader, goes.
func (d *Dir) Write(n Node, p Profile) error {
	language := cmp.Or(n.Loader.Language, PXELINUX)
	file, err := d.file(n, language)
	if err != nil {
		return fmt.Errorf("boot profile of %s: %w", n.Name, err)
	}
	text, err := n.Loader.Render(p)
	if err != nil {
		return fmt.Errorf("boot profile of %s: %w", n.Name, err)
	}
	if err := d.replace(file, text); err != nil {
		return fmt.Errorf("write boot profile of %s (%s): %w", n.Name, filepath.Join(d.path, file), err)
	}
	d.named.put(file, text)
	for other := range d.dirs {
		if other != language {
			err = errors.Join(err, d.remove(n, other))
		}
	}
	return err
}

// Remove takes the node's profiles away; one that is not there is no error.
func (d *Dir) Remove(n Node) (err error) {
	for language := range d.dirs {
		err = errors.Join(err, d.remove(n, language))
	}
	return err
}

func (d *Dir) remove(n Node, language Language) error {
	file, err := d.file(n, language)
	if err != nil {
		return nil // it has no name there, so there is none
	}
	if err := d.root.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove boot profile of %s (%s): %w", n.Name, filepath.Join(d.path, file), err)
	}
	d.named.drop(file)
	return nil
}

const tempPrefix = ".new-" // no name of a profile starts with a dot

func (d *Dir) replace(name, text string) error {
	temp := path.Join(path.Dir(name), tempPrefix+rand.Text())
	f, err := d.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = d.root.Rename(temp, name)
	}
	if err != nil {
		return errors.Join(err, d.root.Remove(temp))
	}
	return nil
}

func (d *Dir) sweep(dir string) error {
	files, err := fs.ReadDir(d.root.FS(), dir)
	if err != nil {
		return fmt.Errorf("boot profiles: list %s: %w", filepath.Join(d.path, dir), err)
	}
	for _, f := range files {
		if strings.HasPrefix(f.Name(), tempPrefix) {
			if err := d.root.Remove(path.Join(dir, f.Name())); err != nil {
				return fmt.Errorf("boot profiles: sweep %s: %w", filepath.Join(d.path, dir), err)
			}
		}
	}
	return nil
}
