package demoimage

import (
	"archive/tar"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// WriteSystem writes the demonstration's root file system, about 35 MB of it, as a tar archive in the given compression
// (a name for compress.Open other than bzip2).
func WriteSystem(w io.Writer, compression string) error { return write(w, compression, system()) }

// WritePostInstall writes a post-install, a .tgz with post.sh.
func WritePostInstall(w io.Writer) error { return write(w, "gzip", scripts("post.sh")) }

// WritePreInstall writes a pre-install, a .tgz with pre.sh.
func WritePreInstall(w io.Writer) error { return write(w, "gzip", scripts("pre.sh")) }

// WriteDeployKernel writes the kernel of the deployment system, 1 MiB that starts with DeployKernelMagic.
func WriteDeployKernel(w io.Writer) error {
	return writeAll(w, file{name: "deploy-vmlinuz", text: DeployKernelMagic, size: 1 << 20})
}

// WriteDeployInitrd writes the initrd of the deployment system, 2 MiB.
func WriteDeployInitrd(w io.Writer) error {
	return writeAll(w, file{name: "deploy-initrd", text: "070701", size: 2 << 20})
}

func scripts(name string) []file {
	f := text(name, seed(name))
	f.mode = 0o755
	return []file{f}
}

func writeAll(w io.Writer, f file) error {
	_, err := io.Copy(w, newContent(f))
	return err
}

func write(w io.Writer, compression string, files []file) error {
	z, err := compressor(compression, w)
	if err != nil {
		return err
	}
	if err := writeTar(z, files); err != nil {
		return err
	}
	return z.Close()
}

func writeTar(w io.Writer, files []file) error {
	// Hard links come after what they link to; for the rest the order of names also puts directories first.
	slices.SortStableFunc(files, func(a, b file) int {
		if a.hard != b.hard {
			if a.hard {
				return 1
			}
			return -1
		}
		return strings.Compare(a.name, b.name)
	})
	t := tar.NewWriter(w)
	for _, f := range files {
		h := f.header()
		if err := t.WriteHeader(h); err != nil {
			return fmt.Errorf("archive %s: %w", f.name, err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if err := writeAll(t, f); err != nil {
			return fmt.Errorf("archive %s: %w", f.name, err)
		}
	}
	return t.Close()
}

type plain struct{ io.Writer }

func (plain) Close() error { return nil }

func compressor(name string, w io.Writer) (io.WriteCloser, error) {
	switch name {
	case "none":
		return plain{w}, nil
	case "gzip":
		return gzip.NewWriterLevel(w, gzip.BestSpeed)
	case "xz":
		return xz.NewWriter(w)
	case "zstd":
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	}
	return nil, fmt.Errorf("the demonstration image cannot be compressed by %q (known: none, gzip, xz, zstd)", name)
}
