package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/store"
)

// copied is a backup of a store with one operation.
func copied() string {
	GinkgoHelper()
	s := opened(sqliteURL())
	Expect(s.Write(ctx, begun())).To(Succeed())
	file := filepath.Join(GinkgoT().TempDir(), "backup.db")
	Expect(s.Backup(ctx, file)).To(Succeed())
	return file
}

var _ = Describe("A restored database", func() {
	It("keeps all that a daemon which was killed was promised, in the file that was set aside", func() {
		file, url := copied(), sqliteURL()
		last := killed("writer", url)
		Expect(strings.TrimPrefix(url, "sqlite:") + "-wal").To(BeARegularFile())
		r, err := store.Restore(ctx, url, file, false)
		Expect(err).NotTo(HaveOccurred())
		Expect(r.Operations).To(Equal(1))
		Expect(opened(url).Operation(ctx, "D-1")).To(HaveField("User", "ada"))
		Expect(r.Aside).To(HaveLen(3))
		Expect(whole(opened("sqlite:" + r.Aside[0]))).To(Or(Equal(last), Equal(last+1)))
	})

	It("keeps the three files of one that is damaged as they are", func() {
		file, url := copied(), sqliteURL()
		path := strings.TrimPrefix(url, "sqlite:")
		for _, part := range []string{"", "-wal", "-shm"} {
			Expect(os.WriteFile(path+part, []byte(strings.Repeat("damage", 2000)+part), 0o600)).To(Succeed())
		}
		r, err := store.Restore(ctx, url, file, false)
		Expect(err).NotTo(HaveOccurred())
		Expect(r.Aside).To(HaveLen(3))
		Expect(os.ReadFile(r.Aside[0])).To(HaveSuffix("damage"))
		Expect(os.ReadFile(r.Aside[1])).To(HaveSuffix("-wal"))
		Expect(opened(url).Operation(ctx, "D-1")).To(HaveField("User", "ada"))
	})

	It("may come from files that a daemon which was killed has left", func() {
		from, url := sqliteURL(), sqliteURL()
		last := killed("writer", from)
		_, err := store.Restore(ctx, url, strings.TrimPrefix(from, "sqlite:"), false)
		Expect(err).NotTo(HaveOccurred())
		Expect(whole(opened(url))).To(Or(Equal(last), Equal(last+1)))
	})

	It("marks what was under way as restored, and nothing else", func() {
		s := opened(sqliteURL())
		Expect(s.Write(ctx, store.Batch{Begin: []store.Operation{{ID: "D-1", Since: noon, Resumed: 2}, {ID: "D-2", Since: noon, Until: at(1)}}})).To(Succeed())
		file, url := filepath.Join(GinkgoT().TempDir(), "backup.db"), sqliteURL()
		Expect(s.Backup(ctx, file)).To(Succeed())
		r, err := store.Restore(ctx, url, file, false)
		Expect(err).NotTo(HaveOccurred())
		Expect([]int{r.Operations, r.Underway}).To(Equal([]int{2, 1}))
		Expect(r.Last).To(BeTemporally("==", noon))
		back := opened(url)
		Expect(back.Operation(ctx, "D-1")).To(And(HaveField("Restored", true), HaveField("Resumed", 2)))
		Expect(back.Operation(ctx, "D-2")).To(And(HaveField("Restored", false), HaveField("Resumed", 0)))
	})

	It("is not put in the place of one that a server holds, nor taken for it by a server that has opened that one", func() {
		file, url := copied(), sqliteURL()
		s := opened(url)
		early := opened(url) // a server that starts: it has opened the file, and has not claimed it yet
		Expect(s.Claim(ctx, "frontend, pid 7")).To(Succeed())
		_, err := store.Restore(ctx, url, file, false)
		Expect(err).To(MatchError(ContainSubstring("is used by the server frontend, pid 7 since ")))
		_, err = store.Compact(ctx, url)
		Expect(err).To(BeAssignableToTypeOf(&store.HeldError{}))
		Expect(s.Close()).To(Succeed())
		_, err = store.Restore(ctx, url, file, false)
		Expect(err).NotTo(HaveOccurred())
		Expect(early.Claim(ctx, "late")).To(MatchError(ContainSubstring("another file was put in its place just now (restore, compact): start again")))
	})

	It("belongs to whom its directory belongs, whoever restores it", func() {
		if os.Geteuid() != 0 {
			Skip("root alone can give files away")
		}
		file, url := copied(), sqliteURL()
		path := strings.TrimPrefix(url, "sqlite:")
		Expect(os.Chown(filepath.Dir(path), 1234, 1235)).To(Succeed())
		_, err := store.Restore(ctx, url, file, false)
		Expect(err).NotTo(HaveOccurred())
		for _, name := range []string{path, path + ".lock"} {
			info, err := os.Stat(name)
			Expect(err).NotTo(HaveOccurred())
			Expect(info.Sys()).To(And(HaveField("Uid", BeEquivalentTo(1234)), HaveField("Gid", BeEquivalentTo(1235))), name)
		}
	})
})

