package depot_test

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/depot"
)

var _ = Describe("Room", func() {
	It("is never made for a file larger than any may be", func() {
		d := opened(depot.Config{MaxFile: 999})
		Expect(put(d, "ada", content(1, 1000))).To(MatchError(&depot.TooBigError{Size: 1000, Limit: 999}))
		Expect(put(d, "ada", content(1, 999))).To(Succeed())
	})

	It("follows limits that are changed", func() {
		d, old := opened(depot.Config{}), content(1, 1000)
		Expect(put(d, "ada", old)).To(Succeed())
		d.Limit(500, 400, 300)
		Expect(has(d, "ada", old)).To(BeTrue(), "until room is wanted")
		Expect(put(d, "ada", content(2, 301))).To(MatchError(&depot.TooBigError{Size: 301, Limit: 300}))
		Expect(put(d, "ada", content(2, 300))).To(Succeed())
		Expect(has(d, "ada", old)).To(BeFalse())
	})

	It("is made by letting those files go that were not used for the longest time", func() {
		now := newClock()
		d := opened(depot.Config{MaxBytes: 300, Now: now.Now})
		a, b, c, e := content(1, 100), content(2, 100), content(3, 100), content(4, 100)
		Expect(put(d, "ada", a)).To(Succeed())
		Expect(put(d, "bob", b)).To(Succeed())
		Expect(put(d, "ada", c)).To(Succeed())
		_, release, err := d.Use("ada", sum(a))
		Expect(err).NotTo(HaveOccurred())
		release()
		Expect(put(d, "eve", e)).To(Succeed())
		Expect(has(d, "ada", a)).To(BeTrue(), "used after b")
		Expect(has(d, "bob", b)).To(BeFalse())
		Expect(has(d, "ada", c)).To(BeTrue())
	})

	It("remembers over a restart what was used last", func() {
		now, dir := newClock(), GinkgoT().TempDir()
		d := opened(depot.Config{Dir: dir, MaxBytes: 200, Now: now.Now})
		a, b := content(1, 100), content(2, 100)
		Expect(put(d, "ada", a)).To(Succeed())
		Expect(put(d, "ada", b)).To(Succeed())
		_, release, err := d.Use("ada", sum(a))
		Expect(err).NotTo(HaveOccurred())
		release()
		Expect(d.Close()).To(Succeed())
		d = opened(depot.Config{Dir: dir, MaxBytes: 200, Now: now.Now})
		Expect(put(d, "ada", content(3, 100))).To(Succeed())
		Expect(has(d, "ada", a)).To(BeTrue())
		Expect(has(d, "ada", b)).To(BeFalse())
	})

	It("is not made of files in use; when only those are left, the depot is full and nothing has gone", func() {
		d := opened(depot.Config{MaxBytes: 300})
		a, b, c := content(1, 100), content(2, 100), content(3, 100)
		for _, f := range [][]byte{a, b, c} {
			Expect(put(d, "ada", f)).To(Succeed())
		}
		pathA, releaseA, err := d.Use("ada", sum(a))
		Expect(err).NotTo(HaveOccurred())
		_, releaseB, err := d.Use("ada", sum(b))
		Expect(err).NotTo(HaveOccurred())
		Expect(put(d, "bob", content(4, 150))).To(MatchError(&depot.FullError{Size: 150}))
		Expect(has(d, "ada", c)).To(BeTrue())
		releaseB()
		releaseB()
		Expect(put(d, "bob", content(4, 150))).To(Succeed())
		Expect(pathA).To(BeAnExistingFile())
		_, again, err := d.Use("ada", sum(a))
		Expect(err).NotTo(HaveOccurred())
		releaseA()
		Expect(put(d, "bob", content(5, 250))).To(BeAssignableToTypeOf(&depot.FullError{}), "it is still in use once")
		again()
		Expect(put(d, "bob", content(5, 250))).To(Succeed())
	})

	It("of one owner is taken from this owner only", func() {
		d := opened(depot.Config{MaxPerUser: 250})
		mine, ours := content(1, 100), content(2, 100)
		Expect(put(d, "bob", ours)).To(Succeed())
		Expect(put(d, "ada", ours)).To(Succeed())
		Expect(put(d, "ada", mine)).To(Succeed())
		Expect(put(d, "ada", content(3, 100))).To(Succeed())
		Expect(has(d, "ada", ours)).To(BeFalse(), "it was the oldest")
		Expect(has(d, "bob", ours)).To(BeTrue())
		_, release, err := d.Use("ada", sum(mine))
		Expect(err).NotTo(HaveOccurred())
		defer release()
		Expect(put(d, "ada", content(4, 200))).To(MatchError(&depot.QuotaError{Size: 200, Limit: 250, Files: 1000}))
		Expect(has(d, "ada", content(3, 100))).To(BeTrue(), "what would not have been enough stays")
	})

	It("is reserved for an upload under way with all its bytes, and uploads that have stopped leave like files", func() {
		d := opened(depot.Config{MaxBytes: 1000, MaxPerUser: 1000})
		b := content(1, 800)
		_, _ = d.Append(ctx, "ada", sum(b), 800, 0, cut(b, 10))
		Expect(put(d, "bob", content(2, 300))).To(Succeed())
		Expect(there(d, "ada", b)).To(BeZero())
	})

	It("of one owner ends at a number of files, however small", func() {
		d := opened(depot.Config{MaxFiles: 3})
		for i := range byte(4) {
			Expect(put(d, "ada", []byte{i})).To(Succeed())
		}
		Expect(has(d, "ada", []byte{0})).To(BeFalse())
		Expect(has(d, "ada", []byte{1})).To(BeTrue())
	})

	It("that the disk does not have is one clear error; what came stays and goes on later", func() {
		if os.Getuid() != 0 {
			Skip("a small file system can be mounted by root only")
		}
		dir := GinkgoT().TempDir()
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
			Skip("no file system can be mounted here: " + err.Error())
		}
		DeferCleanup(func() { Expect(unix.Unmount(dir, unix.MNT_DETACH)).To(Succeed()) })
		fill := filepath.Join(dir, "fill")
		Expect(os.WriteFile(fill, make([]byte, 600<<10), 0o600)).To(Succeed())
		d, b := opened(depot.Config{Dir: dir}), content(1, 800<<10)
		err := put(d, "ada", b)
		var full *depot.FullError
		Expect(errors.As(err, &full)).To(BeTrue())
		Expect(err).To(MatchError(unix.ENOSPC))
		Expect(err.Error()).NotTo(ContainSubstring(dir))
		have := there(d, "ada", b)
		Expect(have).To(BeNumerically(">", 100<<10))
		Expect(have).To(BeNumerically("<", 600<<10))
		Expect(os.Remove(fill)).To(Succeed())
		Expect(d.Append(ctx, "ada", sum(b), 800<<10, have, bytesFrom(b, have))).To(BeEquivalentTo(800 << 10))
		Expect(has(d, "ada", b)).To(BeTrue())
		Expect(d.Close()).To(Succeed())
	})

	It("is not kept for an upload that stopped long before a restart", func() {
		now, dir := newClock(), GinkgoT().TempDir()
		now.now = time.Now()
		d, b := opened(depot.Config{Dir: dir, Now: now.Now}), content(1, 100)
		_, _ = d.Append(ctx, "ada", sum(b), 100, 0, cut(b, 10))
		Expect(d.Close()).To(Succeed())
		now.pass(8 * 24 * time.Hour)
		Expect(there(opened(depot.Config{Dir: dir, Now: now.Now}), "ada", b)).To(BeZero())
	})
})
