package agent

import (
	"archive/tar"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"time"
)

// sample is a member of an image that the benchmark unpacks.
type sample struct {
	name string
	kind byte
	mode int64
	size int64  // of its content
	to   string // what a link points to
}

// shares are the sizes of files as a Debian root file system has them, about 37 kB on average.
var shares = []struct {
	until    float64 // share of the files that are not larger
	min, max int64
}{
	{0.06, 0, 256}, {0.28, 256, 1 << 10}, {0.66, 1 << 10, 4 << 10}, {0.85, 4 << 10, 16 << 10}, {0.95, 16 << 10, 64 << 10},
	{0.985, 64 << 10, 256 << 10}, {0.996, 256 << 10, 1 << 20}, {1, 1 << 20, 8 << 20},
}

// rootMembers are like a Debian root file system, about 310 MB: 6,000 files in 600 directories, links of both kinds, three big
// files.
func rootMembers() []sample {
	draw := rand.New(rand.NewPCG(1, 1))
	all := []sample{{name: "boot/", kind: tar.TypeDir, mode: 0o755}}
	for i := range 3 {
		all = append(all, sample{name: fmt.Sprintf("boot/initrd.img-%d", i), kind: tar.TypeReg, mode: 0o600, size: 20 << 20})
	}
	for d := range 600 {
		dir := fmt.Sprintf("usr/share/package-%03d/", d)
		all = append(all, sample{name: dir, kind: tar.TypeDir, mode: 0o755})
		for f := range 10 {
			mode := int64(0o644)
			if f%4 == 0 {
				mode = 0o755
			}
			all = append(all, sample{name: fmt.Sprintf("%sfile-%d", dir, f), kind: tar.TypeReg, mode: mode, size: drawSize(draw)})
		}
		all = append(all,
			sample{name: dir + "current", kind: tar.TypeSymlink, mode: 0o777, to: "file-0"},
			sample{name: dir + "library.so", kind: tar.TypeSymlink, mode: 0o777, to: "../../lib/library.so.1"})
		if d%10 == 0 {
			all = append(all, sample{name: dir + "alias", kind: tar.TypeLink, mode: 0o755, to: dir + "file-0"})
		}
	}
	return all
}

func drawSize(draw *rand.Rand) int64 {
	p, i := draw.Float64(), 0
	for p > shares[i].until {
		i++
	}
	return shares[i].min + draw.Int64N(shares[i].max-shares[i].min)
}

// smallMembers are 30,000 files of up to 8 KiB in 300 directories, as below /usr/share/doc, about 150 MB.
func smallMembers() []sample {
	draw := rand.New(rand.NewPCG(2, 2))
	var all []sample
	for d := range 300 {
		dir := fmt.Sprintf("usr/share/doc/package-%03d/", d)
		all = append(all, sample{name: dir, kind: tar.TypeDir, mode: 0o755})
		for f := range 100 {
			all = append(all, sample{name: fmt.Sprintf("%spage-%02d", dir, f), kind: tar.TypeReg, mode: 0o644, size: draw.Int64N(8 << 10)})
		}
	}
	return all
}

// writeImage packs members as GNU tar does by default and compresses them with zstd -3. It returns the size of the tar.
func writeImage(path string, members []sample) (int64, error) {
	zstd := exec.Command("zstd", "-q", "-3", "-o", path)
	zstd.Stderr = os.Stderr
	in, err := zstd.StdinPipe()
	if err != nil {
		return 0, err
	}
	if err := zstd.Start(); err != nil {
		return 0, err
	}
	counted := &counter{w: in}
	err = writeTar(counted, members)
	in.Close()
	if werr := zstd.Wait(); err == nil {
		err = werr
	}
	return counted.n, err
}

func writeTar(w io.Writer, members []sample) error {
	t, data := tar.NewWriter(w), newMatter()
	for _, m := range members {
		h := &tar.Header{
			Name: m.name, Typeflag: m.kind, Mode: m.mode, Size: m.size, Linkname: m.to, Format: tar.FormatGNU,
			Uid: os.Getuid(), Gid: os.Getgid(), ModTime: time.Unix(1767323045, 0),
		}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.CopyN(t, data, m.size); err != nil {
			return err
		}
	}
	return t.Close()
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// matter is an endless stream that compresses like programs and texts do, to about a third: bytes of which some are more
// frequent than others, mixed with repetitions of what came a while before.
type matter struct {
	draw *rand.Rand
	past []byte // the last 64 to 128 KiB
	rest int    // of past, not read yet
}

func newMatter() *matter { return &matter{draw: rand.New(rand.NewPCG(3, 3))} }

func (m *matter) Read(p []byte) (int, error) {
	if m.rest == 0 {
		m.grow()
	}
	n := copy(p, m.past[len(m.past)-m.rest:])
	m.rest -= n
	return n, nil
}

func (m *matter) grow() {
	const window = 64 << 10
	if len(m.past) >= 2*window {
		m.past = append(m.past[:0], m.past[window:]...)
	}
	before := len(m.past)
	for len(m.past) < before+4<<10 {
		for range 1 + m.draw.IntN(8) {
			m.past = append(m.past, byte(min(m.draw.ExpFloat64()*20, 255)))
		}
		n := 4 + m.draw.IntN(20)
		if back := n + m.draw.IntN(window-n); back <= len(m.past) {
			at := len(m.past) - back
			m.past = append(m.past, m.past[at:at+n]...)
		}
	}
	m.rest = len(m.past) - before
}
