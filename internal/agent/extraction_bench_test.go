package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/archive"
)

// rounds is how often each side unpacks an image.
const rounds = 5

// BenchmarkExtraction unpacks two images with the code of a node, and with zstd and tar beside it: same run, same file system
// (TMPDIR says which; it takes 5 GB), a fresh directory each time, the sides in turn. Both find the image in the page cache and
// end when the last file is closed; neither waits for the disk.
func BenchmarkExtraction(b *testing.B) {
	for _, tool := range []string{"zstd", "tar"} {
		if _, err := exec.LookPath(tool); err != nil {
			b.Fatalf("this benchmark compares with %s: %v; install the package %s", tool, err, tool)
		}
	}
	// Ext4 searches long for an inode that was not freed a moment ago: no tree is removed before all is measured, and in the
	// end the removal is put on the disk, for the sake of whoever comes next.
	b.Cleanup(unix.Sync)
	base := b.TempDir()
	for _, img := range []struct {
		name    string
		members []sample
	}{{"root", rootMembers()}, {"small", smallMembers()}} {
		path := filepath.Join(base, img.name+".tar.zst")
		size, err := writeImage(path, img.members)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(img.name, func(b *testing.B) {
			sides := []*side{{name: "kadeploy-agent", unpack: bySink}, {name: "zstd -dc | tar -x", unpack: byTar}}
			for b.Loop() {
				compare(b, path, sides)
			}
			b.Logf("%d members, %.0f MB, medians of %d\n%s", len(img.members), float64(size)/1e6, len(sides[0].wall), table(sides, size))
			b.ReportMetric(ratio(sides), "times-tar")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// side unpacks an image into a directory and says how much CPU time that took.
type side struct {
	name      string
	unpack    func(image, dir string) (time.Duration, error)
	wall, cpu []time.Duration
}

func compare(b *testing.B, image string, sides []*side) {
	for round := range rounds {
		for i := range sides {
			s := sides[(i+round)%len(sides)] // nobody is always first
			dir, err := os.MkdirTemp(filepath.Dir(image), "tree")
			if err == nil {
				err = syncAll(dir) // what the round before left to be written is not to slow this one down
			}
			if err != nil {
				b.Fatal(err)
			}
			start := time.Now()
			cpu, err := s.unpack(image, dir)
			if err != nil {
				b.Fatalf("%s: %v", s.name, err)
			}
			s.wall, s.cpu = append(s.wall, time.Since(start)), append(s.cpu, cpu)
		}
	}
}

func syncAll(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return unix.Syncfs(int(d.Fd()))
}

func table(sides []*side, size int64) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "\twall s\tbest\tMB/s\tCPU s\t\n")
	for _, s := range sides {
		wall := median(s.wall).Seconds()
		fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.0f\t%.2f\t\n", s.name, wall, slices.Min(s.wall).Seconds(), float64(size)/1e6/wall, median(s.cpu).Seconds())
	}
	w.Flush()
	return fmt.Sprintf("%s%s is %.2f times as fast", &text, sides[0].name, ratio(sides))
}

func median(all []time.Duration) time.Duration { return slices.Sorted(slices.Values(all))[len(all)/2] }

func ratio(sides []*side) float64 {
	return median(sides[1].wall).Seconds() / median(sides[0].wall).Seconds()
}

// bySink is the way of an image that comes along the chain: verified chunks of 1 MiB into the sink of a tree.
func bySink(image, dir string) (time.Duration, error) {
	f, err := os.Open(image)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	before := ownCPU()
	s, err := treeSink(context.Background(), "zstd", machine.Tree{Path: dir}, archive.MakeDevices)
	if err != nil {
		return 0, err
	}
	// Without the types io.Copy would find another way than chunks.
	if _, err := io.CopyBuffer(struct{ io.Writer }{s}, struct{ io.Reader }{f}, make([]byte, 1<<20)); err != nil {
		return 0, err
	}
	err = s.Close()
	return ownCPU() - before, err
}

func ownCPU() time.Duration {
	var use unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &use); err != nil {
		panic(err) // it has no way to fail
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// byTar is what an administrator would type.
func byTar(image, dir string) (time.Duration, error) {
	zstd := exec.Command("zstd", "-q", "-dc", image)
	tar := exec.Command("tar", "-x", "--numeric-owner", "-p", "-C", dir)
	zstd.Stderr, tar.Stderr = os.Stderr, os.Stderr
	r, w, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	zstd.Stdout, tar.Stdin = w, r
	err = errors.Join(zstd.Start(), tar.Start())
	r.Close()
	w.Close()
	if err != nil {
		return 0, err
	}
	err = errors.Join(zstd.Wait(), tar.Wait())
	var cpu time.Duration
	for _, c := range []*exec.Cmd{zstd, tar} {
		cpu += c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	}
	return cpu, err
}
