package command_test

import (
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors/client"
	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/cmd/kadeploy/command"
)

var _ = Describe("Files that go to the server", func() {
	It("have a line at their begin, every five seconds, and at their end", func() {
		var out buffer
		now := time.Unix(0, 0)
		told := command.Uploads(&out, func() time.Time { return now })
		const mib = 1 << 20
		for i := range int64(7) { // a digest of 6 s
			told(client.UploadProgress{Path: "/home/ada/a.tar", Done: i * 100 * mib, Total: 600 * mib})
			now = now.Add(time.Second)
		}
		for i := range int64(7) {
			told(client.UploadProgress{Path: "/home/ada/a.tar", Sending: true, Done: i * 100 * mib, Total: 600 * mib})
			now = now.Add(time.Second)
		}
		told(client.UploadProgress{Path: "/home/ada/b.tgz", Sending: true, Done: 512, Total: 1024})
		now = now.Add(time.Second)
		told(client.UploadProgress{Path: "/home/ada/b.tgz", Sending: true, Done: 1024, Total: 1024})
		told(client.UploadProgress{Path: "/home/ada/b.tgz", Sending: true, Done: 1024, Total: 1024})
		told(client.UploadProgress{Path: "/home/ada/c\x1b[2J", Sending: true})
		Expect(strings.Split(out.String(), "\n")).To(Equal([]string{
			"digest /home/ada/a.tar: 83 % of 600.0 MiB, 100.0 MiB/s",
			"upload /home/ada/a.tar: 600.0 MiB, which the server may not read by itself",
			"upload /home/ada/a.tar: 83 % of 600.0 MiB, 100.0 MiB/s",
			"upload /home/ada/a.tar: 600.0 MiB is at the server, 100.0 MiB/s",
			"upload /home/ada/b.tgz: goes on after 512 B of 1.0 KiB",
			"upload /home/ada/b.tgz: 1.0 KiB is at the server, 512 B/s",
			"upload /home/ada/c [2J: 0 B is at the server",
			"",
		}))
	})

	It("are named when they cannot be brought", func() {
		f := newFake()
		f.refuse = &message.Refused{Code: message.Refusal_NEEDS_FILES, Text: "the server may not read /home/a.tar and 1 more files", Files: []string{"/home/a.tar", "/home/b\n.tgz"}}
		u := newUse(f)
		Expect(u.run("reboot", "-m", "node-1")).To(Equal(4))
		Expect(u.err.String()).To(Equal("kadeploy: the server may not read /home/a.tar and 1 more files\n  /home/a.tar\n  /home/b .tgz\n"))
	})
})
