package image_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"

	"github.com/kadeploy/kadeploy/chain"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/image"
)

var _ = Describe("Preparing an image", func() {
	DescribeTable("finds out all about it in one reading",
		func(compression string) {
			content := pack(compression, small())
			path := write("image", content)
			img, err := catalogue(nil).Prepare(background(), tarImage(path, compression), nil)
			Expect(err).NotTo(HaveOccurred())

			sum := sha256.Sum256(content)
			manifest, err := chain.BuildManifest(bytes.NewReader(content), 4<<10)
			Expect(err).NotTo(HaveOccurred())
			Expect(img.Path).To(Equal(path))
			Expect(img.Size).To(BeEquivalentTo(len(content)))
			Expect(img.SHA256).To(Equal(hex.EncodeToString(sum[:])))
			Expect(img.MD5).To(BeEmpty())
			Expect(img.Unpacked).To(BeEquivalentTo(len(small())))
			Expect(img.Needs).To(BeEquivalentTo(2*7*3000 + len("ID=test\n")))
			Expect(img.Manifest.Digest()).To(Equal(manifest.Digest()))

			f, err := img.Open()
			Expect(err).NotTo(HaveOccurred())
			defer f.Close()
			head := make([]byte, 10)
			_, err = f.ReadAt(head, 5)
			Expect(err).NotTo(HaveOccurred())
			Expect(head).To(Equal(content[5:15]))
		},
		Entry("plain", "none"), Entry("gzip", "gzip"), Entry("xz", "xz"), Entry("zstd", "zstd"),
	)

	It("takes a raw disk for what it is", func() {
		disk := bytes.Repeat([]byte("disk"), 10_000)
		for _, compression := range []string{"none", "gzip"} {
			path := write("disk", pack(compression, disk))
			img, err := catalogue(nil).Prepare(background(), config.Image{Path: path, Kind: "dd", Compression: compression}, nil)
			Expect(err).NotTo(HaveOccurred())
			Expect([]int64{img.Unpacked, img.Needs}).To(Equal([]int64{int64(len(disk)), int64(len(disk))}))
		}
	})

	It("knows what the files of an archive take at least, the last of each name", func() {
		for _, c := range []struct {
			needs   int64
			members []member
		}{
			{1000, []member{{"a", strings.Repeat("a", 5000)}, {"./a", strings.Repeat("b", 1000)}}},
			{0, []member{{"a", strings.Repeat("a", 5000)}, {"a", "-> b"}}},
			{5000, []member{{"a", strings.Repeat("a", 5000)}, {"b", "=> a"}, {"c", "/"}}},
			{100_000, []member{{"zeros", strings.Repeat("\x00", 100_000)}}},
		} {
			img, err := catalogue(nil).Prepare(background(), tarImage(write("i.tar", tarball(c.members...)), "none"), nil)
			Expect(err).NotTo(HaveOccurred())
			Expect(img.Needs).To(Equal(c.needs))
		}
	})

	DescribeTable("does not count holes of sparse files", func(version string) {
		dir := GinkgoT().TempDir()
		f, err := os.Create(filepath.Join(dir, "sparse"))
		Expect(err).NotTo(HaveOccurred())
		defer f.Close()
		_, err = f.WriteAt(bytes.Repeat([]byte("data"), 16<<10), 8<<20) // 64 KiB
		Expect(err).NotTo(HaveOccurred())
		_, err = f.WriteAt(make([]byte, 1<<20), 16<<20) // zeros that are on the disk
		Expect(err).NotTo(HaveOccurred())
		Expect(f.Truncate(32 << 20)).To(Succeed())
		archived, err := exec.Command("tar", "-c", "-C", dir, "--format=posix", "--sparse", "--hole-detection=seek", "--sparse-version="+version, "sparse").Output()
		Expect(err).NotTo(HaveOccurred())
		path, kept := write("i.tar", archived), GinkgoT().TempDir()
		for range 2 { // the second time as it was kept
			img, err := catalogue(func(c *image.Config) { c.Dir = kept }).Prepare(background(), tarImage(path, "none"), nil)
			Expect(err).NotTo(HaveOccurred())
			Expect(img.Needs).To(BeEquivalentTo(64 << 10))
		}
	}, Entry("of version 0.0", "0.0"), Entry("of version 0.1", "0.1"), Entry("of version 1.0", "1.0"))

	It("tells how far it is, up to the end", func() {
		content := pack("none", tarball(member{"big", strings.Repeat("x", 5<<20)}))
		var told []int64
		_, err := catalogue(nil).Prepare(background(), tarImage(write("i.tar", content), ""), func(done, total int64) {
			Expect(total).To(BeEquivalentTo(len(content)))
			told = append(told, done)
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(len(told)).To(BeNumerically(">", 3))
		Expect(told[len(told)-1]).To(BeEquivalentTo(len(content)))
	})

	Describe("holds it against the digests of its description", func() {
		var (
			cat         *image.Catalogue
			want        config.Image
			sha256, md5 string
		)
		BeforeEach(func() {
			cat = catalogue(nil)
			content := pack("gzip", small())
			sha256, md5 = digests(content)
			want = tarImage(write("i.tgz", content), "gzip")
		})
		It("that are right, in any case", func() {
			want.SHA256, want.MD5 = strings.ToUpper(sha256), strings.ToUpper(md5)
			img, err := cat.Prepare(background(), want, nil)
			Expect(err).NotTo(HaveOccurred())
			Expect(img.MD5).To(Equal(md5))
		})
		It("also when it was read before without one", func() {
			_, err := cat.Prepare(background(), want, nil)
			Expect(err).NotTo(HaveOccurred())
			want.MD5 = strings.Repeat("0", 32)
			_, err = cat.Prepare(background(), want, nil)
			Expect(err).To(MatchError(ContainSubstring("has the MD5 " + md5 + ", its description says 000")))
			want.MD5 = md5
			Expect(cat.Prepare(background(), want, nil)).NotTo(BeNil())
		})
		It("and says both when they differ", func() {
			want.SHA256 = strings.Repeat("0", 64)
			_, err := cat.Prepare(background(), want, nil)
			Expect(err).To(MatchError(ContainSubstring("has the SHA-256 " + sha256 + ", its description says 000")))
		})
	})
})

func digests(content []byte) (string, string) {
	s, m := sha256.Sum256(content), md5.Sum(content)
	return hex.EncodeToString(s[:]), hex.EncodeToString(m[:])
}

var _ = Describe("An image with a fault is refused before any disk is touched", func() {
	gz := func(b []byte) []byte { return pack("gzip", b) }
	flip := func(b []byte, at int) []byte {
		b = bytes.Clone(b)
		b[at] ^= 0xff
		return b
	}
	DescribeTable("in one line that names it",
		func(compression string, content func() []byte, why string) {
			path := write("image.tar", content())
			_, err := catalogue(nil).Prepare(background(), tarImage(path, compression), nil)
			Expect(err).To(MatchError(And(HavePrefix("image "+path), ContainSubstring(why))))
			Expect(err.Error()).NotTo(ContainSubstring("\n"))
		},
		Entry("empty", "gzip", func() []byte { return nil }, "is empty"),
		Entry("another compression than described", "gzip", func() []byte { return pack("zstd", small()) }, "its compression is zstd, its description says gzip"),
		Entry("compressed, described as plain", "none", func() []byte { return gz(small()) }, "its compression is gzip, its description says none"),
		Entry("plain, described as compressed", "xz", small, "its compression is none, its description says xz"),
		Entry("no archive in it", "gzip", func() []byte { return gz(bytes.Repeat([]byte("no tar "), 1000)) }, "is corrupt: its tar archive after 0 entries"),
		Entry("an empty archive", "gzip", func() []byte { return gz(tarball()) }, "holds an empty tar archive"),
		Entry("nothing once decompressed", "gzip", func() []byte { return gz(nil) }, "is truncated"),

		Entry("gzip without its end", "gzip", func() []byte { b := gz(small()); return b[:len(b)-1] }, "is truncated"),
		Entry("gzip cut in the middle", "gzip", func() []byte { b := gz(small()); return b[:len(b)/2] }, "is truncated"),
		Entry("gzip with a wrong checksum", "gzip", func() []byte { b := gz(small()); return flip(b, len(b)-6) }, "is corrupt"),
		Entry("gzip with something after it", "gzip", func() []byte { return append(gz(small()), "garbage of some length"...) }, "is corrupt"),
		Entry("zstd without its end", "zstd", func() []byte { b := pack("zstd", small()); return b[:len(b)-1] }, "is truncated"),
		Entry("zstd with a wrong byte", "zstd", func() []byte { b := pack("zstd", small()); return flip(b, len(b)/2) }, "is corrupt"),
		Entry("xz cut in the middle", "xz", func() []byte { b := pack("xz", small()); return b[:len(b)/2] }, "is truncated"),
		Entry("xz with a wrong byte", "xz", func() []byte { b := pack("xz", small()); return flip(b, len(b)/2) }, "is corrupt"),

		Entry("tar cut in a file", "none", func() []byte { return small()[:5000] }, `is truncated: its tar archive in entry "boot/vmlinuz-1" ends too early`),
		Entry("tar cut in a header", "none", func() []byte { return small()[:700] }, "is truncated"),
		Entry("tar cut between two files", "none", func() []byte { return tarball(member{"a", strings.Repeat("\x00", 4096)})[:512+4096] }, "is truncated: its tar archive has no end after 1 entries"),
		Entry("tar with a wrong header", "none", func() []byte { return flip(small(), 512+5) }, "is corrupt: its tar archive after 1 entries"),
	)

	DescribeTable("when it is no file to read",
		func(path func() string, why string) {
			p := path()
			_, err := catalogue(nil).Prepare(background(), tarImage(p, "gzip"), nil)
			Expect(err).To(MatchError(And(ContainSubstring(p), ContainSubstring(why))))
		},
		Entry("missing", func() string { return "/nowhere/i.tgz" }, "does not exist on the server"),
		Entry("a directory", func() string { return GinkgoT().TempDir() }, "is a directory"),
		Entry("a named pipe, without waiting for it", func() string {
			p := filepath.Join(GinkgoT().TempDir(), "pipe")
			Expect(syscall.Mkfifo(p, 0o644)).To(Succeed())
			return p
		}, "is not a regular file"),
		Entry("a device", func() string { return "/dev/zero" }, "is not a regular file"),
		Entry("a file in a file", func() string { return write("f", []byte("x")) + "/i.tgz" }, "cannot be opened"),
		Entry("a URL", func() string { return "http://images.lab/i.tgz" }, "does not fetch http: copy the file to the server"),
		Entry("a relative path", func() string { return "i.tgz" }, "not an absolute path"),
	)

	DescribeTable("when its description makes no sense",
		func(change func(*config.Image), why string) {
			w := tarImage(write("i.tgz", pack("gzip", small())), "gzip")
			change(&w)
			_, err := catalogue(nil).Prepare(background(), w, nil)
			Expect(err).To(MatchError(ContainSubstring(why)))
		},
		Entry("unknown compression", func(w *config.Image) { w.Compression = "rar" }, `unknown compression "rar"`),
		Entry("unknown kind", func(w *config.Image) { w.Kind = "fsa" }, `unknown kind "fsa"`),
		Entry("a short digest", func(w *config.Image) { w.SHA256 = "abc" }, `sha256 "abc" is not 64 hexadecimal digits`),
		Entry("a digest of something else", func(w *config.Image) { w.MD5 = strings.Repeat("z", 32) }, "is not 32 hexadecimal digits"),
	)

	It("when it unpacks to more than the server accepts", func() {
		cat := catalogue(func(c *image.Config) { c.MaxUnpacked = 1 << 20 })
		path := write("bomb.tgz", gz(tarball(member{"zeros", strings.Repeat("\x00", 2<<20)})))
		_, err := cat.Prepare(background(), tarImage(path, "gzip"), nil)
		Expect(err).To(MatchError(ContainSubstring("unpacks to more than the server accepts")))
	})
})

var _ = Describe("An image that was prepared", func() {
	var (
		dir   string
		path  string
		reads atomic.Int64
	)
	BeforeEach(func() {
		dir = GinkgoT().TempDir()
		path = write("i.tzst", pack("zstd", small()))
		reads.Store(0)
	})
	// prepare counts the readings by their progress.
	prepare := func(cat *image.Catalogue) (*image.Image, error) {
		return cat.Prepare(background(), tarImage(path, "zstd"), func(done, total int64) {
			if done == total {
				reads.Add(1)
			}
		})
	}
	same := func(c *image.Config) { c.Dir = dir }

	It("is not read again while it stays the same, over restarts of the server too", func() {
		first, err := prepare(catalogue(same))
		Expect(err).NotTo(HaveOccurred())
		again, err := prepare(catalogue(same))
		Expect(err).NotTo(HaveOccurred())
		Expect(again).To(Equal(first))
		Expect(reads.Load()).To(BeEquivalentTo(1))
	})

	DescribeTable("is read again when it may have changed",
		func(change func()) {
			cat := catalogue(same)
			_, err := prepare(cat)
			Expect(err).NotTo(HaveOccurred())
			change()
			_, err = prepare(cat)
			Expect(err).NotTo(HaveOccurred())
			Expect(reads.Load()).To(BeEquivalentTo(2))
		},
		Entry("written again", func() { Expect(os.WriteFile(path, pack("zstd", small()), 0o644)).To(Succeed()) }),
		Entry("written again with its old time", func() {
			info, err := os.Stat(path)
			Expect(err).NotTo(HaveOccurred())
			Expect(os.WriteFile(path, pack("zstd", small()), 0o644)).To(Succeed())
			Expect(os.Chtimes(path, info.ModTime(), info.ModTime())).To(Succeed())
		}),
		Entry("another file of that name", func() {
			Expect(os.WriteFile(path+".new", pack("zstd", small()), 0o644)).To(Succeed())
			Expect(os.Rename(path+".new", path)).To(Succeed())
		}),
		Entry("its record is damaged", func() {
			records, err := filepath.Glob(filepath.Join(dir, "*.image"))
			Expect(err).NotTo(HaveOccurred())
			Expect(records).To(HaveLen(1))
			b, err := os.ReadFile(records[0])
			Expect(err).NotTo(HaveOccurred())
			b[len(b)-1] ^= 1
			Expect(os.WriteFile(records[0], b, 0o644)).To(Succeed())
		}),
	)

	It("is named when another file has taken its place", func() {
		img, err := prepare(catalogue(same))
		Expect(err).NotTo(HaveOccurred())
		Expect(img.Unchanged()).To(Succeed())
		Expect(os.WriteFile(path, []byte("else"), 0o644)).To(Succeed())
		_, err = img.Open()
		Expect(err).To(MatchError(And(ContainSubstring(path), ContainSubstring("has changed since it was read"))))
		Expect(img.Unchanged()).To(MatchError(ContainSubstring("has changed")))
	})

	It("stays usable when the record cannot be kept", func() {
		cat := catalogue(same)
		Expect(os.RemoveAll(dir)).To(Succeed())
		Expect(prepare(cat)).NotTo(BeNil())
	})

	It("is read once for all who ask at the same time", func() {
		cat := catalogue(same)
		const size = 32 << 20
		large := write("large.tar", tarball(member{"big", strings.Repeat("x", size)}))
		before := bytesRead()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				defer GinkgoRecover()
				Expect(cat.Prepare(background(), tarImage(large, "none"), nil)).NotTo(BeNil())
			})
		}
		wg.Wait()
		Expect(bytesRead() - before).To(And(BeNumerically(">", size), BeNumerically("<", 2*size)))
	})
})

