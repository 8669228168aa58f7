package phonehome

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path"

	"github.com/kadeploy/kadeploy/internal/machine/rooted"
)

// The files of a deployed system. Only root reads the note.
const (
	File   = "/etc/kadeploy/phone-home"
	script = "/etc/kadeploy/phone-home.sh"
	unit   = "/etc/systemd/system/kadeploy-phone-home.service"
	wants  = "/etc/systemd/system/multi-user.target.wants"
)

var (
	//go:embed phone-home.sh
	scriptText []byte
	//go:embed kadeploy-phone-home.service
	unitText []byte
)

// Install lays a note, and the script that calls with it, into the system below root. Where that has systemd, it starts the script;
// elsewhere that is for the system's own init.
func Install(root *os.Root, n Note) error {
	if err := n.check(); err != nil {
		return err
	}
	if err := place(root, script, scriptText, 0o755); err != nil {
		return err
	}
	if err := enable(root); err != nil {
		return err
	}
	return place(root, File, n.Text(), 0o600)
}

// enable has systemd start the script, if the system has one.
func enable(root *os.Root) error {
	if !hasSystemd(root) {
		return nil
	}
	if err := place(root, unit, unitText, 0o644); err != nil {
		return err
	}
	dir, err := rooted.MakeDirs(root, wants, 0o755)
	if err != nil {
		return err
	}
	if err := root.Symlink("../"+path.Base(unit), path.Join(dir, path.Base(unit))); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

func hasSystemd(root *os.Root) bool {
	for _, dir := range []string{"/etc/systemd", "/lib/systemd", "/usr/lib/systemd"} {
		if info, err := rooted.Stat(root, dir); err == nil && info.IsDir() {
			return true
		}
	}
	return false
}

// place writes a file as a whole, whatever an earlier try has left.
func place(root *os.Root, file string, text []byte, mode os.FileMode) error {
	dir, err := rooted.MakeDirs(root, path.Dir(file), 0o755)
	if err == nil {
		err = rooted.Replace(root, path.Join(dir, path.Base(file)), text, mode)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}
