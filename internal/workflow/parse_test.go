package workflow_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/workflow"
)

var _ = Describe("ParseMacrostep", func() {
	It("reads instances in their order, with tries and seconds of each try", func() {
		macro, specs, err := workflow.ParseMacrostep("SetDeploymentEnv|SetDeploymentEnvProd:1:120,SetDeploymentEnvUntrusted:2:400")
		Expect(err).NotTo(HaveOccurred())
		Expect(macro).To(Equal(workflow.SetDeploymentEnv))
		Expect(specs).To(Equal([]workflow.Spec{
			{Name: "Prod", Tries: 1, Timeout: 120 * time.Second},
			{Name: "Untrusted", Tries: 2, Timeout: 400 * time.Second},
		}))
	})

	It("takes bare instance names and blanks around everything", func() {
		macro, specs, err := workflow.ParseMacrostep(" \tBootNewEnv | Classical : 0 : 0 ,\tBootNewEnvHardReboot:2:300 ")
		Expect(err).NotTo(HaveOccurred())
		Expect(macro).To(Equal(workflow.BootNewEnv))
		Expect(specs).To(Equal([]workflow.Spec{
			{Name: "Classical"},
			{Name: "HardReboot", Tries: 2, Timeout: 300 * time.Second},
		}))
	})

	It("knows every instance of Kadeploy3 by its full name", func() {
		for _, macro := range []workflow.Macro{workflow.SetDeploymentEnv, workflow.BroadcastEnv, workflow.BootNewEnv} {
			for _, name := range workflow.Instances(macro) {
				_, specs, err := workflow.ParseMacrostep(string(macro) + "|" + string(macro) + name + ":1:1")
				Expect(err).NotTo(HaveOccurred())
				Expect(specs[0].Name).To(Equal(name))
			}
		}
	})

	DescribeTable("says where a value is wrong and what would be right",
		func(value string, offset int, text string) {
			_, _, err := workflow.ParseMacrostep(value)
			var syntax *workflow.SyntaxError
			Expect(errors.As(err, &syntax)).To(BeTrue(), "a SyntaxError, got %v", err)
			Expect(syntax.Offset).To(Equal(offset))
			Expect(syntax.Msg).To(ContainSubstring(text))
			Expect(err.Error()).To(And(ContainSubstring(syntax.Msg), Not(ContainSubstring("\n"))))
		},
		Entry("nothing", "", 0, "expected SetDeploymentEnv, BroadcastEnv, BootNewEnv"),
		Entry("no instances", "BroadcastEnv", 12, "BroadcastEnv|INSTANCE:TRIES:SECONDS"),
		Entry("a misspelt macro-step", "  BrodcastEnv|Chain:1:1", 2, `did you mean "BroadcastEnv"?`),
		Entry("a macro-step of another kind", "Reboot|Simple:1:1", 0, `unknown macro-step "Reboot": expected`),
		Entry("a misspelt instance", "BroadcastEnv|BroadcastEnvKastafoir:1:1", 13, `did you mean "Kastafior"?`),
		Entry("an instance in small letters", "BroadcastEnv| chain:1:1", 14, `did you mean "Chain"?`),
		Entry("nothing like an instance", "BroadcastEnv|Pigeons:1:1", 13, `"Pigeons": expected Chain, Tree`),
		Entry("an instance of another macro-step", "BroadcastEnv|Untrusted:1:1", 13, `no instance "Untrusted": expected`),
		Entry("the macro-step as its instance", "BroadcastEnv|BroadcastEnv:1:1", 13, `no instance "BroadcastEnv"`),
		Entry("an empty instance", "BroadcastEnv|Chain:1:1, ", 24, `expected INSTANCE:TRIES:SECONDS, got ""`),
		Entry("a missing number", "BroadcastEnv|Chain:1", 13, `expected INSTANCE:TRIES:SECONDS, got "Chain:1"`),
		Entry("a number too many", "BroadcastEnv|Chain:1:2:3", 13, "expected INSTANCE:TRIES:SECONDS"),
		Entry("tries that are no number", "BroadcastEnv|Chain: two:1", 20, `tries must be a number, got "two"`),
		Entry("negative tries", "BroadcastEnv|Chain:-1:1", 19, `tries must be a number, got "-1"`),
		Entry("too many tries", "BroadcastEnv|Chain:101:1", 19, "tries must be at most 100"),
		Entry("no seconds", "BroadcastEnv|Chain:1:", 21, `seconds must be a number, got ""`),
		Entry("seconds beyond a week", "BroadcastEnv|Chain:1:604801", 21, "seconds must be at most 604800"),
		Entry("seconds beyond any number", "BroadcastEnv|Chain:1:"+strings.Repeat("9", 400), 21, "seconds must be at most"),
		Entry("the second instance", "BroadcastEnv|Chain:1:1,Tree:x:1", 28, "tries must be a number"),
		Entry("too many instances", "BroadcastEnv|Chain:1:1"+strings.Repeat(",Tree:1:1", 64), 22+1+9*63, "more than 64 instances"),
		Entry("a value without end", "BroadcastEnv|"+strings.Repeat("x", 1<<16), 13, "expected INSTANCE:TRIES:SECONDS"),
	)
})

