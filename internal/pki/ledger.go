package pki

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"sync"
	"syscall"
	"time"
)

// lockPatience is how long another process may hold a directory. None does for longer than it takes to write a file.
const lockPatience = 10 * time.Second

// ledger is a JSON object in a file of a vault that several processes read and change: a map of records by their names. Safe for
// concurrent use.
type ledger[R any] struct {
	vault *vault
	name  string
	most  int // records
	check func(name string, r R) error

	changing sync.Mutex // held while a disk or another process is waited for, which view never does

	mu      sync.Mutex
	file    *os.File // the version that records are of; open, so that no other can be taken for it
	info    fs.FileInfo
	records map[string]R
}

// view calls f with the records as they are on the disk now. f may not keep or change them.
func (l *ledger[R]) view(f func(map[string]R)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.refresh(); err != nil {
		return err
	}
	f(l.records)
	return nil
}

// still calls f with a copy of the records while nobody else changes them.
func (l *ledger[R]) still(f func(map[string]R) error) error {
	l.changing.Lock()
	defer l.changing.Unlock()
	unlock, err := l.vault.lock()
	if err != nil {
		return err
	}
	defer unlock()
	var records map[string]R
	if err := l.view(func(now map[string]R) { records = maps.Clone(now) }); err != nil {
		return err
	}
	return f(records)
}

// change lets f change the records. When f returns nil they are on the disk before change returns nil; after any error they
// count as unchanged, although a disk that failed late may have them.
func (l *ledger[R]) change(f func(map[string]R) error) error {
	return l.still(func(records map[string]R) error {
		if err := f(records); err != nil {
			return err
		}
		if err := l.write(records); err != nil {
			return err
		}
		l.adopt(records)
		return nil
	})
}

// adopt spares the next reader to read what we have just written. Nobody else has written since: nobody may, yet.
func (l *ledger[R]) adopt(records map[string]R) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget()
	f, err := l.vault.open(l.name, secret)
	if err != nil {
		return // the next reader will say why
	}
	if l.info, err = f.Stat(); err != nil {
		f.Close()
		return
	}
	l.file, l.records = f, records
}

func (l *ledger[R]) write(records map[string]R) error {
	if len(records) > l.most {
		return l.vault.fail(l.name, fmt.Errorf("would hold more than %d records: wait until some expire", l.most))
	}
	data, err := json.Marshal(records)
	if err != nil {
		return l.vault.fail(l.name, err)
	}
	return l.vault.replace(l.name, append(data, '\n'), secret)
}

// refresh reads the file if it is not the one that was read last.
func (l *ledger[R]) refresh() error {
	info, err := l.vault.root.Stat(l.name)
	if err == nil && l.file != nil && os.SameFile(info, l.info) && info.ModTime().Equal(l.info.ModTime()) && info.Size() == l.info.Size() {
		return nil
	}
	l.forget()
	f, err := l.vault.open(l.name, secret)
	if errors.Is(err, fs.ErrNotExist) {
		l.records = map[string]R{}
		return nil
	} else if err != nil {
		return err
	}
	if err := l.load(f); err != nil {
		f.Close()
		return err
	}
	l.file = f
	return nil
}

func (l *ledger[R]) load(f *os.File) (err error) {
	if l.info, err = f.Stat(); err != nil {
		return l.vault.fail(l.name, err)
	}
	data, err := l.vault.readAll(l.name, f)
	if err != nil {
		return err
	}
	var records map[string]R
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if d.Decode(&records) != nil || records == nil {
		return l.garbage()
	}
	if _, err := d.Token(); err != io.EOF {
		return l.garbage()
	}
	if len(records) > l.most {
		return l.vault.fail(l.name, fmt.Errorf("holds more than %d records, which no program of ours wrote: remove it", l.most))
	}
	for name, r := range records {
		if l.check(name, r) != nil {
			return l.garbage()
		}
	}
	l.records = records
	return nil
}

// garbage does not show what the file holds.
func (l *ledger[R]) garbage() error {
	return l.vault.fail(l.name, errors.New("is not what this program writes there: restore it or remove it"))
}

func (l *ledger[R]) forget() {
	if l.file != nil {
		l.file.Close()
	}
	l.file, l.info, l.records = nil, nil, nil
}

// lock keeps other processes, and other vaults of this one, from changing ledgers. The kernel takes it from who is killed.
func (v *vault) lock() (unlock func(), err error) {
	dir, err := v.root.Open(".")
	if err != nil {
		return nil, v.fail("", err)
	}
	for deadline := time.Now().Add(lockPatience); ; time.Sleep(5 * time.Millisecond) {
		err = syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return func() { dir.Close() }, nil
		case errors.Is(err, syscall.EWOULDBLOCK) && time.Now().After(deadline):
			err = fmt.Errorf("another process has held this directory for %s: see whether one hangs", lockPatience)
		case errors.Is(err, syscall.EWOULDBLOCK), errors.Is(err, syscall.EINTR):
			continue
		}
		dir.Close()
		return nil, v.fail("", err)
	}
}
