package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/store"
)

var _ = Describe("A backup", func() {
	It("of a SQLite file that is written to is one moment of it, and opens as a store", func() {
		s := opened(sqliteURL())
		Expect(s.Write(ctx, store.Batch{Begin: []store.Operation{{ID: "D-1", Since: noon}}})).To(Succeed())
		var writers sync.WaitGroup
		stop := make(chan struct{})
		writers.Go(func() {
			defer GinkgoRecover()
			for i := uint64(1); ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				Expect(s.Write(ctx, pair(i))).To(Succeed())
			}
		})
		dir := GinkgoT().TempDir()
		for i := range 5 {
			Eventually(func() (int, error) { return s.Count(ctx, "SELECT count(*) FROM events") }).Should(BeNumerically(">", 20*i))
			file := filepath.Join(dir, fmt.Sprintf("backup%d.db", i))
			Expect(s.Backup(ctx, file)).To(Succeed())
			info, err := os.Stat(file)
			Expect(err).NotTo(HaveOccurred())
			Expect(info.Mode().Perm()).To(BeEquivalentTo(0o600))
		}
		close(stop)
		writers.Wait()
		for i := range 5 {
			copied := opened("sqlite:" + filepath.Join(dir, fmt.Sprintf("backup%d.db", i)))
			Expect(copied.Check(ctx)).To(Succeed())
			Expect(whole(copied)).To(BeNumerically(">", 10*i))
		}
		Expect(filepath.Glob(filepath.Join(dir, "*.tmp"))).To(BeEmpty())
	})

	It("is also had by a program of another version, which changes nothing of the database", func() {
		url := sqliteURL()
		s := opened(url)
		Expect(s.Write(ctx, begun())).To(Succeed())
		Expect(s.Exec(ctx, "UPDATE schema_versions SET version_id = version_id + 98 WHERE version_id > $1", 0)).To(Succeed())
		_, err := store.Open(ctx, store.Config{URL: url})
		Expect(err).To(BeAssignableToTypeOf(&store.NewerError{}))
		path := strings.TrimPrefix(url, "sqlite:")
		before, err := os.Stat(path)
		Expect(err).NotTo(HaveOccurred())
		other, err := store.Open(ctx, store.Config{URL: url, AsIs: true})
		Expect(err).NotTo(HaveOccurred())
		file := filepath.Join(GinkgoT().TempDir(), "backup.db")
		Expect(other.Backup(ctx, file)).To(Succeed())
		Expect(other.Close()).To(Succeed())
		after, err := os.Stat(path)
		Expect(err).NotTo(HaveOccurred())
		Expect(after.Size()).To(Equal(before.Size()))
		_, err = store.Open(ctx, store.Config{URL: "sqlite:" + file})
		Expect(err).To(BeAssignableToTypeOf(&store.NewerError{}), "the copy is of that version, too")
	})

	It("takes nobody's place, and leaves nothing when it fails", func() {
		s := opened(sqliteURL())
		file := filepath.Join(GinkgoT().TempDir(), "backup.db")
		Expect(os.WriteFile(file, []byte("mine"), 0o644)).To(Succeed())
		Expect(s.Backup(ctx, file)).To(MatchError("backup " + file + ": exists already, and is not overwritten: name another file, or remove it first"))
		Expect(os.ReadFile(file)).To(BeEquivalentTo("mine"))
		Expect(s.Backup(ctx, filepath.Join(file, "x"))).To(MatchError("backup " + file + "/x: not a directory"))
		Expect(os.ReadDir(filepath.Dir(file))).To(HaveLen(1))
	})

	It("of PostgreSQL is refused, and its own tool is named", func() {
		Expect(opened(postgresURL()).Backup(ctx, "/tmp/x")).To(MatchError(ContainSubstring("pg_dump")))
	})
})

// pair is a batch that belongs together: two events and a step.
func pair(i uint64) store.Batch {
	return store.Batch{
		Events: []store.Event{
			{Operation: "D-1", Seq: 2 * i, Time: noon, Fact: make([]byte, 300)}, {Operation: "D-1", Seq: 2*i + 1, Time: noon},
		},
		Steps: []store.Step{{Operation: "D-1", Node: "n", Macro: "M", Try: int(i), At: noon, Took: time.Second, Outcome: store.StepOK}},
	}
}

// whole counts the pairs of a store, which are all complete and counted once.
func whole(s *store.Store) int {
	GinkgoHelper()
	steps, err := s.Count(ctx, "SELECT count(*) FROM steps")
	Expect(err).NotTo(HaveOccurred())
	Expect(s.Count(ctx, "SELECT count(*) FROM events")).To(Equal(2 * steps))
	counted := 0
	times, err := s.StepTimes(ctx, "", noon, noon.Add(1))
	Expect(err).NotTo(HaveOccurred())
	for _, t := range times {
		counted += t.OK
	}
	Expect(counted).To(Equal(steps))
	return steps
}
