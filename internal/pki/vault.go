package pki

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Modes of files, and the most that one may hold.
const (
	secret   fs.FileMode = 0o600
	public   fs.FileMode = 0o644
	maxFile              = 8 << 20
	draftEnd             = ".tmp"
)

// vault is a shelf that is a directory. Only its owner may change what is in it; it stays open for as long as the vault is used.
type vault struct {
	root *os.Root
	path string
}

// openVault opens a directory, which it makes with mode 0700 when there is none, and removes what was left by processes that
// were killed between two steps.
func openVault(path string) (*vault, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("%s: %w", path, bare(err))
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, bare(err))
	}
	v := &vault{root: root, path: path}
	info, err := root.Stat(".")
	if err == nil {
		err = owned(info, path, 0o755)
	}
	if err == nil {
		err = v.sweep()
	}
	if err != nil {
		root.Close()
		return nil, err
	}
	return v, nil
}

// owned refuses what others than we and root could have put there, or may use in ways that widest does not allow.
func owned(info fs.FileInfo, path string, widest fs.FileMode) error {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid != 0 && int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to the user with the number %d: chown it to the user that runs this program", path, stat.Uid)
	}
	if wider := info.Mode().Perm() &^ widest; wider != 0 {
		return fmt.Errorf("%s has the mode %#o, so that others than its owner may use it: chmod %o %s", path, info.Mode().Perm(), widest, path)
	}
	return nil
}

// sweep removes drafts that nobody will finish. One of the last hour may be another process's at work.
func (v *vault) sweep() error {
	dir, err := v.root.Open(".")
	if err != nil {
		return v.fail("", err)
	}
	defer dir.Close()
	for {
		entries, err := dir.ReadDir(100)
		for _, e := range entries {
			if info, err := e.Info(); strings.HasSuffix(e.Name(), draftEnd) && err == nil && time.Since(info.ModTime()) > time.Hour {
				v.root.Remove(e.Name())
			}
		}
		if err == io.EOF {
			return nil
		} else if err != nil {
			return v.fail("", err)
		}
	}
}

func (v *vault) read(name string, mode fs.FileMode) ([]byte, error) {
	f, err := v.open(name, mode)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return v.readAll(name, f)
}

// open opens a regular file that only its owner may change, and only those whom mode allows may read.
func (v *vault) open(name string, mode fs.FileMode) (*os.File, error) {
	f, err := v.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe must not hold us
	if err != nil {
		return nil, v.fail(name, err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		err = v.fail(name, err)
	case !info.Mode().IsRegular():
		err = v.fail(name, errors.New("is not a regular file"))
	default:
		err = owned(info, v.where(name), mode)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (v *vault) readAll(name string, f *os.File) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("is longer than %d bytes, which nothing of ours is", maxFile)
	}
	if err != nil {
		return nil, v.fail(name, err)
	}
	return data, nil
}

func (v *vault) create(name string, data []byte, mode fs.FileMode) error {
	return v.put(name, data, mode, v.root.Link) // unlike a rename, never over another's
}

func (v *vault) replace(name string, data []byte, mode fs.FileMode) error {
	return v.put(name, data, mode, v.root.Rename)
}

// put writes a draft beside the place and moves it there: who looks sees the whole or nothing of it, also after a power cut.
func (v *vault) put(name string, data []byte, mode fs.FileMode, move func(from, to string) error) error {
	draft := name + "." + rand.Text()[:8] + draftEnd
	f, err := v.root.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_EXCL, secret)
	if err != nil {
		return v.fail(name, err)
	}
	defer v.root.Remove(draft) // gone already after a rename
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err == nil {
		err = move(draft, name)
	}
	if err != nil {
		return v.fail(name, err)
	}
	return v.settle(name)
}

func (v *vault) remove(name string) error {
	if err := v.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return v.fail(name, err)
	}
	return v.settle(name)
}

// settle makes what was done to the directory last.
func (v *vault) settle(name string) error {
	dir, err := v.root.Open(".")
	if err == nil {
		err = errors.Join(dir.Sync(), dir.Close())
	}
	if err != nil {
		return v.fail(name, err)
	}
	return nil
}

func (v *vault) where(name string) string { return filepath.Join(v.path, name) }

func (v *vault) fail(name string, err error) error {
	return fmt.Errorf("%s: %w", v.where(name), bare(err))
}

// bare drops the name of the system call and of the file, which our errors begin with.
func bare(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return err
}
