package daemon_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/cmd/kadeploy-server/daemon"
	"github.com/kadeploy/kadeploy/internal/rights"
	"github.com/kadeploy/kadeploy/internal/store"
)

var _ = Describe("A file of users and rights in the state directory", func() {
	var (
		dir, path string
		db        *store.Store
		log       strings.Builder
		ctx       = context.Background()
		now       = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	)
	book := func(users ...string) *rights.Book {
		GinkgoHelper()
		b := rights.New()
		for _, name := range users {
			_, err := b.AddUser(name, name == "ada", now)
			Expect(err).NotTo(HaveOccurred())
			_, err = b.Grant(rights.Request{User: name, Nodes: []string{name + "-[1-3]"}, Part: "3", By: "root", Overwrite: true},
				[]string{name + "-1", name + "-2", name + "-3"}, now)
			Expect(err).NotTo(HaveOccurred())
		}
		return b
	}
	write := func(b *rights.Book) {
		GinkgoHelper()
		text, err := b.Encode()
		Expect(err).NotTo(HaveOccurred())
		Expect(os.WriteFile(path, text, 0o600)).To(Succeed())
	}
	takeOver := func() error { return daemon.TakeOver(ctx, db, dir, slog.New(slog.NewTextHandler(&log, nil))) }
	kept := func() *rights.Book {
		GinkgoHelper()
		b, err := db.Rights(ctx)
		Expect(err).NotTo(HaveOccurred())
		return b
	}
	BeforeEach(func() {
		dir = GinkgoT().TempDir()
		path = filepath.Join(dir, "rights.json")
		log.Reset()
		var err error
		db, err = store.Open(ctx, store.Config{URL: "sqlite:" + filepath.Join(dir, "kadeploy.db")})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(db.Close)
	})

	It("is taken over into a database that has none, once, and the log says so in one line", func() {
		write(book("ada", "bob"))
		Expect(takeOver()).To(Succeed())
		Expect(kept().Equal(book("ada", "bob"))).To(BeTrue())
		Expect(path).NotTo(BeAnExistingFile())
		again, err := rights.Load(path + ".imported")
		Expect(err).NotTo(HaveOccurred())
		Expect(again.Equal(kept())).To(BeTrue())
		Expect(log.String()).To(And(ContainSubstring("users=2 rights=6"), ContainSubstring(path)))
		Expect(strings.Count(log.String(), "\n")).To(Equal(1))

		By("not coming back, whatever is taken away then")
		Expect(db.KeepRights(ctx, book("ada"))).To(Succeed())
		Expect(takeOver()).To(Succeed())
		Expect(kept().Equal(book("ada"))).To(BeTrue())
	})

	It("that is not there is nothing to speak of", func() {
		Expect(takeOver()).To(Succeed())
		Expect(log.String()).To(BeEmpty())
	})

	It("that was taken over by a server that was killed before it renamed the file is only renamed", func() {
		write(book("ada", "bob"))
		Expect(os.MkdirAll(filepath.Join(path+".imported", "in the way"), 0o755)).To(Succeed())
		err := takeOver()
		Expect(err).To(MatchError(MatchRegexp(`^rights: %s is not taken over: it cannot be renamed to rights.json.imported: [a-z ]+$`, path)))
		Expect(kept().Equal(book("ada", "bob"))).To(BeTrue())
		Expect(os.RemoveAll(path + ".imported")).To(Succeed())
		Expect(takeOver()).To(Succeed())
		Expect(kept().Equal(book("ada", "bob"))).To(BeTrue())
		Expect(path).NotTo(BeAnExistingFile())
	})

	It("that is another book than the database has stops the start, and neither is changed", func() {
		Expect(db.KeepRights(ctx, book("ada"))).To(Succeed())
		write(book("ada", "bob"))
		Expect(takeOver()).To(MatchError("rights: " + path + " is not taken over: the database holds other users and rights already; move the file away to keep those"))
		Expect(kept().Equal(book("ada"))).To(BeTrue())
		Expect(path).To(BeARegularFile())
	})

	It("that is broken stops the start, and the database stays empty", func() {
		Expect(os.WriteFile(path, []byte(`{"version": 1, "users": [{"name": "ada"}], "grants": [{"nodes": "n1", "part": "3"}]}`), 0o600)).To(Succeed())
		Expect(takeOver()).To(MatchError(And(HavePrefix("rights: "+path+": grant 1: "), HaveSuffix("; mend the file, or move it away to begin without it"))))
		Expect(kept().Equal(rights.New())).To(BeTrue())
		Expect(path).To(BeARegularFile())
	})

	It("stays when the database does not take it", func() {
		write(book("bob"))
		Expect(db.Close()).To(Succeed())
		Expect(takeOver()).NotTo(Succeed())
		Expect(path).To(BeARegularFile())
	})
})