var _ = Describe("A compacted database", func() {
	It("has lost nothing, and has the room for ends before it is opened", func() {
		url := sqliteURL()
		s := opened(url)
		Expect(s.Write(ctx, store.Batch{Begin: []store.Operation{{ID: "D-1", Since: noon}}})).To(Succeed())
		for i := range uint64(200) {
			Expect(s.Write(ctx, pair(i+1))).To(Succeed())
		}
		Expect(s.Exec(ctx, "CREATE TABLE gone AS SELECT zeroblob($1) AS room", 20<<20)).To(Succeed())
		Expect(s.Exec(ctx, "DROP TABLE gone")).To(Succeed())
		Expect(s.Close()).To(Succeed())
		c, err := store.Compact(ctx, url)
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Before-c.After).To(BeNumerically("~", 16<<20, 2<<20), "4 MiB were free and stay so")
		s, err = store.Open(ctx, store.Config{URL: url, AsIs: true})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(s.Close)
		Expect(s.Count(ctx, "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size")).To(BeNumerically(">=", 4<<20))
		Expect(s.Check(ctx)).To(Succeed())
		Expect(whole(s)).To(Equal(200))
	})

	It("stays as it is when the disk has no room for the copy", func() {
		Expect(onSmallDisk("compact")).To(HaveExactElements(
			And(HavePrefix("refused: true database "), ContainSubstring("the smaller copy needs "), ContainSubstring(" are free")),
			"files: ballast kadeploy.db kadeploy.db.lock", "compacted: true", "readable: D-1 <nil>", ""))
	})
})

// compactFull compacts a file beside which there is no room, and again when there is.
func compactFull(url string) {
	s, err := store.Open(ctx, store.Config{URL: url})
	say(err)
	say(s.Write(ctx, store.Batch{Begin: []store.Operation{{ID: "D-1", Since: noon}}}))
	say(s.Close())
	ballast := fill(url)
	info, err := os.Stat(ballast)
	say(err)
	say(os.Truncate(ballast, info.Size()-2<<20))
	_, err = store.Compact(ctx, url)
	fmt.Println("refused:", errors.Is(err, store.ErrFull), err)
	files, err := os.ReadDir(filepath.Dir(ballast))
	say(err)
	fmt.Print("files:")
	for _, f := range files {
		fmt.Print(" ", f.Name())
	}
	fmt.Println()
	say(os.Remove(ballast))
	_, err = store.Compact(ctx, url)
	fmt.Println("compacted:", err == nil)
	s, err = store.Open(ctx, store.Config{URL: url})
	say(err)
	have, err := s.Operation(ctx, "D-1")
	fmt.Println("readable:", have.ID, err)
	say(s.Close())
}
