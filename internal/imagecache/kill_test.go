package imagecache_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/imagecache"
)

// child tells this program that it is to be killed: it fetches KILL_URL into KILL_DIR.
const child = "IMAGECACHE_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(child) == "" {
		os.Exit(m.Run())
	}
	c, err := imagecache.Open(imagecache.Config{Dir: os.Getenv("KILL_DIR"), Silence: time.Minute})
	if err == nil {
		_, err = c.Fetch(context.Background(), imagecache.Want{URL: os.Getenv("KILL_URL")}, nil)
	}
	fmt.Println(err)
}

var _ = DescribeTable("A killed server leaves what the next one goes on with", func(cut int, asked string) {
	content := image(1, 40<<20)
	l, m := newLarder(), newMirror(content)
	Expect(l.Close()).To(Succeed())
	m.set(func(m *mirror) { m.cuts, m.hang = []int{cut}, true })
	server := exec.Command(os.Args[0])
	server.Env = append(os.Environ(), child+"=1", "KILL_DIR="+l.cfg.Dir, "KILL_URL="+m.URL)
	Expect(server.Start()).To(Succeed())
	Eventually(func() (n int64) {
		for _, name := range l.files("partial") {
			if info, err := os.Stat(l.cfg.Dir + "/partial/" + name); err == nil {
				n = max(n, info.Size())
			}
		}
		return n
	}).WithTimeout(20 * time.Second).Should(BeEquivalentTo(cut))
	Expect(server.Process.Kill()).To(Succeed())
	_ = server.Wait()

	l.open()
	l.gets(m.URL, content)
	Expect(m.requests()).To(HaveExactElements(Equal("whole"), HavePrefix(asked)))
},
	Entry("from its last mark", 36<<20, "bytes=33"),
	Entry("from the start when there is no mark yet", 1<<20, "whole"),
)
