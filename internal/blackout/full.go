package blackout

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// diskSize is enough for the database of a run.
const diskSize = 8 << 20

// disk is a small file system for the database alone, which is full at times.
type disk struct{ dir string }

// newDisk mounts one below dir. The caller is in a mount namespace of its own, and root.
func newDisk(dir string) (*disk, error) {
	d := &disk{filepath.Join(dir, "disk")}
	if err := os.MkdirAll(d.dir, 0o755); err != nil {
		return nil, err
	}
	if err := unix.Mount("blackout", d.dir, "tmpfs", 0, fmt.Sprintf("size=%d", diskSize)); err != nil {
		return nil, fmt.Errorf("mount a tmpfs at %s: %w", d.dir, err)
	}
	return d, nil
}

func (d *disk) close() error { return unix.Unmount(d.dir, 0) }

// haunt fills it and makes room again, at times that the seed says, until ctx ends; then there is room.
func (d *disk) haunt(ctx context.Context, seed uint64) error {
	r := rand.New(rand.NewPCG(seed, 0xf011))
	for pause(ctx, time.Duration(200+r.IntN(1500))*time.Millisecond) {
		if err := d.fill(); err != nil {
			return err
		}
		pause(ctx, time.Duration(100+r.IntN(2000))*time.Millisecond)
		if err := os.Remove(d.ballast()); err != nil {
			return err
		}
	}
	return nil
}

func (d *disk) ballast() string { return filepath.Join(d.dir, "ballast") }

func (d *disk) fill() error {
	f, err := os.Create(d.ballast())
	if err != nil {
		if errors.Is(err, unix.ENOSPC) {
			return os.WriteFile(d.ballast(), nil, 0o600)
		}
		return err
	}
	defer f.Close()
	for block := make([]byte, 64<<10); len(block) > 0; {
		if _, err := f.Write(block); errors.Is(err, unix.ENOSPC) {
			block = block[:len(block)/2] // to the last byte
		} else if err != nil {
			return err
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
