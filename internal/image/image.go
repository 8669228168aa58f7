package image

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/kadeploy/kadeploy/chain"
)

// Image is a file that was read whole and found good. It is never changed: share it freely.
type Image struct {
	Path        string // absolute
	Size        int64  // bytes of the file
	SHA256      string // of the file, hexadecimal
	MD5         string // hexadecimal; "" when nobody asked for it
	Kind        string // tar or dd
	Compression string // name for compress.Open
	Unpacked    int64  // bytes once decompressed
	Needs       int64  // bytes that it takes on a disk at least: Unpacked, or the files of a tar image, without their holes
	Manifest    *chain.Manifest

	id    identity
	index []byte // packed entries of a tar image
}

// Name is how people know the image: the last part of its path.
func (i *Image) Name() string { return filepath.Base(i.Path) }

// Open opens the file that was read, or says that there is another one now. The file is an io.ReaderAt; the caller
// closes it.
func (i *Image) Open() (*os.File, error) {
	f, id, err := open(i.Path)
	if err != nil {
		return nil, err
	}
	if id != i.id {
		f.Close()
		return nil, i.changed()
	}
	return f, nil
}

// Unchanged says whether the file is still the one that was read; asked after a broadcast, it tells a file that was
// overwritten meanwhile from a bad link.
func (i *Image) Unchanged() error {
	f, err := i.Open()
	if err != nil {
		return err
	}
	return f.Close()
}

func (i *Image) changed() error {
	return fmt.Errorf("image %s has changed since it was read: wait until it is complete and start again", i.Path)
}

// identity tells one state of a file from every other. The change time is in it because tools that keep the
// modification time (cp -p, rsync -t) cannot keep that one.
type identity struct {
	Path          string
	Size          int64
	Device, Inode uint64
	MTime, CTime  int64 // ns since 1970
}

func identify(path string, info os.FileInfo) identity {
	id := identity{Path: path, Size: info.Size(), MTime: info.ModTime().UnixNano()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		id.Device, id.Inode, id.CTime = st.Dev, st.Ino, st.Ctim.Nano()
	}
	return id
}

// open opens a regular file for reading. Without O_NONBLOCK a named pipe would hold it for ever.
func open(path string) (*os.File, identity, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, identity{}, unreadable(path, err)
	}
	info, err := f.Stat()
	if err == nil {
		err = usable(path, info)
	}
	if err != nil {
		f.Close()
		return nil, identity{}, err
	}
	return f, identify(path, info), nil
}

func usable(path string, info os.FileInfo) error {
	switch {
	case info.IsDir():
		return fmt.Errorf("image %s is a directory: name a file in it", path)
	case !info.Mode().IsRegular():
		return fmt.Errorf("image %s is not a regular file", path)
	case info.Size() == 0:
		return fmt.Errorf("image %s is empty", path)
	}
	return nil
}

func unreadable(path string, err error) error {
	switch {
	case os.IsNotExist(err):
		return fmt.Errorf("image %s does not exist on the server: %w", path, os.ErrNotExist)
	case os.IsPermission(err):
		return fmt.Errorf("image %s may not be read by the server's user: %w", path, os.ErrPermission)
	}
	return fmt.Errorf("image %s cannot be opened: %w", path, err)
}
