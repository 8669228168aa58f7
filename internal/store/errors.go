package store

import (
	"errors"
	"fmt"
)

// What a caller may want to know of an error. Every error is one line for people.
var (
	// ErrUnknown: no such operation or environment; also of a fact whose operation was never begun.
	ErrUnknown = errors.New("is not known")
	// ErrExists: an environment of that owner, name and version is there.
	ErrExists = errors.New("exists already")
	// ErrFull: there is no room on the disk. Nothing of the batch was written; it can be written again when there is room.
	ErrFull = errors.New("no room on the disk")
	// ErrUnavailable: the database does not answer or is held by others. The batch may have been written or not; to write it
	// again is right in both cases.
	ErrUnavailable = errors.New("the database does not answer")
)

// DamagedError tells that the database contradicts itself.
type DamagedError struct {
	Database string // a file, or host and name
	Detail   string
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("database %s is damaged (%s): put the last backup in its place, or move it away (with -wal and -shm) to begin with an empty one",
		e.Database, e.Detail)
}

// NewerError tells that a later version of the program has changed the schema.
type NewerError struct {
	Database    string
	Have, Known int64 // versions of the schema
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("database %s has schema %d and this program knows up to %d: install the newer program again, or restore the backup made before the upgrade",
		e.Database, e.Have, e.Known)
}
