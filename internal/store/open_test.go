package store_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/store"
)

// refused is the error of a store that does not open.
func refused(url string) error {
	GinkgoHelper()
	s, err := store.Open(ctx, store.Config{URL: url})
	if err == nil {
		s.Close()
	}
	Expect(err).To(HaveOccurred())
	Expect(err.Error()).NotTo(ContainSubstring("\n"))
	return err
}

var _ = Describe("Opening", func() {
	DescribeTable("refuses a URL that it does not understand, and shows no password", func(url string) {
		Expect(refused(url)).To(MatchError(And(ContainSubstring("database URL: "), Not(ContainSubstring("secret")))))
	},
		Entry("nothing", ""), Entry("another database", "mysql://secret@host/db"), Entry("no file", "sqlite:"),
		Entry("a bare path with a secret", "/var/secret"), Entry("a bad port", "postgres://ada:secret@host:port/db"),
		Entry("a bad escape", "postgres://ada:sec%ret%zzsecret@host/db"))

	It("tells of a PostgreSQL server that is not there in one line, without the password", func() {
		err := refused("postgres://ada:secret@127.0.0.1:1/kadeploy?connect_timeout=2")
		Expect(err).To(MatchError(store.ErrUnavailable))
		Expect(err).To(MatchError(And(ContainSubstring("kadeploy on 127.0.0.1"), Not(ContainSubstring("secret")))))
	})

	It("makes what is missing, for its owner alone, whatever the path", func() {
		dir := filepath.Join(GinkgoT().TempDir(), "a b?c%20#d&_pragma=x")
		s := opened("sqlite:" + dir + "/kadeploy.db")
		Expect(s.Write(ctx, begun())).To(Succeed())
		Expect(filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			info, _ := d.Info()
			Expect(info.Mode().Perm()&0o077).To(BeZero(), path)
			return err
		})).To(Succeed())
		Expect(dir + "/kadeploy.db").To(BeARegularFile())
	})

	It("says why a file cannot be made", func() {
		file := filepath.Join(GinkgoT().TempDir(), "file")
		Expect(os.WriteFile(file, nil, 0o600)).To(Succeed())
		Expect(refused("sqlite:" + file + "/x/kadeploy.db")).To(MatchError("database " + file + "/x/kadeploy.db: not a directory"))
		Expect(refused("sqlite:" + filepath.Dir(file))).To(MatchError(ContainSubstring("database " + filepath.Dir(file) + ": ")))
	})
})

var _ = Describe("A damaged file", func() {
	var file string
	BeforeEach(func() {
		file = filepath.Join(GinkgoT().TempDir(), "kadeploy.db")
		s, err := store.Open(ctx, store.Config{URL: "sqlite:" + file})
		Expect(err).NotTo(HaveOccurred())
		past(s, 200)
		Expect(s.Close()).To(Succeed())
	})

	DescribeTable("is refused, and what to do is said", func(damage func(b []byte) []byte) {
		b, err := os.ReadFile(file)
		Expect(err).NotTo(HaveOccurred())
		Expect(os.WriteFile(file, damage(b), 0o600)).To(Succeed())
		err = refused("sqlite:" + file)
		var damaged *store.DamagedError
		Expect(errors.As(err, &damaged)).To(BeTrue(), err.Error())
		Expect(err).To(MatchError(And(HavePrefix("database "+file+" is damaged ("), ContainSubstring("put the last backup in its place"))))
	},
		Entry("something else", func([]byte) []byte { return []byte(strings.Repeat("not a database ", 400)) }),
		Entry("a cut one", func(b []byte) []byte { return b[:len(b)/2] }),
		Entry("one with a page of zeroes", func(b []byte) []byte { clear(b[8192:12288]); return b }),
		Entry("one with strange pages", func(b []byte) []byte {
			for i := 4096; i < len(b); i += 7 {
				b[i] ^= 0x55
			}
			return b
		}))
})

var _ = onBoth("A schema of a later version", func(fresh func() string) {
	It("is refused, and nothing is changed", func() {
		url := fresh()
		s := opened(url)
		Expect(s.Write(ctx, begun())).To(Succeed())
		Expect(s.Exec(ctx, "INSERT INTO schema_versions (version_id, is_applied) VALUES (99, TRUE)")).To(Succeed())
		err := refused(url)
		var newer *store.NewerError
		Expect(errors.As(err, &newer)).To(BeTrue(), err.Error())
		Expect(newer.Have).To(BeEquivalentTo(99))
		Expect(err).To(MatchError(ContainSubstring("install the newer program again")))
		Expect(s.Operation(ctx, "D-1")).To(HaveField("User", "ada"))
	})
})

var _ = Describe("A commit", func() {
	It("waits for the disk in SQLite, and references hold", func() {
		s := opened(sqliteURL())
		Expect(s.Setting(ctx, "PRAGMA journal_mode")).To(Equal("wal"))
		Expect(s.Setting(ctx, "PRAGMA synchronous")).To(Equal("2"), "FULL")
		Expect(s.Setting(ctx, "PRAGMA foreign_keys")).To(Equal("1"))
	})

	DescribeTable("waits for the disk in PostgreSQL, whatever its server's habit", func(habit, want string) {
		s := opened(postgresURL() + "&options=-c%20synchronous_commit%3D" + habit)
		Expect(s.Setting(ctx, "SHOW synchronous_commit")).To(Equal(want))
	},
		Entry("not to wait", "off", "on"), Entry("to wait", "on", "on"), Entry("to wait for others, too", "remote_apply", "remote_apply"))
})
