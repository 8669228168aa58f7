package outlet

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/outfile"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// device is a file that is written in place.
type device struct {
	file *os.File
	sync bool
}

func openDevice(place outfile.Place, sync bool) (Outlet, error) {
	flags := os.O_WRONLY
	if isBlock(place.Type) {
		flags |= unix.O_EXCL // without O_CREAT: nobody else may hold it, mounted or as part of another device
	}
	f, err := os.OpenFile(place.Path, flags, 0)
	if errors.Is(err, unix.EBUSY) {
		return nil, errors.New("is in use: mounted, or a part of another device")
	}
	if err != nil {
		return nil, wording.Bare(err)
	}
	return &device{f, sync || isBlock(place.Type)}, nil
}

func isBlock(t fs.FileMode) bool { return t&fs.ModeDevice != 0 && t&fs.ModeCharDevice == 0 }

func (d *device) Write(p []byte) (int, error) {
	n, err := d.file.Write(p)
	return n, wording.Bare(err)
}

func (d *device) Close() error {
	if d.sync {
		if err := d.file.Sync(); err != nil && !errors.Is(err, unix.EINVAL) { // EINVAL: it has no disk below it
			d.file.Close()
			return wording.Bare(err)
		}
	}
	return wording.Bare(d.file.Close())
}

func (d *device) Abort(error) { d.file.Close() }
