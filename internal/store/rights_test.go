package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/rights"
	"github.com/kadeploy/kadeploy/internal/store"
)

// bookOf has users, whose admins have a !, and one right for each user and node.
func bookOf(users string, grants ...rights.Grant) *rights.Book {
	b := rights.New()
	for _, name := range strings.Fields(users) {
		plain, admin := strings.CutSuffix(name, "!")
		if _, err := b.AddUser(plain, admin, noon); err != nil {
			panic(err)
		}
	}
	for _, g := range grants {
		if err := b.Put(g); err != nil {
			panic(err)
		}
	}
	return b
}

func right(user, node, part string, until time.Time) rights.Grant {
	return rights.Grant{User: user, Node: node, Part: part, Until: until, By: "root", At: noon}
}

// manyRights are those of a user to so many nodes.
func manyRights(user string, nodes int) *rights.Book {
	b := rights.New()
	for n := range nodes {
		if err := b.Put(right(user, fmt.Sprintf("node-%d.site.example.org", n+1), "3", noon.Add(time.Hour))); err != nil {
			panic(err)
		}
	}
	return b
}

// kept is the book that a store has.
func kept(s *store.Store) *rights.Book {
	GinkgoHelper()
	b, err := s.Rights(ctx)
	Expect(err).NotTo(HaveOccurred())
	return b
}

