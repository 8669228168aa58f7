package archive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/machine/archive"
)

// Files are written while the archive is read on. Nobody may notice but by the clock.
var _ = Describe("A file that is written while the archive is read on", func() {
	const chunk = 64 << 10
	var target string
	at := func(name string) string { return filepath.Join(target, name) }
	big := strings.Repeat("0123456789abcdef", 1<<16) // many chunks

	BeforeEach(func() { target = workDir() })

	DescribeTable("is whole, whatever its size",
		func(size int) {
			content := big[:size]
			stats, err := extract(target, file("x", content), file("next", "n"))
			Expect(err).NotTo(HaveOccurred())
			Expect(stats.Bytes).To(Equal(int64(size + 1)))
			Expect(read(at("x")) == content).To(BeTrue())
			Expect(read(at("next"))).To(Equal("n"))
		},
		Entry("0", 0), Entry("1", 1), Entry("a chunk but one", chunk-1), Entry("a chunk", chunk), Entry("a chunk and one", chunk+1),
		Entry("more chunks than may wait", len(big)),
	)

	It("is finished under its other name when a later member takes its own", func() {
		first := file("x", big)
		first.Mode = 0o751
		_, err := extract(target, first, hard("y", "x"), file("x", "second"))
		Expect(err).NotTo(HaveOccurred())
		Expect(read(at("x"))).To(Equal("second"))
		Expect(read(at("y")) == big).To(BeTrue())
		info, err := os.Stat(at("y"))
		Expect(err).NotTo(HaveOccurred())
		Expect(info.Mode().Perm()).To(Equal(os.FileMode(0o751)))
		Expect(info.ModTime()).To(BeTemporally("==", then))
	})

	It("does not change what a later member put in its place", func() {
		outside := filepath.Join(GinkgoT().TempDir(), "outside")
		Expect(os.WriteFile(outside, []byte("untouched"), 0o600)).To(Succeed())
		first := file("x", big)
		first.Mode = 0o777
		_, err := extract(target, first, link("x", outside))
		Expect(err).NotTo(HaveOccurred())
		Expect(read(outside)).To(Equal("untouched"))
		info, err := os.Stat(outside)
		Expect(err).NotTo(HaveOccurred())
		Expect(info.Mode().Perm()).To(Equal(os.FileMode(0o600)))
		Expect(info.ModTime()).NotTo(BeTemporally("==", then))
	})

	It("gives the budget back all it held when it is replaced", func() {
		budget := &purse{left: 1 << 21}
		_, err := archive.Extract(context.Background(), bytes.NewReader(pack(file("x", big), file("x", ""))), archive.Options{Dir: target, Budget: budget})
		Expect(err).NotTo(HaveOccurred())
		Expect(budget.left).To(Equal(int64(1<<21 - archive.EntryCost)))
	})

	It("is named by the error when it cannot be written, and ends the extraction", func() {
		members := []member{file("small", "fits"), file("large", big)}
		for i := range 100 {
			members = append(members, file(fmt.Sprint("later-", i), "fits"))
		}
		limitFileSize(chunk + 1)
		stats, err := extract(target, members...)
		Expect(err).To(MatchError(And(ContainSubstring(`unpack "large"`), Not(ContainSubstring("later")))))
		Expect(errors.Is(err, unix.EFBIG)).To(BeTrue())
		Expect(stats.Entries).To(BeNumerically("<", 100))
		Expect(read(at("small"))).To(Equal("fits"))
	})

	DescribeTable("is closed, however it ends",
		func(missing int, budget archive.Budget, want string, members ...member) {
			whole := pack(members...)
			before := handles()
			_, err := archive.Extract(context.Background(), bytes.NewReader(whole[:len(whole)-missing]), archive.Options{Dir: target, Budget: budget})
			Expect(err).To(MatchError(ContainSubstring(want)))
			Expect(handles()).To(Equal(before))
		},
		Entry("cut off", chunk, nil, "unexpected EOF", file("x", big)),
		Entry("too large", 0, &purse{left: 3 * chunk}, "no space", file("x", big)),
		Entry("before one that is refused", 0, nil, `"../y" refused`, file("x", big), file("../y", "")),
	)
})

// limitFileSize has writes beyond size bytes fail until the end of the spec.
func limitFileSize(size uint64) {
	var old unix.Rlimit
	Expect(unix.Getrlimit(unix.RLIMIT_FSIZE, &old)).To(Succeed())
	signal.Ignore(unix.SIGXFSZ)
	Expect(unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: size, Max: old.Max})).To(Succeed())
	DeferCleanup(func() {
		Expect(unix.Setrlimit(unix.RLIMIT_FSIZE, &old)).To(Succeed())
		signal.Reset(unix.SIGXFSZ)
	})
}

// handles counts the open files of this process.
func handles() int {
	all, err := os.ReadDir("/proc/self/fd")
	Expect(err).NotTo(HaveOccurred())
	return len(all)
}
