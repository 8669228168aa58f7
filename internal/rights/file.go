package rights

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/kadeploy/kadeploy/internal/nodeset"
)

const (
	fileVersion = 1
	maxFile     = 64 << 20 // bytes
	rowNodes    = 50_000   // of one grantRow: less than a node set may have
)

// bookFile is the file of a Book.
type bookFile struct {
	Version int        `json:"version"`
	Users   []userRow  `json:"users"`
	Grants  []grantRow `json:"grants"`
}

type userRow struct {
	Name  string    `json:"name"`
	Admin bool      `json:"admin,omitempty"`
	Since time.Time `json:"since"`
}

type grantRow struct {
	User  string    `json:"user"`
	Nodes string    `json:"nodes"` // a node set, or *
	Part  string    `json:"part"`
	Until time.Time `json:"until,omitzero"`
	By    string    `json:"by"`
	At    time.Time `json:"at"`
}

// Load reads a book. A file that does not exist is an empty book; one that is not as Save writes it is an error that says what is
// wrong: a book that was read in part would take rights away, and end what runs.
func Load(path string) (*Book, error) {
	text, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return New(), nil
	}
	var b *Book
	if err == nil {
		b, err = decode(text)
	}
	if err != nil {
		return nil, fmt.Errorf("rights: %s: %w; mend the file, or move it away to begin without any right", path, bare(err))
	}
	return b, nil
}

// read refuses a file that others may write: whoever can write it is an admin.
func read(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // opening a pipe would wait for its writer
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("no regular file")
	case info.Mode().Perm()&0o022 != 0:
		return nil, fmt.Errorf("mode %v lets others write it (chmod 600)", info.Mode().Perm())
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("more than %d bytes", maxFile)
	}
	return text, err
}

func decode(text []byte) (*Book, error) {
	var head struct{ Version int }
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, fmt.Errorf("not a book of rights: %w", err)
	}
	if head.Version != fileVersion {
		return nil, fmt.Errorf("version %d, and this server reads version %d", head.Version, fileVersion)
	}
	var f bookFile
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, err
	}
	b := New()
	for i, u := range f.Users {
		if _, twice := b.users[u.Name]; twice {
			return nil, fmt.Errorf("user %d: %s is there twice", i+1, u.Name)
		}
		if _, err := b.AddUser(u.Name, u.Admin, u.Since); err != nil {
			return nil, fmt.Errorf("user %d: %w", i+1, err)
		}
	}
	for i, g := range f.Grants {
		if err := b.restore(g); err != nil {
			return nil, fmt.Errorf("grant %d: %w", i+1, err)
		}
	}
	return b, nil
}

// restore puts a row back. Its nodes need not be of the site any more.
func (b *Book) restore(r grantRow) error {
	if err := (Request{User: r.User, Part: r.Part}).check(r.At); err != nil {
		return err
	}
	nodes, err := nodeset.Expand(r.Nodes)
	if err != nil {
		return fmt.Errorf("nodes %.80s: %w", r.Nodes, err)
	}
	for _, n := range nodes {
		b.put(Grant{User: r.User, Node: n, Part: r.Part, Until: r.Until, By: r.By, At: r.At})
	}
	if b.grants > MaxGrants {
		return fmt.Errorf("more than %d rights", MaxGrants)
	}
	return nil
}

func (b *Book) encode() ([]byte, error) {
	f := bookFile{Version: fileVersion, Users: []userRow{}, Grants: []grantRow{}}
	for _, u := range b.Users() {
		f.Users = append(f.Users, userRow{u.Name, u.Admin, moment(u.Since)})
	}
	for _, r := range b.List(nil) {
		for nodes := range slices.Chunk(r.Nodes, rowNodes) {
			f.Grants = append(f.Grants, grantRow{r.User, nodeset.Fold(nodes), r.Part, r.Until, r.By, r.At})
		}
	}
	text, err := json.MarshalIndent(f, "", " ")
	return append(text, '\n'), err
}

// Save writes a book, readable by its owner only, in one step: after a crash the file is the old one or the new one. Only one
// program may save to a path, one Save at a time.
func Save(path string, b *Book) error {
	text, err := b.encode()
	if err == nil {
		err = replace(filepath.Dir(path), filepath.Base(path), text)
	}
	if err != nil {
		return fmt.Errorf("rights: %s cannot be written: %w", path, bare(err))
	}
	return nil
}

// replace leaves at most one other file behind when it is killed, and takes it away the next time.
func replace(dir, name string, text []byte) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	draft := name + ".new"
	if err := root.Remove(draft); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := root.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = cmp.Or(err, f.Close()); err == nil { // one error is one line
		err = root.Rename(draft, name)
	}
	if err != nil {
		return cmp.Or(err, root.Remove(draft))
	}
	parent, err := root.Open(".")
	if err != nil {
		return err
	}
	return cmp.Or(parent.Sync(), parent.Close())
}

// bare leaves out the operation and the path of a file error: Load and Save say the path.
func bare(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