var _ = onBoth("The book of users and rights", func(fresh func() string) {
	var (
		url string
		s   *store.Store
	)
	BeforeEach(func() {
		url = fresh()
		s = opened(url)
	})
	first := bookOf("ada! bob", right("bob", "node-1", "3", noon.Add(time.Hour)), right("bob", "node-1", "5", time.Time{}), right("*", "*", "2", time.Time{}),
		right("carol", "node-2", "*", noon.Add(time.Second)))

	It("is empty before one was kept", func() {
		Expect(kept(s).Equal(rights.New())).To(BeTrue())
	})

	It("comes back as it was kept, from a store that is opened again, too", func() {
		Expect(s.KeepRights(ctx, first)).To(Succeed())
		Expect(kept(s).List(nil)).To(Equal(first.List(nil)))
		Expect(kept(s).Users()).To(Equal(first.Users()))
		Expect(kept(opened(url)).Equal(first)).To(BeTrue())
	})

	It("is rows that SQL reads: one for each user, node and partition", func() {
		Expect(s.KeepRights(ctx, first)).To(Succeed())
		Expect(s.Count(ctx, `SELECT count(*) FROM rights WHERE username = 'bob' AND node = 'node-1' AND granted_by = 'root' AND since = $1`, noon.UnixMicro())).To(Equal(2))
		Expect(s.Count(ctx, `SELECT count(*) FROM rights WHERE until = $1`, noon.Add(time.Hour).UnixMicro())).To(Equal(1))
		Expect(s.Count(ctx, `SELECT count(*) FROM rights WHERE until = 0`)).To(Equal(2), "for ever")
		Expect(s.Count(ctx, `SELECT count(*) FROM users WHERE name = 'ada' AND admin = 1`)).To(Equal(1))
	})

	It("takes the place of the one before, whatever has changed", func() {
		next := bookOf("bob! dave", right("bob", "node-1", "3", time.Time{}), right("bob", "node-2", "5", time.Time{}), right("dave", "*", "*", noon.Add(time.Hour)))
		for _, b := range []*rights.Book{first, next, first, rights.New(), next} {
			Expect(s.KeepRights(ctx, b)).To(Succeed())
			Expect(kept(s).Equal(b)).To(BeTrue(), fmt.Sprint(kept(s).List(nil), kept(s).Users()))
		}
	})

	It("writes what has changed, and not what is there", func() {
		Expect(s.KeepRights(ctx, first)).To(Succeed())
		Expect(s.Exec(ctx, `UPDATE rights SET granted_by = granted_by WHERE until = $1`, 0)).To(Succeed())
		if !strings.HasPrefix(url, "sqlite:") { // PostgreSQL knows which transaction wrote a row
			before, err := s.Count(ctx, `SELECT count(DISTINCT xmin::text) FROM rights`)
			Expect(err).NotTo(HaveOccurred())
			Expect(before).To(Equal(2))
			Expect(s.KeepRights(ctx, first)).To(Succeed())
			Expect(s.Count(ctx, `SELECT count(DISTINCT xmin::text) FROM rights`)).To(Equal(2))
			return
		}
		Expect(s.Exec(ctx, `CREATE TABLE changes (n BIGINT)`)).To(Succeed())
		for _, what := range []string{"INSERT", "UPDATE", "DELETE"} {
			Expect(s.Exec(ctx, `CREATE TRIGGER on_`+what+` AFTER `+what+` ON rights BEGIN INSERT INTO changes VALUES (1); END`)).To(Succeed())
		}
		next := bookOf("ada! bob", append(first.Grants(), right("bob", "node-9", "3", time.Time{}))...)
		Expect(s.KeepRights(ctx, next)).To(Succeed())
		Expect(s.Count(ctx, `SELECT count(*) FROM changes`)).To(Equal(1))
	})

	It("keeps more rows than one statement takes", func() {
		big := manyRights("bob", 5000)
		Expect(s.KeepRights(ctx, big)).To(Succeed())
		Expect(kept(s).Equal(big)).To(BeTrue())
		Expect(s.KeepRights(ctx, manyRights("bob", 33))).To(Succeed())
		Expect(s.Count(ctx, `SELECT count(*) FROM rights`)).To(Equal(33))
	})

	It("is not half there when the transaction fails in the middle", func() {
		Expect(s.KeepRights(ctx, first)).To(Succeed())
		if strings.HasPrefix(url, "sqlite:") {
			Expect(s.Exec(ctx, `CREATE TRIGGER stop BEFORE INSERT ON rights WHEN NEW.node LIKE 'node-77%' BEGIN SELECT RAISE(ABORT, 'no'); END`)).To(Succeed())
		} else {
			Expect(s.Exec(ctx, `ALTER TABLE rights ADD CHECK (node NOT LIKE 'node-77%')`)).To(Succeed())
		}
		Expect(s.KeepRights(ctx, manyRights("bob", 100))).To(MatchError(HavePrefix("database ")))
		Expect(kept(s).Equal(first)).To(BeTrue())
	})

	It("is not changed by a server that another has followed", func() {
		Expect(s.Claim(ctx, "old")).To(Succeed())
		Expect(s.KeepRights(ctx, first)).To(Succeed())
		store.LoseLock(s)
		young := opened(url)
		Expect(young.Claim(ctx, "young")).To(Succeed())
		Expect(s.KeepRights(ctx, rights.New())).To(MatchError(store.ErrFenced))
		Expect(kept(young).Equal(first)).To(BeTrue())
	})

	DescribeTable("refuses what would not come back as it is", func(g rights.Grant, why string) {
		Expect(s.KeepRights(ctx, bookOf("", g))).To(MatchError(ContainSubstring(why)))
		Expect(kept(s).Equal(rights.New())).To(BeTrue())
	},
		Entry("a long name", right("bob", strings.Repeat("n", 256), "3", time.Time{}), "at most 255 bytes"),
		Entry("NUL", right("bob", "node\x00", "3", time.Time{}), "is no name that can be kept"),
		Entry("an end that would be none", rights.Grant{User: "bob", Node: "n", Part: "3", Until: time.Unix(0, 0)}, "it ended before 1970"))

	DescribeTable("is refused when somebody has put into a table what cannot be there, and the row is named", func(statement, why string) {
		Expect(s.Exec(ctx, statement, noon.UnixMicro())).To(Succeed())
		_, err := s.Rights(ctx)
		Expect(err).To(MatchError(And(HavePrefix("database "), ContainSubstring(why), HaveSuffix("mend or delete that row"))))
		Expect(s.KeepRights(ctx, first)).To(Succeed(), "who has a book may write it over that")
		Expect(kept(s).Equal(first)).To(BeTrue())
	},
		Entry("a user", `INSERT INTO users VALUES ('a b', 1, $1)`, `table users: "a b" is no name of a user`),
		Entry("a right", `INSERT INTO rights VALUES ('bob', 'node-1', 'sda', 0, 'root', $1)`, `table rights, "bob" on "node-1": partition "sda"`),
		Entry("an end before its beginning", `INSERT INTO rights VALUES ('bob', 'node-1', '3', 1000000, 'root', $1)`, "is over when it begins"))
})

var _ = Describe("A backup", func() {
	It("holds users and rights", func() {
		s := opened(sqliteURL())
		b := bookOf("ada!", right("bob", "node-1", "3", time.Time{}))
		Expect(s.KeepRights(ctx, b)).To(Succeed())
		file := filepath.Join(GinkgoT().TempDir(), "backup.db")
		Expect(s.Backup(ctx, file)).To(Succeed())
		Expect(kept(opened("sqlite:" + file)).Equal(b)).To(BeTrue())
	})
})

