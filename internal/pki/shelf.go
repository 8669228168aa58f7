package pki

import (
	"io/fs"
	"sync"
)

// shelf is where small files are: a directory (vault) or the memory of a process. Files change as a whole. What is not there
// is fs.ErrNotExist.
type shelf interface {
	read(name string, mode fs.FileMode) ([]byte, error)       // mode is the widest one that is accepted
	create(name string, data []byte, mode fs.FileMode) error  // fs.ErrExist when it is there; of several at once one succeeds
	replace(name string, data []byte, mode fs.FileMode) error // whether it is there or not
	remove(name string) error                                 // whether it is there or not
	where(name string) string                                 // for errors
}

// memory is a shelf that ends with the process.
type memory struct {
	mu    sync.Mutex
	files map[string][]byte
}

func (m *memory) read(name string, _ fs.FileMode) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if data, ok := m.files[name]; ok {
		return data, nil
	}
	return nil, fs.ErrNotExist
}

func (m *memory) create(name string, data []byte, _ fs.FileMode) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.files[name]; ok {
		return fs.ErrExist
	}
	m.files[name] = data
	return nil
}

func (m *memory) replace(name string, data []byte, _ fs.FileMode) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files[name] = data
	return nil
}

func (m *memory) remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.files, name)
	return nil
}

func (m *memory) where(name string) string { return name }
