// Package outfile makes the files that a command was told to write. A regular file is replaced in one step, so that a reader
// sees the old one or the new one and never a half; a pipe or a device is written to.
package outfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kadeploy/kadeploy/internal/wording"
)

// Place is where a file will be.
type Place struct {
	Name   string      // as it was given
	Path   string      // absolute; a link to a regular file is resolved: the link stays, what it points to is replaced
	Direct bool        // something that is not a regular file is there, and is written to
	Type   fs.FileMode // its type bits
	mode   fs.FileMode // of the new file, before the umask: that of the file it replaces
}

// Find looks at what is there now. A directory is an error, nothing is none. Errors do not repeat the name.
func Find(name string) (Place, error) {
	path, err := filepath.Abs(name)
	if err != nil {
		return Place{}, err
	}
	p := Place{Name: name, Path: path, mode: 0o666}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return p, nil
	case err != nil:
		return p, wording.Bare(err)
	case info.IsDir():
		return p, errors.New("is a directory, not a file")
	}
	p.Type = info.Mode().Type()
	if p.Direct = !info.Mode().IsRegular(); p.Direct {
		return p, nil
	}
	p.mode = info.Mode().Perm()
	p.Path, err = filepath.EvalSymlinks(path)
	return p, wording.Bare(err)
}

// Probe tries what writing will do, up to the last step.
func (p Place) Probe() error {
	if p.Direct {
		return nil
	}
	d, err := p.Create()
	if err != nil {
		return err
	}
	d.Discard()
	return nil
}
