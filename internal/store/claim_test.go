package store_test

import (
	"os"
	"os/exec"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/store"
)

var _ = onBoth("A database that a server has claimed", func(fresh func() string) {
	batch := func(id string) store.Batch {
		return store.Batch{Begin: []store.Operation{{ID: id, User: "ada", Kind: "deploy", Since: noon}}}
	}

	It("is no other server's while that one lives, and its holder is named", func() {
		url := fresh()
		Expect(opened(url).Claim(ctx, "frontend, pid 7")).To(Succeed())
		err := opened(url).Claim(ctx, "spare, pid 8")
		var held *store.HeldError
		Expect(err).To(BeAssignableToTypeOf(held))
		Expect(err).To(MatchError(ContainSubstring("is used by the server frontend, pid 7 since ")))
		Expect(err).To(MatchError(ContainSubstring("stop that one, or name another database")))
	})

	It("is free as soon as the server is killed", func() {
		url := fresh()
		Expect(opened(url).Close()).To(Succeed()) // it is made
		self, err := os.Executable()
		Expect(err).NotTo(HaveOccurred())
		other := exec.Command(self)
		other.Env = append(os.Environ(), "STORE_ROLE=reign", "STORE_URL="+url)
		out, err := other.StdoutPipe()
		Expect(err).NotTo(HaveOccurred())
		Expect(other.Start()).To(Succeed())
		ready := make([]byte, 1)
		_, err = out.Read(ready) // it has claimed
		Expect(err).NotTo(HaveOccurred())
		Expect(other.Process.Kill()).To(Succeed())
		_ = other.Wait()
		mine := opened(url)
		Expect(mine.Claim(ctx, "next")).To(Succeed())
		Expect(mine.Write(ctx, batch("D-1"))).To(Succeed())
	})

	It("takes nothing more from a server that another has followed, whatever that one believes", func() {
		url := fresh()
		old := opened(url)
		Expect(old.Claim(ctx, "old")).To(Succeed())
		Expect(old.Write(ctx, batch("D-1"))).To(Succeed())
		store.LoseLock(old)
		young := opened(url)
		Expect(young.Claim(ctx, "young")).To(Succeed())
		Expect(old.Write(ctx, batch("D-2"))).To(MatchError(store.ErrFenced))
		Expect(old.Write(ctx, store.Batch{})).To(MatchError(store.ErrFenced), "also when it has nothing to write")
		Expect(young.Write(ctx, batch("D-2"))).To(Succeed())
		_, err := young.Operation(ctx, "D-2")
		Expect(err).NotTo(HaveOccurred())
	})
})

// reign claims a database, says so and waits to be killed.
func reign(url string) {
	s, err := store.Open(ctx, store.Config{URL: url})
	if err == nil {
		err = s.Claim(ctx, "child")
	}
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Stdout.WriteString("1")
	time.Sleep(time.Hour)
}
