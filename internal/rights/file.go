package rights

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
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

// Load reads a book from a file; fs.ErrNotExist when there is none. One that is not as Encode makes it is an error that says what
// is wrong: a book that was read in part would take rights away, and end what runs.
func Load(path string) (*Book, error) {
	text, err := read(path)
	var b *Book
	if err == nil {
		b, err = decode(text)
	}
	if err != nil {
		return nil, fmt.Errorf("rights: %s: %w; mend the file, or move it away to begin without it", path, bare(err))
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
		if b.Enrolled(u.Name) {
			return nil, fmt.Errorf("user %d: %s is there twice", i+1, u.Name)
		}
		if _, err := b.AddUser(u.Name, u.Admin, u.Since); err != nil {
			return nil, fmt.Errorf("user %d: %w", i+1, err)
		}
	}
	for i, g := range f.Grants {
		if err := b.putRow(g); err != nil {
			return nil, fmt.Errorf("grant %d: %w", i+1, err)
		}
	}
	return b, nil
}

// putRow puts the grants of a row into a book.
func (b *Book) putRow(r grantRow) error {
	nodes, err := nodeset.Expand(r.Nodes)
	if err != nil {
		return fmt.Errorf("nodes %.80s: %w", r.Nodes, err)
	}
	for _, n := range nodes {
		if err := b.Put(Grant{User: r.User, Node: n, Part: r.Part, Until: r.Until, By: r.By, At: r.At}); err != nil {
			return err
		}
	}
	return nil
}

// Encode makes the text of a file that Load reads.
func (b *Book) Encode() ([]byte, error) {
	f := bookFile{Version: fileVersion, Users: []userRow{}, Grants: []grantRow{}}
	for _, u := range b.Users() {
		f.Users = append(f.Users, userRow(u))
	}
	for _, r := range b.List(nil) {
		for nodes := range slices.Chunk(r.Nodes, rowNodes) {
			f.Grants = append(f.Grants, grantRow{r.User, nodeset.Fold(nodes), r.Part, r.Until, r.By, r.At})
		}
	}
	text, err := json.MarshalIndent(f, "", " ")
	return append(text, '\n'), err
}

// bare leaves out the operation and the path of a file error: Load says the path.
func bare(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
