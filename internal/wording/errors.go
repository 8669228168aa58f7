package wording

import (
	"errors"
	"io/fs"
	"os"
)

// Bare takes the path off an error of the file system, for messages that name the file already, or should not.
func Bare(err error) error {
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
