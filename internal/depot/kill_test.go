package depot_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing/iotest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/depot"
)

// small makes a depot that is full all the time: files come, are used and leave.
func small(dir string) depot.Config { return depot.Config{Dir: dir, MaxBytes: 200 << 10, MaxFiles: 20} }

// victim is a server that takes uploads until it is killed. It says which it has promised to have.
func victim(dir string) {
	d, err := depot.Open(small(dir))
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println("up")
	for i := 0; ; i++ {
		owner, b := []string{"ada", "bob"}[i%2], content(byte(i/2), 1+i%37*1000)
		have, _, err := d.Status(ctx, owner, sum(b))
		for err == nil && have < int64(len(b)) { // parts of a third, in small reads
			part := b[have:min(have+int64(len(b)/3)+1, int64(len(b)))]
			have, err = d.Append(ctx, owner, sum(b), int64(len(b)), have, iotest.HalfReader(bytes.NewReader(part)))
		}
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println(owner, i)
	}
}

var _ = Describe("A server that is killed at any moment", func() {
	It("finds whole files only, each of them somebody's, and goes on with the uploads", func() {
		dir := GinkgoT().TempDir()
		for round := range 12 {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "DEPOT_VICTIM="+dir)
			out, err := cmd.StdoutPipe()
			Expect(err).NotTo(HaveOccurred())
			Expect(cmd.Start()).To(Succeed())
			lines := bufio.NewScanner(out)
			Expect(lines.Scan()).To(BeTrue())
			Expect(lines.Text()).To(Equal("up"), "round %d", round)
			killer := time.AfterFunc(time.Duration(20+rand.N(120))*time.Millisecond, func() { _ = cmd.Process.Kill() })
			last := ""
			for lines.Scan() {
				last = lines.Text()
			}
			killer.Stop()
			_ = cmd.Wait()
			Expect(last).NotTo(HavePrefix("error"))

			d, err := depot.Open(small(dir))
			Expect(err).NotTo(HaveOccurred())
			files := stored(filepath.Join(dir, "sha256"))
			for _, name := range files {
				f, err := os.Open(filepath.Join(dir, "sha256", name))
				Expect(err).NotTo(HaveOccurred())
				h := sha256.New()
				_, err = io.Copy(h, f)
				Expect(err).NotTo(HaveOccurred())
				Expect(f.Close()).To(Succeed())
				Expect(fmt.Sprintf("%x", h.Sum(nil))).To(Equal(filepath.Base(name)))
				Expect(filepath.Glob(filepath.Join(dir, "owners", "*", filepath.Base(name)))).NotTo(BeEmpty(), "somebody's")
			}
			marks, err := filepath.Glob(filepath.Join(dir, "owners", "*", "*"))
			Expect(err).NotTo(HaveOccurred())
			for _, mark := range marks {
				Expect(filepath.Join(dir, "sha256", filepath.Base(mark)[:2], filepath.Base(mark))).To(BeAnExistingFile())
			}
			if last != "" { // the last promise was kept
				var owner string
				var i int
				_, err := fmt.Sscan(last, &owner, &i)
				Expect(err).NotTo(HaveOccurred())
				Expect(has(d, owner, content(byte(i/2), 1+i%37*1000))).To(BeTrue(), last)
			}
			Expect(d.Close()).To(Succeed())
		}
	})
})
