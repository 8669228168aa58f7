package store_test

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/store"
)

// roles are what this binary is when it is not the suite. Each says line by line what it was promised.
var roles = map[string]func(url string){"writer": writer, "full": full, "reign": reign, "keeper": keeper, "full of rights": fullOfRights, "compact": compactFull}

// writer writes pairs until it is killed.
func writer(url string) {
	s, err := store.Open(ctx, store.Config{URL: url})
	if err == nil {
		err = s.Write(ctx, store.Batch{Begin: []store.Operation{{ID: "D-1", Since: noon}}})
	}
	var have int
	if err == nil {
		have, err = s.Count(ctx, "SELECT count(*) FROM steps")
	}
	for i := uint64(have) + 1; err == nil; i++ {
		if err = s.Write(ctx, pair(i)); err == nil {
			fmt.Println(i)
		}
	}
	fmt.Println("error", err)
}

var _ = onBoth("A daemon that is killed at any moment", func(fresh func() string) {
	It("finds again all that it was promised, in whole batches, counted once", func() {
		url := fresh()
		for range 6 {
			last := killed("writer", url)
			s, err := store.Open(ctx, store.Config{URL: url})
			Expect(err).NotTo(HaveOccurred())
			Expect(s.Check(ctx)).To(Succeed())
			Expect(whole(s)).To(Or(Equal(last), Equal(last+1)), "the last one may have been written and not told")
			Expect(s.Close()).To(Succeed())
		}
	})
})

// killed starts a role, kills it at some moment after its first word, and gives the last number that it was promised.
func killed(role, url string) (last int) {
	GinkgoHelper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "STORE_ROLE="+role, "STORE_URL="+url)
	out, err := cmd.StdoutPipe()
	Expect(err).NotTo(HaveOccurred())
	Expect(cmd.Start()).To(Succeed())
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if last == 0 {
			killer := time.AfterFunc(time.Duration(rand.N(100_000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
			defer killer.Stop()
		}
		Expect(lines.Text()).NotTo(HavePrefix("error"))
		_, err := fmt.Sscan(lines.Text(), &last)
		Expect(err).NotTo(HaveOccurred())
	}
	_ = cmd.Wait()
	Expect(last).To(BeNumerically(">", 0))
	return last
}

// full writes until the disk is full, makes room, and goes on.
func full(url string) {
	s, err := store.Open(ctx, store.Config{URL: url})
	say(err)
	say(s.Write(ctx, store.Batch{Begin: []store.Operation{{ID: "D-1", Since: noon}}}))
	ballast := fill(url)
	begun := beginAll(s)
	fmt.Println("nothing begins:", errors.Is(begun, store.ErrFull), begun)
	i := uint64(1)
	for err = nil; err == nil; i++ {
		err = s.Write(ctx, pair(i))
	}
	fmt.Println("room for what runs:", i > 1000)
	fmt.Println("refused:", errors.Is(err, store.ErrFull), err)
	fmt.Println("still refused:", errors.Is(s.Write(ctx, pair(i-1)), store.ErrFull))
	have, err := s.Operation(ctx, "D-1")
	fmt.Println("readable:", have.ID, err)
	say(os.Remove(ballast))
	for n := range uint64(100) {
		say(s.Write(ctx, pair(i-1+n)))
	}
	say(s.Check(ctx))
	steps, err := s.Count(ctx, "SELECT count(*) FROM steps")
	say(err)
	events, err := s.Count(ctx, "SELECT count(*) FROM events")
	say(err)
	fmt.Println("whole:", uint64(steps) == i-1+99 && events == 2*steps)
	say(s.Close())
	fmt.Println("done")
}

// fill leaves no room on the disk of a file; what it gives back is in the way.
func fill(url string) (ballast string) {
	ballast = filepath.Join(filepath.Dir(strings.TrimPrefix(url, "sqlite:")), "ballast")
	if err := os.WriteFile(ballast, make([]byte, 64<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		say(fmt.Errorf("the disk is not full: %w", err))
	}
	return ballast
}

// beginAll begins operations until there is no room for another.
func beginAll(s *store.Store) (err error) {
	for n := 2; err == nil; n++ {
		err = s.Write(ctx, store.Batch{Begin: []store.Operation{{ID: fmt.Sprintf("D-%d", n), Since: noon, Request: make([]byte, 64<<10)}}})
	}
	return err
}

func say(err error) {
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
}

// onSmallDisk gives the lines that a role says with a SQLite file on a disk of its own.
func onSmallDisk(role string) []string {
	GinkgoHelper()
	if out, err := exec.Command("unshare", "--mount", "true").CombinedOutput(); err != nil {
		Skip("no right to a small disk of its own: " + string(out))
	}
	cmd := exec.Command("unshare", "--mount", "sh", "-c", `mount -t tmpfs -o size=24m none "$1" && exec "$2"`, "-", GinkgoT().TempDir(), os.Args[0])
	cmd.Env = append(os.Environ(), "STORE_ROLE="+role, "STORE_URL=sqlite:"+cmd.Args[len(cmd.Args)-2]+"/kadeploy.db")
	out, err := cmd.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(out))
	return strings.Split(string(out), "\n")
}

var _ = Describe("A disk that is full", func() {
	It("refuses a batch in one line, loses nothing, and takes the next when there is room", func() {
		Expect(onSmallDisk("full")).To(HaveExactElements(
			And(HavePrefix("nothing begins: true database "), ContainSubstring("what runs is still recorded")),
			"room for what runs: true",
			And(HavePrefix("refused: true database "), ContainSubstring("no room on the disk: nothing was written")),
			"still refused: true", "readable: D-1 <nil>", "whole: true", "done", ""))
	})
})

var _ = Describe("A PostgreSQL server that crashes and comes back", func() {
	It("is an error that says so, and nothing is lost or counted twice", func() {
		server := postgres()
		s := opened(postgresURL())
		Expect(s.Write(ctx, store.Batch{Begin: []store.Operation{{ID: "D-1", Since: noon}}})).To(Succeed())
		returned := make(chan error, 1)
		failures, wrote := 0, 0
		for back := false; !back || wrote < 100; {
			switch err := s.Write(ctx, pair(uint64(wrote+1))); {
			case err == nil:
				wrote++
			case errors.Is(err, store.ErrUnavailable):
				failures++
				Expect(err.Error()).NotTo(ContainSubstring("\n"))
			default:
				Fail(err.Error())
			}
			if wrote == 50 && failures == 0 && len(returned) == 0 && !back {
				server.Stop()
				go func() { returned <- server.Start() }()
			}
			select {
			case err := <-returned:
				Expect(err).NotTo(HaveOccurred())
				back = true
			default:
			}
		}
		Expect(failures).To(BeNumerically(">", 0))
		Expect(whole(s)).To(Equal(wrote))
	})
})
