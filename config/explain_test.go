package config_test

import (
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/config"
)

var _ = Describe("Explain", func() {
	explained := func(s *config.Snapshot, name, key string) []string {
		GinkgoHelper()
		list, err := s.Explain(name)
		Expect(err).NotTo(HaveOccurred())
		var rows []string
		for _, e := range list {
			if e.Key == key {
				Expect(e.Doc).NotTo(BeEmpty())
				rows = append(rows, e.Value+" ("+filepath.Base(e.Source)+")")
			}
		}
		return rows
	}

	It("says of every value where it was set", func() {
		site := minimal().
			and("deploy.conf", "ssh_port = 1\nchain_port = 1\ntest_deploy_env_port = 1").
			and("cluster-c.conf", "chain_port = 2\ntest_deploy_env_port = 2").
			and("nodes.conf", "n3 127.1.0.3 c test_deploy_env_port=3 drivers=a drivers=b mac=52:54:00:00:00:03").load()
		Expect(explained(site, "n3", "ssh_port")).To(Equal([]string{"1 (deploy.conf:1)"}))
		Expect(explained(site, "n3", "chain_port")).To(Equal([]string{"2 (cluster-c.conf:6)"}))
		Expect(explained(site, "n3", "test_deploy_env_port")).To(Equal([]string{"3 (nodes.conf:3)"}))
		Expect(explained(site, "n3", "drivers")).To(Equal([]string{"a,b (nodes.conf:3)"}))
		Expect(explained(site, "n3", "mac")).To(Equal([]string{"52:54:00:00:00:03 (nodes.conf:3)"}))
		Expect(explained(site, "n3", "reboot_window")).To(Equal([]string{"50 (default)"}))
		Expect(explained(site, "n1", "mac")).To(BeEmpty())
	})

	It("explains each macro-step by the file that decides it", func() {
		site := minimal().
			and("deploy.conf", "macrostep = BroadcastEnv|Chain:1:10\nmacrostep = BootNewEnv|HardReboot:1:200").
			and("cluster-c.conf", "macrostep = BroadcastEnv|Tree:2:20\nmacrostep = BroadcastEnv|Kascade:3:30").load()
		Expect(explained(site, "n1", "macrostep")).To(Equal([]string{
			"SetDeploymentEnv|SetDeploymentEnvUntrusted:3:200 (default)",
			"BroadcastEnv|Tree:2:20 (cluster-c.conf:6)",
			"BroadcastEnv|Kascade:3:30 (cluster-c.conf:7)",
			"BootNewEnv|HardReboot:1:200 (deploy.conf:2)",
		}))
	})

	It("shows what an HCL expression gives for the node", func() {
		f := minimal().without("deploy.conf")
		f["deploy.hcl"] = "\nkernel_params = \"host=${node.short}\"\n"
		Expect(explained(f.load(), "n2", "kernel_params")).To(Equal([]string{"host=n2 (deploy.hcl:2)"}))
	})

	It("has a row with a line of documentation for every parameter in force", func() {
		list, err := minimal().load().Explain("n1")
		Expect(err).NotTo(HaveOccurred())
		Expect(len(list)).To(BeNumerically(">", 60))
		for _, e := range list {
			Expect(e.Doc).NotTo(BeEmpty(), e.Key)
			Expect(e.Source).NotTo(BeEmpty(), e.Key)
			Expect(strings.HasPrefix(e.Doc, "ignored")).To(BeFalse(), e.Key)
		}
	})

	It("suggests a name for a node that there is not", func() {
		site := minimal().load()
		_, err := site.Explain("n11")
		Expect(err).To(MatchError(And(ContainSubstring(`no node is named "n11"`), ContainSubstring("did you mean"))))
		_, err = site.Explain("something-else")
		Expect(err).To(MatchError(Not(ContainSubstring("did you mean"))))
	})
})

var _ = Describe("ClientAddress", func() {
	DescribeTable("finds the server in the configuration directory",
		func(name, text, want string) {
			Expect(config.ClientAddress(files{name: text}.write())).To(Equal(want))
		},
		Entry("by default", "deploy.conf", "", "127.0.0.1:25300"),
		Entry("classic", "deploy.conf", "kadeploy_server = localhost\nkadeploy_server_port = 4000", "localhost:4000"),
		Entry("beside what it cannot read", "deploy.conf", "nonsense\nzzz = 1\nkadeploy_server_port = 4000", "127.0.0.1:4000"),
		Entry("HCL", "deploy.hcl", "kadeploy_server_port = 4000\nzzz = nothing", "127.0.0.1:4000"),
		Entry("the last of several", "deploy.conf", "kadeploy_server_port = 1\nkadeploy_server_port = 2", "127.0.0.1:2"),
	)
	DescribeTable("says why there is none",
		func(f files, problem string) {
			_, err := config.ClientAddress(f.write())
			Expect(err).To(MatchError(And(HavePrefix("server address: "), ContainSubstring(problem))))
		},
		Entry("no file", files{}, "no such file"),
		Entry("two files", files{"deploy.conf": "", "deploy.hcl": ""}, "both deploy.conf and deploy.hcl"),
		Entry("an address of others", files{"deploy.conf": "kadeploy_server = //x"}, "neither a name nor an address"),
		Entry("a port that is none", files{"deploy.conf": "kadeploy_server_port = x"}, "not a whole number"),
		Entry("HCL that cannot be read", files{"deploy.hcl": "kadeploy_server = /"}, "deploy.hcl:1:"),
	)
})
