// Package credentials reads the file of logins at management controllers. What it reads is secret: a Login prints as nothing
// that helps anybody, and no error holds a line of the file.
package credentials

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
)

// maxSize is how large a file may be, in bytes.
const maxSize = 4 << 20

// The variables of the environment that hold one login for all, for sites whose secrets come that way.
const (
	UserVariable     = "KADEPLOY_BMC_USER"
	PasswordVariable = "KADEPLOY_BMC_PASSWORD"
)

// Login is a user and a password.
type Login struct{ User, Password string }

// String hides the login from logs and errors.
func (Login) String() string { return "(a login)" }

// GoString hides it from %#v, too.
func (l Login) GoString() string { return l.String() }

// MarshalText hides it from structured logs.
func (l Login) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Book is a file that was read: logins by pattern, in its order. It is not changed after Read.
type Book []entry

type entry struct {
	pattern string
	login   Login
}

// Read reads a file of lines HOST-or-pattern USER PASSWORD. A pattern is one of path.Match, such as * or node-?.lab; the
// password is the rest of the line and may hold blanks. Empty lines, and lines that begin with #, say nothing. The file is
// refused when others than its owner may read or write it, and when its owner is neither this user nor root.
func Read(file string) (Book, error) {
	f, err := os.Open(file)
	if err != nil {
		if bare := (*fs.PathError)(nil); errors.As(err, &bare) {
			err = bare.Err
		}
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	defer f.Close()
	if err := private(f); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	book, err := parse(io.LimitReader(f, maxSize))
	if err != nil {
		return nil, fmt.Errorf("%s:%w", file, err)
	}
	return book, nil
}

// private looks at the open file, not at its name: that may be another one by now.
func private(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	owner := int(info.Sys().(*syscall.Stat_t).Uid)
	switch {
	case !info.Mode().IsRegular():
		return errors.New("not a file")
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("holds passwords, and others may use it (mode %04o): chmod 600", info.Mode().Perm())
	case owner != 0 && owner != os.Geteuid():
		return fmt.Errorf("holds passwords, and belongs to user %d: chown it to the server's user", owner)
	case info.Size() > maxSize:
		return fmt.Errorf("has %d bytes; at most %d are read", info.Size(), maxSize)
	}
	return nil
}

func parse(r io.Reader) (Book, error) {
	var book Book
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		pattern, rest := word(line)
		user, password := word(rest)
		if password == "" {
			return nil, fmt.Errorf("%d: not HOST USER PASSWORD", n)
		}
		if _, err := path.Match(pattern, ""); err != nil {
			return nil, fmt.Errorf("%d: the pattern of the host has an open bracket", n)
		}
		book = append(book, entry{pattern, Login{user, password}})
	}
	return book, lines.Err()
}

// word cuts the first word off a line without blanks at its ends.
func word(line string) (first, rest string) {
	end := strings.IndexAny(line, " \t")
	if end < 0 {
		return line, ""
	}
	return line[:end], strings.TrimLeft(line[end:], " \t")
}

// Find returns the login of the first line whose pattern is one of the names of a host, or matches it.
func (b Book) Find(names ...string) (Login, bool) {
	for _, e := range b {
		for _, name := range names {
			if matched, _ := path.Match(e.pattern, name); matched || e.pattern == name {
				return e.login, true
			}
		}
	}
	return Login{}, false
}

// For returns the login of a host: that of the file, or when there is no file that of the environment. It is read at each
// call, so that a password may change while the server runs.
func For(file string, names ...string) (Login, error) {
	if file == "" {
		login := Login{os.Getenv(UserVariable), os.Getenv(PasswordVariable)}
		if login.User == "" {
			return login, fmt.Errorf("no credentials: set bmc_credentials, or %s and %s", UserVariable, PasswordVariable)
		}
		return login, nil
	}
	book, err := Read(file)
	if err != nil {
		return Login{}, err
	}
	login, found := book.Find(names...)
	if !found {
		return login, fmt.Errorf("%s: no line for %s", file, strings.Join(names, " or "))
	}
	return login, nil
}
