package command_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/cmd/kadeploy/command"
)

var _ = DescribeTable("A link of the old name is the old command", func(name, understood string) {
	f := newFake()
	f.rights = &message.Rights{}
	u := newUse(f)
	code := command.Run(context.Background(), command.Config{Dial: f.Dial, Interrupts: nil, Stdin: nil, Stdout: &u.out, Stderr: &u.err, Getenv: func(string) string { return "" }},
		[]string{name, "-x"})
	Expect(code).To(Equal(2))
	Expect(u.err.String()).To(ContainSubstring("see kadeploy " + understood + " --help"))
},
	Entry(nil, "karights3", "karights"), Entry(nil, "/usr/bin/karights", "karights"), Entry(nil, "kaenv3", "kaenv"), Entry(nil, "kastat3", "stats"), Entry(nil, "./kastat", "stats"),
	Entry(nil, "kapower3", "kapower"), Entry(nil, "/usr/bin/kareboot3", "reboot"), Entry(nil, "kaconsole3", "console"),
)
