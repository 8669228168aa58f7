package agent_test

import (
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/agent"
)

const cmdline = "BOOT_IMAGE=vmlinuz console=ttyS0,115200 kadeploy.server=127.0.0.1:25301 kadeploy.node=node-1 kadeploy.token=abc kadeploy.pin=" + pin + " kadeploy.marker=25300 quiet"

const pin = "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

var _ = Describe("The kernel command line", func() {
	It("says where to call, who it is and how to prove it", func() {
		Expect(agent.ParseCmdline(cmdline)).To(Equal(agent.Boot{Server: "127.0.0.1:25301", Node: "node-1", Token: "abc", Pin: pin, Marker: 25300}))
	})

	It("counts the last of a word given twice", func() {
		b, err := agent.ParseCmdline(cmdline + " kadeploy.node=node-2")
		Expect(err).NotTo(HaveOccurred())
		Expect(b.Node).To(Equal("node-2"))
	})

	DescribeTable("names the word that is wrong, never the token",
		func(old, new, want string) {
			_, err := agent.ParseCmdline(strings.Replace(cmdline, old, new, 1))
			Expect(err).To(MatchError(ContainSubstring(want)))
			Expect(err.Error()).NotTo(ContainSubstring("abc"))
		},
		Entry("no server", "kadeploy.server=127.0.0.1:25301", "", "kadeploy.server"),
		Entry("a server without port", ":25301", "", `kadeploy.server="127.0.0.1"`),
		Entry("no node", "kadeploy.node=node-1", "kadeploy.node", "kadeploy.node"),
		Entry("no token", "kadeploy.token=abc", "", "kadeploy.token"),
		Entry("a long token", "=abc", "="+strings.Repeat("abc", 100), "kadeploy.token"),
		Entry("no pin", "kadeploy.pin="+pin, "", "kadeploy.pin"),
		Entry("a pin that is none", "kadeploy.pin=sha256", "kadeploy.pin=sha1", "kadeploy.pin"),
		Entry("a pin of a kilobyte", "kadeploy.pin=", "kadeploy.pin="+strings.Repeat("q", 1000), "kadeploy.pin"),
		Entry("no marker", "kadeploy.marker=25300", "", "kadeploy.marker"),
		Entry("a marker that is no port", "=25300", "=65536", "kadeploy.marker"),
		Entry("a megabyte", "quiet", strings.Repeat("q", 1<<20), "more than 4096"),
	)
})

// FuzzParseCmdline looks for lines that are accepted without saying everything.
func FuzzParseCmdline(f *testing.F) {
	f.Add(cmdline)
	f.Add("kadeploy.server=[::1]:1 kadeploy.node== kadeploy.token=\x00 kadeploy.marker=1")
	f.Add("kadeploy.server kadeploy.marker=-1")
	f.Fuzz(func(t *testing.T, line string) {
		b, err := agent.ParseCmdline(line)
		if err == nil && (b.Server == "" || b.Node == "" || b.Token == "" || b.Pin == "" || b.Marker < 1 || b.Marker > 65535) {
			t.Fatalf("accepted %q as %+v", line, b)
		}
	})
}
