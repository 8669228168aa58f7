package demoimage

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Output is one file that Make left on the disk.
type Output struct {
	Path   string
	Size   int64
	SHA256 string // hexadecimal
}

// bootDir is where the deployment system's files go: the only ones that a TFTP server is to see.
const bootDir = "tftp/kernels"

// Make writes the root file system to the path image, in the compression that its name ends in (.tar, .tar.gz, .tgz,
// .tar.xz, .tar.zst), and beside it what a demonstration needs more: tftp/kernels/deploy-vmlinuz and deploy-initrd,
// site-pre.tgz and site-post.tgz. Each file appears whole or not at all.
//
// version names what the files come from: when a Make of the same version left them there, nothing is written and made
// is false. An empty version always writes.
func Make(image, version string) (outputs []Output, made bool, err error) {
	compression, err := compressionOf(image)
	if err != nil {
		return nil, false, err
	}
	dir := filepath.Dir(image)
	if err := os.MkdirAll(filepath.Join(dir, bootDir), 0o755); err != nil {
		return nil, false, fmt.Errorf("make the directory of images: %w", err)
	}
	stamp := image + ".stamp"
	if outputs := current(stamp, version); outputs != nil {
		return outputs, false, nil
	}
	for _, f := range []struct {
		path  string
		write func(io.Writer) error
	}{
		{image, func(w io.Writer) error { return WriteSystem(w, compression) }},
		{filepath.Join(dir, bootDir, "deploy-vmlinuz"), WriteDeployKernel},
		{filepath.Join(dir, bootDir, "deploy-initrd"), WriteDeployInitrd},
		{filepath.Join(dir, "site-pre.tgz"), WritePreInstall},
		{filepath.Join(dir, "site-post.tgz"), WritePostInstall},
	} {
		o, err := put(f.path, f.write)
		if err != nil {
			return nil, false, fmt.Errorf("write %s: %w", f.path, err)
		}
		outputs = append(outputs, o)
	}
	text, err := json.MarshalIndent(state{version, outputs}, "", "\t")
	if err == nil {
		_, err = put(stamp, func(w io.Writer) error { _, err := w.Write(append(text, '\n')); return err })
	}
	return outputs, true, err
}

func compressionOf(name string) (string, error) {
	for _, s := range []struct{ suffix, compression string }{
		{".tar", "none"}, {".tar.gz", "gzip"}, {".tgz", "gzip"}, {".tar.xz", "xz"}, {".txz", "xz"}, {".tar.zst", "zstd"}, {".tzst", "zstd"},
	} {
		if strings.HasSuffix(name, s.suffix) {
			return s.compression, nil
		}
	}
	return "", fmt.Errorf("image %s: its name must end in .tar, .tar.gz, .tar.xz or .tar.zst", name)
}

// state is what a stamp remembers.
type state struct {
	Version string
	Outputs []Output
}

// current returns the outputs of an earlier Make of this version that are still as it left them, as far as their sizes
// tell, else nil.
func current(stamp, version string) []Output {
	text, err := os.ReadFile(stamp)
	var s state
	if err != nil || json.Unmarshal(text, &s) != nil || version == "" || s.Version != version {
		return nil
	}
	for _, o := range s.Outputs {
		if info, err := os.Stat(o.Path); err != nil || info.Size() != o.Size {
			return nil
		}
	}
	return s.Outputs
}

func put(path string, write func(io.Writer) error) (Output, error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return Output{}, err
	}
	defer os.Remove(f.Name()) // no longer there once it is in place
	h, n := sha256.New(), &size{}
	b := bufio.NewWriterSize(io.MultiWriter(f, h, n), 1<<20)
	err = write(b)
	if err = errors.Join(err, b.Flush(), f.Chmod(0o644), f.Close()); err != nil {
		return Output{}, err
	}
	return Output{Path: path, Size: n.bytes, SHA256: hex.EncodeToString(h.Sum(nil))}, os.Rename(f.Name(), path)
}

type size struct{ bytes int64 }

func (s *size) Write(p []byte) (int, error) {
	s.bytes += int64(len(p))
	return len(p), nil
}
