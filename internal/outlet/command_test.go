package outlet_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/outlet"
)

var _ = Describe("a command", func() {
	var dir string
	var stderr *bytes.Buffer

	BeforeEach(func() { dir, stderr = GinkgoT().TempDir(), &bytes.Buffer{} })

	run := func(line string) outlet.Outlet { return outlet.Command("cd "+dir+"; "+line, nil, stderr) }
	file := func(name string) string {
		text, _ := os.ReadFile(filepath.Join(dir, name))
		return string(text)
	}
	// dead tells that the process whose number is in the file is no more.
	dead := func(name string) func() bool {
		return func() bool {
			stat, err := os.ReadFile("/proc/" + strings.TrimSpace(file(name)) + "/stat")
			return err != nil || strings.Contains(string(stat), ") Z ")
		}
	}

	It("has the data on its standard input, and the last word", func() {
		Expect(fill(run("cat > image"), data)).To(Succeed())
		Expect(file("image") == string(data)).To(BeTrue())
	})

	It("is run for an empty stream, too", func() {
		Expect(fill(run("wc -c > count"), nil)).To(Succeed())
		Expect(strings.TrimSpace(file("count"))).To(Equal("0"))
	})

	It("is not run before there is anything for it", func() {
		o := run("touch started")
		o.Abort(errLost)
		Expect(file("started")).To(BeEmpty())
		Expect(o.Close()).NotTo(Succeed())
		Expect(os.ReadDir(dir)).To(BeEmpty())
	})

	It("fails with its exit code and its last line, which a person sees, too", func() {
		Expect(fill(run("cat > image; echo first >&2; echo no room >&2; exit 3"), data)).To(MatchError("command: exit status 3: no room"))
		Expect(stderr.String()).To(Equal("first\nno room\n"))
	})

	It("fails when it ends badly before it has read all", func() {
		Expect(fill(run("head -c 1 > image; exit 4"), data)).To(MatchError("command: exit status 4"))
	})

	It("fails when a signal ends it", func() {
		Expect(fill(run("cat > image; kill -TERM $$"), data)).To(MatchError("command: signal: terminated"))
	})

	It("is content with less than all when it exits 0", func() {
		Expect(fill(run("head -c 10 > image"), data)).To(Succeed())
		Expect(file("image")).To(Equal("0123456789"))
	})

	It("may leave something running that holds its standard error", func() {
		Expect(fill(run("cat > image; sleep 1000 & echo $! > pid"), data)).To(Succeed())
		Expect(dead("pid")()).To(BeFalse())
		pid, err := strconv.Atoi(strings.TrimSpace(file("pid")))
		Expect(err).NotTo(HaveOccurred())
		left, err := os.FindProcess(pid)
		Expect(err).NotTo(HaveOccurred())
		Expect(left.Kill()).To(Succeed())
	})

	It("is killed with all it started when it is given up, while it reads nothing", func() {
		o := run("sleep 1000 & echo $! > child; echo $$ > shell; wait")
		end := filling(o, data)
		Eventually(func() string { return file("shell") }).ShouldNot(BeEmpty())
		o.Abort(errLost)
		Eventually(end).Should(Receive(HaveOccurred()))
		Eventually(dead("shell")).Should(BeTrue())
		Eventually(dead("child")).Should(BeTrue())
	})

	It("is killed when it is given up while it ends", func() {
		o := run("cat > image; echo $$ > shell; sleep 1000")
		end := filling(o, data)
		Eventually(func() string { return file("shell") }).ShouldNot(BeEmpty())
		o.Abort(errLost)
		Eventually(end).Should(Receive(MatchError("command: signal: killed")))
	})

	It("never takes a part for the whole", func() {
		for range 20 {
			o := run("cat > image; echo whole > verdict")
			Expect(o.Write(data)).To(Equal(len(data)))
			o.Abort(errLost)
			Expect(o.Close()).NotTo(Succeed())
			Expect(file("verdict")).To(BeEmpty())
		}
	})
})
