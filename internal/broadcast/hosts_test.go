package broadcast_test

import (
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/broadcast"
)

var _ = Describe("the machines of a broadcast", func() {
	var hosts *broadcast.Hosts

	BeforeEach(func() { hosts = &broadcast.Hosts{} })
	list := func() (all []string) {
		for _, l := range hosts.Links() {
			all = append(all, l.Name+"="+l.Addr)
		}
		return all
	}

	DescribeTable("are read as people write them", func(set string, want ...string) {
		Expect(hosts.Add("-N", set)).To(Succeed())
		Expect(list()).To(Equal(want))
	},
		Entry("a name", "n1", "n1=n1:25303"),
		Entry("several, not sorted", "n10,n2.site", "n10=n10:25303", "n2.site=n2.site:25303"),
		Entry("a port", "n1:80", "n1:80=n1:80"),
		Entry("a range", "n-[9-10]", "n-9=n-9:25303", "n-10=n-10:25303"),
		Entry("a range with a comma and a port", "n[1,3]:7,m", "n1:7=n1:7", "n3:7=n3:7", "m=m:25303"),
		Entry("a range of ports", "127.0.0.1:[7-8]", "127.0.0.1:7=127.0.0.1:7", "127.0.0.1:8=127.0.0.1:8"),
		Entry("an address", "10.0.0.7", "10.0.0.7=10.0.0.7:25303"),
		Entry("IPv6", "[::1],n1,[fe80::1%eth0]:80", "[::1]=[::1]:25303", "n1=n1:25303", "[fe80::1%eth0]:80=[fe80::1%eth0]:80"),
	)

	DescribeTable("are refused with the place of the fault", func(set, want string) {
		Expect(hosts.Add("-N", set)).To(MatchError("-N: " + want))
	},
		Entry("no name", "n1,,n2", `"": empty name`),
		Entry("an open range", "n[1-3", `"n[1-3": [ without ]`),
		Entry("IPv6 without brackets", "::1", "::1: an IPv6 address goes in brackets: [::1]"),
		Entry("IPv6 that is none", "[::x]", `"[::x]": ::x is not an IPv6 address`),
		Entry("too many colons", "a:b:c", `"a:b:c": want HOST, HOST:PORT or [IPv6]:PORT`),
		Entry("a port that is none", "n1:http", `"n1:http": the port is a number from 1 to 65535`),
		Entry("port 0", "n1:0", `"n1:0": the port is a number from 1 to 65535`),
		Entry("a user", "root@n1", `"root@n1": want HOST, HOST:PORT or [IPv6]:PORT`),
		Entry("a blank", "n1 n2", `"n1 n2": want HOST, HOST:PORT or [IPv6]:PORT`),
		Entry("the same twice", "n[1-3],n2:25303", "n2:25303 is named twice, first by -N"),
	)

	It("come from files, too, where a line may come again", func() {
		name := filepath.Join(GinkgoT().TempDir(), "nodes")
		Expect(os.WriteFile(name, []byte("# my nodes\nn1\nn1 # again\n\nn[2-3]:80\n"), 0o600)).To(Succeed())
		Expect(hosts.AddFile(name, nil)).To(Succeed())
		Expect(hosts.AddFile("-", strings.NewReader("n4\nn1"))).To(Succeed())
		Expect(list()).To(Equal([]string{"n1=n1:25303", "n2:80=n2:80", "n3:80=n3:80", "n4=n4:25303"}))
	})

	DescribeTable("are refused with the line of a file", func(text, want string) {
		Expect(hosts.AddFile("-", strings.NewReader(text))).To(MatchError(ContainSubstring(want)))
	},
		Entry("a bad name", "n1\nn2[\n", `-:2: "n2[": [ without ]`),
		Entry("nothing in it", "# nothing\n", "-: no host in it"),
	)
})
