package process_test

import (
	"os/exec"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/process"
)

func TestProcess(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "process")
}

var _ = Describe("a dead child", func() {
	It("keeps its number until it is waited for", func() {
		cmd := exec.Command("true")
		Expect(cmd.Start()).To(Succeed())
		process.AwaitExit(cmd.Process.Pid)
		Expect(unix.Kill(cmd.Process.Pid, 0)).To(Succeed())
		Expect(cmd.Wait()).To(Succeed())
	})
})

var _ = Describe("the last words", func() {
	words := func(texts ...string) *process.Tail {
		t := &process.Tail{}
		for _, text := range texts {
			Expect(t.Write([]byte(text))).To(Equal(len(text)))
		}
		return t
	}

	It("are bounded", func() {
		t := words(strings.Repeat("a", 5000), strings.Repeat("b", 100), strings.Repeat("c", 9))
		Expect(t.String()).To(HaveLen(process.TailSize))
		Expect(t.String()).To(HaveSuffix("abbb" + strings.Repeat("b", 97) + "ccccccccc"))
		Expect(t.LastLine()).To(HaveLen(process.MaxLine))
	})

	It("end with a line, whatever follows it", func() {
		Expect(words("tar: a: one\ntar: ", "b: two\n\n \n").LastLine()).To(Equal("tar: b: two"))
		Expect(words("\n").LastLine()).To(BeEmpty())
	})

	It("are valid UTF-8", func() {
		Expect(words("caf\xe9").String()).To(Equal("caf?"))
	})
})
