package config_test

import (
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/workflow"
)

var _ = Describe("A file of custom operations", func() {
	It("may be written as in 2009", func() {
		customs, problems := config.ParseCustomOperations([]byte("# of 2009\nBroadcastEnvChain,send_key@exec%date > /d%,send%key.pub%/rambin\n"), "/srv/site/ops")
		Expect(problems).To(BeEmpty())
		Expect(customs).To(Equal([]workflow.Customs{{
			Macro: workflow.BroadcastEnv, Instance: "Chain", Micro: workflow.SendKey,
			Pre: []workflow.Custom{
				{Name: "exec-1", Do: workflow.Exec, Command: "date > /d"},
				{Name: "send-2", Do: workflow.Send, File: "/srv/site/key.pub", Destination: "/rambin"},
			}}}))
	})

	It("may be the YAML of Kadeploy3", func() {
		customs, problems := config.ParseCustomOperations([]byte(`---
SetDeploymentEnv:
  format_deploy_part:
    substitute:
      - name: own
        action: run
        file: mkfs.sh
        params: -f ext4
        timeout: 10
        retries: 2
        scattering: tree
`), "/srv/ops.yaml")
		Expect(problems).To(BeEmpty())
		Expect(customs).To(Equal([]workflow.Customs{{
			Macro: workflow.SetDeploymentEnv, Micro: workflow.FormatDeployPart,
			Substitute: []workflow.Custom{{Name: "own", Do: workflow.RunFile, File: "/srv/mkfs.sh", Params: "-f ext4", Timeout: 10 * time.Second, Retries: 2}},
		}}))
	})

	DescribeTable("that is wrong says where, and what would be right",
		func(text, want string) {
			customs, problems := config.ParseCustomOperations([]byte(text), "/srv/ops")
			Expect(customs).To(BeNil())
			Expect(problems.Error()).To(ContainSubstring(want))
		},
		Entry(nil, "BroadcastEnv,snc@exec%true%", `/srv/ops:1:1: error: custom operations: unknown micro-step "snc", did you mean "sync"?`),
		Entry(nil, "BroadcastEnv,sync@exce%true%", `/srv/ops:1:19: error: custom operation: "exce%true%" is neither send%FILE%DIRECTORY nor exec%COMMAND%`),
		Entry(nil, "BroadcastEnv,sync@exec%true%\nnonsense", "/srv/ops:2:1: error: not a custom operation"),
		Entry(nil, "Broadcast: {sync: {}}", `/srv/ops:1:13: error: custom operations: unknown macro-step "Broadcast"`),
		Entry(nil, "BroadcastEnv: {sync: {before: []}}", "/srv/ops:1:23: error:"),
		Entry(nil, "BroadcastEnv: {sync: {pre-ops: [{action: send, file: x, destination: tmp}]}}", "send needs an absolute destination"),
		Entry(nil, "BroadcastEnv: {sync: {pre-ops: [{action: run, file: 'http://x/y'}]}}", "cannot be fetched"),
		Entry(nil, "BroadcastEnv: {sync: {pre-ops: [{action: exec}]}}", "exec needs a command"),
		Entry(nil, "", "the file is empty"),
	)
})

var _ = Describe("A file of custom operations with aliases", func() {
	It("is refused before it multiplies", func() {
		var text strings.Builder
		text.WriteString("SetDeploymentEnv: &m\n")
		for range 2000 {
			text.WriteString("  sync: &o {pre-ops: [{action: exec, command: 'true'}]}\n")
		}
		for range 2000 {
			text.WriteString("BroadcastEnv: *m\n")
		}
		customs, problems := config.ParseCustomOperations([]byte(text.String()), "/srv/ops")
		Expect(customs).To(BeNil())
		Expect(problems.Error()).To(ContainSubstring("sync is already on line 2"))
	})
})