var _ = Describe("Supported", func() {
	It("can do the instances that need no foreign tools", func() {
		var supported []string
		for _, macro := range []workflow.Macro{workflow.SetDeploymentEnv, workflow.BroadcastEnv, workflow.BootNewEnv, workflow.Reboot} {
			for _, name := range workflow.Instances(macro) {
				if ok, reason := workflow.Supported(macro, name); ok {
					supported = append(supported, string(macro)+name)
				} else {
					Expect(reason).NotTo(BeEmpty())
				}
			}
		}
		Expect(supported).To(Equal([]string{
			"SetDeploymentEnvUntrusted", "SetDeploymentEnvKexec", "SetDeploymentEnvUntrustedCustomPreInstall", "SetDeploymentEnvProd",
			"SetDeploymentEnvNfsroot", "SetDeploymentEnvDummy",
			"BroadcastEnvChain", "BroadcastEnvTree", "BroadcastEnvKastafior", "BroadcastEnvKascade", "BroadcastEnvDummy",
			"BootNewEnvClassical", "BootNewEnvKexec", "BootNewEnvHardReboot", "BootNewEnvDummy",
			"RebootSimple", "RebootDeployEnv", "RebootRecordedEnv",
		}))
	})

	It("gives the reason for the others", func() {
		_, reason := workflow.Supported(workflow.BootNewEnv, "PivotRoot")
		Expect(reason).To(Equal("was never implemented in Kadeploy3 either"))
		_, reason = workflow.Supported(workflow.BootNewEnv, "Untrusted")
		Expect(reason).To(HavePrefix("is not an instance of BootNewEnv"))
	})

	It("knows no instance of an unknown macro-step", func() {
		Expect(workflow.Instances("Sleep")).To(BeEmpty())
	})
})

var _ = DescribeTable("FromRetries counts the first try as well",
	func(retries, tries int) { Expect(workflow.FromRetries(retries)).To(Equal(tries)) },
	Entry(nil, 0, 1),
	Entry(nil, 2, 3),
	Entry(nil, -1, 1),
)

// FuzzParseMacrostep: an error points into the value, and what was read can be written and read again.
func FuzzParseMacrostep(f *testing.F) {
	f.Add("SetDeploymentEnv|SetDeploymentEnvProd:1:120,SetDeploymentEnvUntrusted:2:400")
	f.Add(" BroadcastEnv | Chain : 0 : 0 ")
	f.Add("BootNewEnv|,")
	f.Add("BootNewEnv|\xff:1:1")
	f.Fuzz(func(t *testing.T, value string) {
		macro, specs, err := workflow.ParseMacrostep(value)
		if err != nil {
			var syntax *workflow.SyntaxError
			if !errors.As(err, &syntax) || syntax.Offset < 0 || syntax.Offset > len(value) || strings.ContainsAny(syntax.Msg, "\r\n") {
				t.Fatalf("%q: %#v", value, err)
			}
			return
		}
		written := write(macro, specs)
		_, again, err := workflow.ParseMacrostep(written)
		if err != nil || write(macro, again) != written {
			t.Fatalf("%q was read as %v, then as %v, %v", value, specs, again, err)
		}
	})
}

func write(macro workflow.Macro, specs []workflow.Spec) string {
	var items []string
	for _, s := range specs {
		items = append(items, string(macro)+s.Name+":"+itoa(s.Tries)+":"+itoa(int(s.Timeout.Seconds())))
	}
	return string(macro) + "|" + strings.Join(items, ",")
}
