package archive_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/machine/archive"
)

var _ = Describe("Extract", func() {
	var target string
	at := func(name string) string { return filepath.Join(target, name) }

	BeforeEach(func() { target = workDir() })

	It("restores files with their directories, modes and times to the nanosecond", func() {
		stats, err := extract(target, dir("etc/", 0o750), file("etc/motd", "hello"))
		Expect(err).NotTo(HaveOccurred())
		Expect(stats).To(Equal(archive.Stats{Entries: 2, Bytes: 5}))
		Expect(read(at("etc/motd"))).To(Equal("hello"))
		for name, mode := range map[string]os.FileMode{"etc": 0o750, "etc/motd": 0o644} {
			info, err := os.Stat(at(name))
			Expect(err).NotTo(HaveOccurred())
			Expect(info.Mode().Perm()).To(Equal(mode), name)
			Expect(info.ModTime()).To(BeTemporally("==", then), name)
		}
	})

	It("keeps the setuid bit", func() {
		su := file("su", "x")
		su.Mode = 0o4755
		_, err := archive.Extract(context.Background(), bytes.NewReader(pack(su)), archive.Options{Dir: target, Owners: os.Geteuid() == 0})
		Expect(err).NotTo(HaveOccurred())
		info, err := os.Stat(at("su"))
		Expect(err).NotTo(HaveOccurred())
		Expect(info.Mode() & os.ModeSetuid).NotTo(BeZero())
	})

	It("fills a read-only directory before it closes it", func() {
		_, err := extract(target, dir("ro", 0o555), file("ro/a", "1"), file("ro/sub/b", "2"))
		Expect(err).NotTo(HaveOccurred())
		Expect(read(at("ro/sub/b"))).To(Equal("2"))
		info, err := os.Stat(at("ro"))
		Expect(err).NotTo(HaveOccurred())
		Expect(info.Mode().Perm()).To(Equal(os.FileMode(0o555)))
	})

	It("makes hard links one file, symbolic links as they are written", func() {
		_, err := extract(target, file("a", "x"), hard("b", "a"), link("c", "/nowhere/else"))
		Expect(err).NotTo(HaveOccurred())
		a, _ := os.Stat(at("a"))
		b, _ := os.Stat(at("b"))
		Expect(os.SameFile(a, b)).To(BeTrue())
		Expect(os.Readlink(at("c"))).To(Equal("/nowhere/else"))
	})

	It("takes names of 400 characters and the directories that the archive left out", func() {
		name := strings.Repeat("directory/", 39) + "0123456789"
		_, err := extract(target, file(name, "deep"))
		Expect(err).NotTo(HaveOccurred())
		Expect(read(at(name))).To(Equal("deep"))
	})

	It("follows links to directories that stay inside", func() {
		_, err := extract(target, dir("usr/lib", 0o755), link("lib", "usr/lib"), file("lib/libc.so", "elf"))
		Expect(err).NotTo(HaveOccurred())
		Expect(read(at("usr/lib/libc.so"))).To(Equal("elf"))
	})

	It("drops the slash of absolute names, as GNU tar does", func() {
		_, err := extract(target, file("/etc/hosts", "localhost"))
		Expect(err).NotTo(HaveOccurred())
		Expect(read(at("etc/hosts"))).To(Equal("localhost"))
	})

	DescribeTable("lets a later member replace an earlier one",
		func(first, second member, want string) {
			_, err := extract(target, file("other", "untouched"), first, second)
			Expect(err).NotTo(HaveOccurred())
			Expect(read(at("x"))).To(Equal(want))
			Expect(read(at("other"))).To(Equal("untouched"))
		},
		Entry("file by file", file("x", "1"), file("x", "2"), "2"),
		Entry("link by file, never writing through it", link("x", "other"), file("x", "2"), "2"),
		Entry("hard link by file, never writing through it", hard("x", "other"), file("x", "2"), "2"),
		Entry("empty directory by file", dir("x", 0o755), file("x", "2"), "2"),
		Entry("file by link", file("x", "1"), link("x", "other"), "untouched"),
	)

	It("gives the last of two members of one directory its mode", func() {
		_, err := extract(target, dir("d", 0o700), dir("d", 0o711))
		Expect(err).NotTo(HaveOccurred())
		info, _ := os.Stat(at("d"))
		Expect(info.Mode().Perm()).To(Equal(os.FileMode(0o711)))
	})

	It("does not give a link the mode of the directory it replaced", func() {
		outside := GinkgoT().TempDir()
		before, _ := os.Stat(outside)
		_, err := extract(target, dir("d", 0o777), link("d", outside))
		Expect(err).NotTo(HaveOccurred())
		after, _ := os.Stat(outside)
		Expect(after.Mode()).To(Equal(before.Mode()))
	})

	It("completes what a broken try left", func() {
		members := []member{dir("d", 0o555), file("d/a", "one"), hard("d/b", "d/a"), link("c", "d"), file("z", "end")}
		whole := pack(members...)
		_, err := archive.Extract(context.Background(), bytes.NewReader(whole[:len(whole)-2000]), archive.Options{Dir: target})
		Expect(err).To(HaveOccurred())
		_, err = extract(target, members...)
		Expect(err).NotTo(HaveOccurred())
		Expect(read(at("d/b"))).To(Equal("one"))
		Expect(read(at("z"))).To(Equal("end"))
	})

	It("restores user attributes and counts what it does not restore: without owners, all that needs them", func() {
		f, l := file("f", "x"), link("l", "f")
		f.PAXRecords = map[string]string{
			"SCHILY.xattr.user.note": "hi", "LIBARCHIVE.xattr.user.note": "aGk=", "LIBARCHIVE.xattr.user.b": "aGk=",
			"SCHILY.acl.access": "user::rw-\nuser:1234:r--\ngroup::r--\nmask::r--\nother::r--\n",
		}
		l.PAXRecords = map[string]string{"RHT.security.selinux": "system_u:object_r:bin_t:s0"}
		stats, err := extract(target, f, l)
		Expect(err).NotTo(HaveOccurred())
		Expect(stats.Skipped).To(Equal(3))
		Expect(xattr(at("f"), "user.note")).To(Equal("hi"))
		Expect(xattr(at("f"), aclAccess)).To(BeEmpty())
	})

	It("tells an empty archive from one that was unpacked", func() {
		_, err := archive.Extract(context.Background(), bytes.NewReader(nil), archive.Options{Dir: target})
		Expect(err).To(MatchError(archive.ErrEmpty))
	})

	It("names the member whose content ends too early", func() {
		whole := pack(file("vmlinuz", strings.Repeat("k", 5000)))
		_, err := archive.Extract(context.Background(), bytes.NewReader(whole[:3000]), archive.Options{Dir: target})
		Expect(err).To(MatchError(And(ContainSubstring(`"vmlinuz"`), ContainSubstring("unexpected EOF"))))
	})

	It("stops when its context ends, with the cause", func() {
		ctx, cancel := context.WithCancelCause(context.Background())
		why := errors.New("the operator said so")
		progress := func(int64) { cancel(why) }
		_, err := archive.Extract(ctx, bytes.NewReader(pack(file("a", "1"), file("b", "2"))), archive.Options{Dir: target, Progress: progress})
		Expect(err).To(MatchError(why))
		Expect(at("b")).NotTo(BeAnExistingFile())
	})

	Describe("devices and fifos", func() {
		fifo, null := special("run/fifo", tar.TypeFifo), special("dev/null", tar.TypeChar)
		with := func(d archive.Devices, m member) (archive.Stats, error) {
			return archive.Extract(context.Background(), bytes.NewReader(pack(m)), archive.Options{Dir: target, Devices: d})
		}

		It("are refused by name", func() {
			for _, m := range []member{fifo, null} {
				_, err := with(archive.RefuseDevices, m)
				var refused *archive.RefusedError
				Expect(errors.As(err, &refused)).To(BeTrue())
				Expect(refused.Member).To(Equal(m.Name))
			}
		})

		It("are left out and counted when they are to be skipped, but for fifos", func() {
			stats, err := with(archive.SkipDevices, null)
			Expect(err).NotTo(HaveOccurred())
			Expect(stats.Skipped).To(Equal(1))
			Expect(at("dev/null")).NotTo(BeAnExistingFile())
			_, err = with(archive.SkipDevices, fifo)
			Expect(err).NotTo(HaveOccurred())
			info, err := os.Lstat(at("run/fifo"))
			Expect(err).NotTo(HaveOccurred())
			Expect(info.Mode() & os.ModeNamedPipe).NotTo(BeZero())
		})

		It("do not block a member that uses one as a directory", func() {
			_, err := archive.Extract(context.Background(), bytes.NewReader(pack(fifo, file("run/fifo/x", "y"))), archive.Options{Dir: target, Devices: archive.SkipDevices})
			Expect(err).To(MatchError(ContainSubstring("run/fifo/x")))
		})
	})

	Describe("with a budget", func() {
		It("stops with ENOSPC at the member that does not fit", func() {
			_, err := archive.Extract(context.Background(), bytes.NewReader(pack(file("small", "1"), file("big", strings.Repeat("b", 2000)))),
				archive.Options{Dir: target, Budget: &purse{left: 1500}})
			Expect(err).To(And(MatchError(syscall.ENOSPC), MatchError(ContainSubstring(`"big"`))))
		})

		It("counts a replaced file once", func() {
			budget := &purse{left: 1 << 20}
			var members []member
			for range 300 {
				members = append(members, file("same", strings.Repeat("s", 4096)))
			}
			_, err := archive.Extract(context.Background(), bytes.NewReader(pack(members...)), archive.Options{Dir: target, Budget: budget})
			Expect(err).NotTo(HaveOccurred())
			Expect(budget.left).To(BeNumerically("~", 1<<20-4096-archive.EntryCost, 4096))
		})

		It("bounds an archive of many empty files", func() {
			r, w := io.Pipe()
			go func() {
				tw := tar.NewWriter(w)
				for i := 0; ; i++ {
					if tw.WriteHeader(&tar.Header{Name: "f" + string(rune('a'+i%26)) + strings.Repeat("x", i%100), Typeflag: tar.TypeReg}) != nil {
						return
					}
				}
			}()
			defer r.Close()
			_, err := archive.Extract(context.Background(), r, archive.Options{Dir: target, Budget: &purse{left: 100 * archive.EntryCost}})
			Expect(err).To(MatchError(syscall.ENOSPC))
		})
	})
})

// purse is a budget.
type purse struct{ left int64 }

func (p *purse) Take(n int64) error {
	if n > p.left {
		return syscall.ENOSPC
	}
	p.left -= n
	return nil
}

func (p *purse) Give(n int64) { p.left += n }
