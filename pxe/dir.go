package pxe

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// Node is who a profile is for.
type Node struct {
	Name string
	Addr netip.Addr
	MAC  net.HardwareAddr // nil when unknown
}

// DirConfig says where profiles are.
type DirConfig struct {
	Root     string // the TFTP root; must exist
	Profiles string // tftp_cfg: relative to Root, or absolute below it; made when missing
	Naming   Naming // "" for ip_hex
}

// Dir is the directory of the nodes' profiles. Its methods may be called from any goroutine; two writers of one node
// leave one of the two profiles, whole.
type Dir struct {
	root   *os.Root
	path   string
	naming Naming
}

// OpenDir opens the directory of profiles and forgets temporary files of a server that was killed.
func OpenDir(c DirConfig) (*Dir, error) {
	profiles := c.Profiles
	if filepath.IsAbs(profiles) {
		rel, err := filepath.Rel(c.Root, profiles)
		if err != nil || !filepath.IsLocal(rel) {
			return nil, fmt.Errorf("boot profiles: %s is not below the TFTP root %s", profiles, c.Root)
		}
		profiles = rel
	}
	tftp, err := os.OpenRoot(c.Root)
	if err != nil {
		return nil, fmt.Errorf("boot profiles: open the TFTP root: %w", err)
	}
	defer tftp.Close()
	if err := tftp.MkdirAll(profiles, 0o755); err != nil {
		return nil, fmt.Errorf("boot profiles: make %s: %w", filepath.Join(c.Root, profiles), err)
	}
	root, err := tftp.OpenRoot(profiles)
	if err != nil {
		return nil, fmt.Errorf("boot profiles: open %s: %w", filepath.Join(c.Root, profiles), err)
	}
	d := &Dir{root: root, path: filepath.Join(c.Root, profiles), naming: c.Naming}
	return d, d.sweep()
}

// Close gives the directory back; profiles stay.
func (d *Dir) Close() error { return d.root.Close() }

// Path is where the node's profile is or would be.
func (d *Dir) Path(n Node) (string, error) {
	name, err := FileName(d.naming, n.Addr, n.MAC, n.Name)
	return filepath.Join(d.path, name), err
}

// Write puts the node's profile in place at once: a node that is reading gets the old text or the new one, whole.
func (d *Dir) Write(n Node, p Profile) error {
	name, err := FileName(d.naming, n.Addr, n.MAC, n.Name)
	if err != nil {
		return fmt.Errorf("boot profile of %s: %w", n.Name, err)
	}
	text, err := p.Render()
	if err != nil {
		return fmt.Errorf("boot profile of %s: %w", n.Name, err)
	}
	if err := d.replace(name, text); err != nil {
		return fmt.Errorf("write boot profile of %s (%s): %w", n.Name, filepath.Join(d.path, name), err)
	}
	return nil
}

// Remove takes the node's profile away; one that is not there is no error.
func (d *Dir) Remove(n Node) error {
	name, err := FileName(d.naming, n.Addr, n.MAC, n.Name)
	if err != nil {
		return fmt.Errorf("boot profile of %s: %w", n.Name, err)
	}
	if err := d.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove boot profile of %s (%s): %w", n.Name, filepath.Join(d.path, name), err)
	}
	return nil
}

const tempPrefix = ".new-" // no name of a profile starts with a dot

func (d *Dir) replace(name, text string) error {
	temp := tempPrefix + rand.Text()
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

func (d *Dir) sweep() error {
	files, err := fs.ReadDir(d.root.FS(), ".")
	if err != nil {
		return fmt.Errorf("boot profiles: list %s: %w", d.path, err)
	}
	for _, f := range files {
		if strings.HasPrefix(f.Name(), tempPrefix) {
			if err := d.root.Remove(f.Name()); err != nil {
				return fmt.Errorf("boot profiles: sweep %s: %w", d.path, err)
			}
		}
	}
	return nil
}
