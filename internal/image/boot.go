package image

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/kadeploy/kadeploy/internal/compress"
)

// maxBootFile bounds one kernel or initrd in the TFTP root, bytes.
const maxBootFile = 512 << 20

// BootFiles are the names, in the directory given to ExtractBoot, of what a node boots; "" for what was not wanted.
type BootFiles struct{ Kernel, Initrd, Hypervisor string }

// wanted is one file on its way from an image to the TFTP root.
type wanted struct {
	role   string // kernel, initrd, hypervisor
	source member
	name   string // in the directory
}

// ExtractBoot takes the kernel, initrd and hypervisor out of a tar image into a directory, which is made when missing.
// Paths are those of the description, "" for none; links are followed inside the image. The files are named after the
// digest of the image and their path in it, so that two images never share one and a file that is there already is
// taken as it is. A file appears whole or not at all; calls may run side by side.
func ExtractBoot(ctx context.Context, img *Image, kernel, initrd, hypervisor, into string) (BootFiles, error) {
	files, want, err := plan(img, kernel, initrd, hypervisor)
	if err != nil {
		return BootFiles{}, err
	}
	if err := os.MkdirAll(into, 0o755); err != nil {
		return BootFiles{}, fmt.Errorf("take the kernel of image %s: %w", img.Name(), err)
	}
	root, err := os.OpenRoot(into)
	if err != nil {
		return BootFiles{}, fmt.Errorf("take the kernel of image %s: %w", img.Name(), err)
	}
	defer root.Close()
	missing := map[int][]wanted{} // by place in the archive: a kernel may be wanted under two names
	for _, w := range want {
		if info, err := root.Lstat(w.name); err != nil || !info.Mode().IsRegular() || info.Size() != w.source.Size {
			missing[w.source.place] = append(missing[w.source.place], w)
		}
	}
	if err := extract(ctx, img, missing, root); err != nil {
		return BootFiles{}, fmt.Errorf("take the kernel of image %s to %s: %w", img.Name(), into, err)
	}
	return files, nil
}

// plan finds what is wanted and names what it becomes.
func plan(img *Image, kernel, initrd, hypervisor string) (files BootFiles, want []wanted, err error) {
	if img.Kind != "tar" {
		return files, nil, fmt.Errorf("image %s is a %s image: its kernel cannot be taken out of it, only a tar image's can", img.Name(), img.Kind)
	}
	list, err := img.entries()
	if err != nil {
		return files, nil, err
	}
	t := newTree(list)
	for _, r := range []struct {
		role, path string
		name       *string
	}{{"kernel", kernel, &files.Kernel}, {"initrd", initrd, &files.Initrd}, {"hypervisor", hypervisor, &files.Hypervisor}} {
		if r.path == "" {
			continue
		}
		m, err := t.find(r.path)
		if err == nil {
			err = bootable(m)
		}
		if err != nil {
			return BootFiles{}, nil, fmt.Errorf("image %s has no %s (wanted by %s)%w", img.Name(), r.path, r.role, err)
		}
		*r.name = bootName(img.SHA256, r.path)
		want = append(want, wanted{role: r.role, source: m, name: *r.name})
	}
	return files, want, nil
}

func bootable(m member) error {
	switch {
	case m.Size == 0:
		return fmt.Errorf(": /%s is empty", m.Name)
	case m.Size > maxBootFile:
		return fmt.Errorf(": /%s has %d bytes, at most %d are served to nodes", m.Name, m.Size, maxBootFile)
	}
	return nil
}

// bootName is e-DIGEST--vmlinuz for /vmlinuz (Kadeploy's form of 2009) and e-DIGEST--boot--vmlinuz for /boot/vmlinuz:
// one name for one path, made of what every boot loader can ask for.
func bootName(digest, path string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "e-%.16s--", digest)
	dash := false
	for _, c := range []byte(clean(path)) {
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '+'
		switch {
		case c == '/':
			b.WriteString("--")
		case plain, c == '-' && !dash:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
		dash = c == '-' || c == '/'
	}
	return b.String()
}

// extract reads the image up to the last member that is missing.
func extract(ctx context.Context, img *Image, missing map[int][]wanted, root *os.Root) error {
	if len(missing) == 0 {
		return nil
	}
	f, err := img.Open()
	if err != nil {
		return err
	}
	defer f.Close()
	plain, err := compress.Open(img.Compression, bufio.NewReaderSize(f, 256<<10))
	if err != nil {
		return err
	}
	defer plain.Close()
	t := tar.NewReader(&counter{r: plain, ctx: ctx, left: img.Unpacked})
	for place := 0; len(missing) > 0; place++ {
		h, err := t.Next()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return errors.Join(img.Unchanged(), err)
		}
		if want := missing[place]; want != nil {
			if err := store(t, h, want, img, root); err != nil {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				return err
			}
			delete(missing, place)
		}
	}
	return nil
}

func store(t *tar.Reader, h *tar.Header, want []wanted, img *Image, root *os.Root) error {
	first := want[0]
	if clean(h.Name) != first.source.Name || h.Size != first.source.Size {
		return img.changed()
	}
	if err := replace(root, first.name, 0o644, io.LimitReader(t, maxBootFile)); err != nil {
		return err
	}
	for _, w := range want[1:] {
		again, err := root.Open(first.name)
		if err != nil {
			return err
		}
		err = errors.Join(replace(root, w.name, 0o644, again), again.Close())
		if err != nil {
			return err
		}
	}
	return img.Unchanged()
}
