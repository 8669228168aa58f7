package image

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/kadeploy/kadeploy/chain"
	"github.com/kadeploy/kadeploy/config"
)

const (
	recordVersion = 2
	recordSuffix  = ".image"
	tempPrefix    = ".new-"
	maxRecords    = 256
	maxRecord     = 512 << 20
)

// records keeps what was found out about images: one file for each state of an image, a line of JSON followed by the
// manifest and the list of entries. A record that cannot be read is as good as none.
type records struct{ root *os.Root }

type record struct {
	Version     int
	Identity    identity
	SHA256, MD5 string
	Kind        string
	Compression string
	Unpacked    int64
	Needs       int64
	Manifest    int    // bytes of the manifest
	Index       int    // bytes of the list
	Sum         []byte // SHA-256 of both
}

func openRecords(dir string) (*records, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	r := &records{root}
	if err := r.sweep(); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return r, nil
}

func (r *records) close() error { return r.root.Close() }

// recordKey is a file name for one state of a file, read in one way.
func recordKey(id identity, w config.Image, chunkSize int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %q %d %d %d %d %d %s %s %d", recordVersion, id.Path, id.Device, id.Inode,
		id.Size, id.MTime, id.CTime, w.Kind, w.Compression, chunkSize))
	return fmt.Sprintf("%x%s", sum[:16], recordSuffix)
}

// load returns nil when there is no good record.
func (r *records) load(key string, id identity) *Image {
	f, err := r.root.Open(key)
	if err != nil {
		return nil
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxRecord))
	if err != nil {
		return nil
	}
	head, body, _ := bytes.Cut(b, []byte("\n"))
	var rec record
	if json.Unmarshal(head, &rec) != nil || rec.Version != recordVersion || rec.Identity != id {
		return nil
	}
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], rec.Sum) || rec.Manifest < 0 || rec.Manifest+rec.Index != len(body) {
		return nil
	}
	manifest, err := chain.DecodeManifest(body[:rec.Manifest])
	if err != nil || manifest.Size != id.Size {
		return nil
	}
	return &Image{
		Path: id.Path, Size: id.Size, SHA256: rec.SHA256, MD5: rec.MD5, Kind: rec.Kind, Compression: rec.Compression,
		Unpacked: rec.Unpacked, Needs: rec.Needs, Manifest: manifest, id: id, index: body[rec.Manifest:],
	}
}

func (r *records) save(key string, img *Image) error {
	manifest := img.Manifest.Encode()
	body := append(manifest, img.index...)
	sum := sha256.Sum256(body)
	head, err := json.Marshal(record{
		Version: recordVersion, Identity: img.id, SHA256: img.SHA256, MD5: img.MD5, Kind: img.Kind, Compression: img.Compression,
		Unpacked: img.Unpacked, Needs: img.Needs, Manifest: len(manifest), Index: len(img.index), Sum: sum[:],
	})
	if err != nil {
		return err
	}
	if err := replace(r.root, key, 0o644, io.MultiReader(bytes.NewReader(append(head, '\n')), bytes.NewReader(body))); err != nil {
		return err
	}
	return r.prune()
}

// prune keeps the newest records: they cost little, but every rebuilt image makes one more.
func (r *records) prune() error {
	files, err := fs.ReadDir(r.root.FS(), ".")
	if err != nil {
		return err
	}
	var old []fs.FileInfo
	for _, f := range files {
		if info, err := f.Info(); err == nil && strings.HasSuffix(f.Name(), recordSuffix) {
			old = append(old, info)
		}
	}
	slices.SortFunc(old, func(a, b fs.FileInfo) int { return cmp.Compare(b.ModTime().UnixNano(), a.ModTime().UnixNano()) })
	for _, info := range old[min(maxRecords, len(old)):] {
		err = errors.Join(err, r.root.Remove(info.Name()))
	}
	return err
}

// sweep forgets what a server that was killed left half-written.
func (r *records) sweep() error {
	files, err := fs.ReadDir(r.root.FS(), ".")
	for _, f := range files {
		if strings.HasPrefix(f.Name(), tempPrefix) {
			err = errors.Join(err, r.root.Remove(f.Name()))
		}
	}
	return err
}

// replace writes a file and puts it in place at once, or leaves things as they were.
func replace(root *os.Root, name string, mode fs.FileMode, from io.Reader) error {
	temp := tempPrefix + rand.Text()
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	if err = errors.Join(err, f.Close()); err == nil {
		err = root.Rename(temp, name)
	}
	if err != nil {
		return errors.Join(err, root.Remove(temp))
	}
	return nil
}