// keeper keeps books, each as large as its number says, until it is killed.
func keeper(url string) {
	s, err := store.Open(ctx, store.Config{URL: url})
	var have *rights.Book
	if err == nil {
		have, err = s.Rights(ctx)
	}
	for i := numberOf(have) + 1; err == nil; i++ {
		if err = s.KeepRights(ctx, numbered(i)); err == nil {
			fmt.Println(i)
		}
	}
	fmt.Println("error", err)
}

// numbered are books that differ in many rows from one to the next.
func numbered(i int) *rights.Book {
	b := manyRights(fmt.Sprint("user", i%3), 200)
	if _, err := b.AddUser(fmt.Sprint("number", i), false, noon); err != nil {
		panic(err)
	}
	return b
}

// numberOf is the number of a book; 0 of an empty one.
func numberOf(b *rights.Book) (i int) {
	if b != nil && len(b.Users()) == 1 {
		_, _ = fmt.Sscanf(b.Users()[0].Name, "number%d", &i)
	}
	return i
}

var _ = onBoth("A daemon that is killed while it changes rights", func(fresh func() string) {
	It("has changed all of them or none, and none that it has promised is lost", func() {
		url := fresh()
		for range 4 {
			last := killed("keeper", url)
			s, err := store.Open(ctx, store.Config{URL: url})
			Expect(err).NotTo(HaveOccurred())
			b := kept(s)
			Expect(numberOf(b)).To(Or(Equal(last), Equal(last+1)), "the last one may have been written and not told")
			Expect(b.Equal(numbered(numberOf(b)))).To(BeTrue())
			Expect(s.Close()).To(Succeed())
		}
	})
})

// fullOfRights tries to give rights, and takes some away, when there is no room on the disk.
func fullOfRights(url string) {
	s, err := store.Open(ctx, store.Config{URL: url})
	say(err)
	say(s.KeepRights(ctx, manyRights("bob", 2000)))
	ballast := fill(url)
	_ = beginAll(s)
	for _, more := range []*rights.Book{manyRights("bob", 2001), manyRights("eve", 1), bookOf("carol")} {
		err = s.KeepRights(ctx, more)
		fmt.Println("not given:", errors.Is(err, store.ErrFull), err)
	}
	have, err := s.Rights(ctx)
	say(err)
	fmt.Println("as before:", have.Equal(manyRights("bob", 2000)))
	fmt.Println("taken away:", s.KeepRights(ctx, manyRights("bob", 1000)))
	say(os.Remove(ballast))
	fmt.Println("given:", s.KeepRights(ctx, manyRights("eve", 1)))
}

var _ = Describe("A disk that is full", func() {
	It("refuses to give rights in one line, and still has them taken away", func() {
		no := And(HavePrefix("not given: true database "), ContainSubstring("no room on the disk"))
		Expect(onSmallDisk("full of rights")).To(HaveExactElements(no, no, no, "as before: true", "taken away: <nil>", "given: <nil>", ""))
	})
})

var _ = Describe("A PostgreSQL server that is far away", func() {
	It("is asked for many rights at once, when they are given and when they are taken away", func() {
		postgres()
		s := opened(postgresURL())
		Expect(s.Exec(ctx, `CREATE TABLE statements (what TEXT)`)).To(Succeed())
		Expect(s.Exec(ctx, `CREATE FUNCTION counted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO statements VALUES (TG_OP); RETURN NULL; END'`)).To(Succeed())
		Expect(s.Exec(ctx, `CREATE TRIGGER counts AFTER INSERT OR DELETE ON rights FOR EACH STATEMENT EXECUTE FUNCTION counted()`)).To(Succeed())
		Expect(s.KeepRights(ctx, manyRights("bob", 1000))).To(Succeed())
		Expect(s.KeepRights(ctx, manyRights("bob", 1))).To(Succeed())
		for _, what := range []string{"INSERT", "DELETE"} {
			Expect(s.Count(ctx, `SELECT count(*) FROM statements WHERE what = $1`, what)).To(Equal(32), what)
		}
	})
})

var _ = Describe("A PostgreSQL server that is not there", func() {
	It("has a change refused in one line, and takes the next one when it is back", func() {
		server := postgres()
		s := opened(postgresURL())
		Expect(s.KeepRights(ctx, manyRights("bob", 1))).To(Succeed())
		server.Stop()
		err := s.KeepRights(ctx, manyRights("bob", 2))
		Expect(err).To(MatchError(store.ErrUnavailable))
		Expect(err.Error()).NotTo(ContainSubstring("\n"))
		Expect(server.Start()).To(Succeed())
		Eventually(func() error { return s.KeepRights(ctx, manyRights("bob", 3)) }).Should(Succeed())
		Expect(kept(s).Equal(manyRights("bob", 3))).To(BeTrue())
	})
})
