package command

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// outFile is a file that will be written when all is over. It is proved writable before anything is started.
// A regular file is replaced in one step, so that a reader sees the old one or the new one; a pipe or a device is written to.
type outFile struct {
	flag, name string
	path       string // resolved, absolute; "" when there is nothing to write
	direct     bool   // not a regular file
	mode       fs.FileMode
}

// prepare checks a file named by flag; name "" is no file.
func prepare(command, flag, name string) (*outFile, error) {
	o := &outFile{flag: flag, name: name, mode: 0o666}
	if name == "" {
		return o, nil
	}
	if err := o.resolve(); err != nil {
		return nil, usage(command, "%s %s: %w", flag, name, bare(err))
	}
	if err := o.probe(); err != nil {
		return nil, usage(command, "%s %s: cannot be written: %w", flag, name, bare(err))
	}
	return o, nil
}

func (o *outFile) resolve() error {
	path, err := filepath.Abs(o.name)
	if err != nil {
		return err
	}
	o.path = path
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.IsDir() {
		return errors.New("is a directory, not a file")
	}
	if o.direct = !info.Mode().IsRegular(); o.direct {
		return nil
	}
	o.mode = info.Mode().Perm()
	o.path, err = filepath.EvalSymlinks(path) // the link stays, what it points to is replaced
	return err
}

// probe tries what write will do, up to the last step.
func (o *outFile) probe() error {
	if o.direct {
		return nil
	}
	if f, err := os.OpenFile(o.path, os.O_WRONLY, 0); err == nil {
		f.Close()
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := o.temporary()
	if err != nil {
		return err
	}
	f.Close()
	return os.Remove(f.Name())
}

func (o *outFile) temporary() (*os.File, error) {
	return os.OpenFile(fmt.Sprintf("%s.%s.tmp", o.path, rand.Text()[:8]), os.O_WRONLY|os.O_CREATE|os.O_EXCL, o.mode)
}

// write puts lines into the file.
func (o *outFile) write(lines []string) error {
	if o.path == "" {
		return nil
	}
	text := ""
	if len(lines) > 0 {
		text = strings.Join(lines, "\n") + "\n"
	}
	if err := o.put(text); err != nil {
		return fmt.Errorf("%s %s: cannot be written: %w", o.flag, o.name, bare(err))
	}
	return nil
}

func (o *outFile) put(text string) error {
	if o.direct {
		f, err := os.OpenFile(o.path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString(text)
		return errors.Join(err, f.Close())
	}
	f, err := o.temporary()
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), o.path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// distinct refuses two flags that name one file.
func distinct(command string, files ...*outFile) error {
	seen := make(map[string]*outFile)
	for _, o := range files {
		if o.path == "" {
			continue
		}
		if first, twice := seen[o.path]; twice {
			return usage(command, "%s and %s name the same file, %s", first.flag, o.flag, o.name)
		}
		seen[o.path] = o
	}
	return nil
}

// bare takes the path off an error of the file system: the message names it already.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	var l *os.LinkError
	if errors.As(err, &l) {
		return l.Err
	}
	return err
}