// bytesRead is what this process has read by system calls so far.
func bytesRead() int64 {
	GinkgoHelper()
	b, err := os.ReadFile("/proc/self/io")
	Expect(err).NotTo(HaveOccurred())
	var n int64
	_, err = fmt.Sscanf(string(b), "rchar: %d", &n)
	Expect(err).NotTo(HaveOccurred())
	return n
}

var _ = Describe("Waiting for a reading", func() {
	// gate holds the reading in its first progress call.
	var (
		path    string
		entered chan struct{}
		gate    chan struct{}
		once    *sync.Once
	)
	BeforeEach(func() {
		path = write("i.tar", tarball(member{"big", strings.Repeat("x", 8<<20)}))
		entered, gate, once = make(chan struct{}), make(chan struct{}), &sync.Once{}
	})
	hold := func(int64, int64) {
		once.Do(func() {
			close(entered)
			<-gate
		})
	}
	type answer struct {
		img *image.Image
		err error
	}
	ask := func(cat *image.Catalogue, ctx context.Context, progress func(int64, int64)) chan answer {
		out := make(chan answer, 1)
		go func() {
			img, err := cat.Prepare(ctx, tarImage(path, "none"), progress)
			out <- answer{img, err}
		}()
		return out
	}

	It("is shared: one reading, one result", func() {
		cat := catalogue(nil)
		first := ask(cat, background(), hold)
		Eventually(entered).Should(BeClosed())
		second := ask(cat, background(), func(int64, int64) {})
		close(gate)
		var a, b answer
		Eventually(first, "10s").Should(Receive(&a))
		Eventually(second, "10s").Should(Receive(&b))
		Expect(a.err).NotTo(HaveOccurred())
		Expect(b.err).NotTo(HaveOccurred())
		Expect(a.img.SHA256).To(Equal(b.img.SHA256))
	})

	It("may be given up by one without harm to the other", func() {
		cat := catalogue(nil)
		ctx, cancel := context.WithCancel(background())
		var after atomic.Bool
		first := ask(cat, ctx, func(done, total int64) {
			hold(done, total)
			if after.Load() {
				panic("told after Prepare has returned")
			}
		})
		Eventually(entered).Should(BeClosed())
		second := ask(cat, background(), func(int64, int64) {})
		cancel()
		close(gate)
		var a, b answer
		Eventually(first, "10s").Should(Receive(&a))
		after.Store(true)
		Eventually(second, "10s").Should(Receive(&b))
		if a.err != nil { // it may also have been served before it looked
			Expect(a.err).To(MatchError(context.Canceled))
		}
		Expect(b.err).NotTo(HaveOccurred())
	})

	It("ends the reading when the last one gives up", func() {
		cat := catalogue(func(c *image.Config) { c.ChunkSize = 1 << 20 })
		endless := write("endless", []byte("x"))
		Expect(os.Truncate(endless, 1<<39)).To(Succeed())
		ctx, cancel := context.WithCancel(background())
		before := gleak.Goroutines()
		_, err := cat.Prepare(ctx, config.Image{Path: endless, Kind: "dd"}, func(int64, int64) { cancel() })
		Expect(err).To(MatchError(context.Canceled))
		Eventually(gleak.Goroutines, "10s").ShouldNot(gleak.HaveLeaked(before))
	})

	It("ends when the catalogue closes", func() {
		cat, err := image.New(image.Config{Dir: GinkgoT().TempDir()})
		Expect(err).NotTo(HaveOccurred())
		first := ask(cat, background(), hold)
		Eventually(entered).Should(BeClosed())
		closed := make(chan error, 1)
		go func() { closed <- cat.Close() }()
		Consistently(closed, "20ms").ShouldNot(Receive(), "the reading is waited for")
		close(gate)
		var a answer
		Eventually(first, "10s").Should(Receive(&a))
		Eventually(closed, "10s").Should(Receive(BeNil()))
	})
})
