package power_test

import (
	"context"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/power"
)

var _ = Describe("Groups of nodes", func() {
	target := func(short string) power.Target { return power.Target{Name: short + ".lab", Short: short} }

	It("are read from a file, a line each, by full or short names and sets of them", func() {
		file := filepath.Join(GinkgoT().TempDir(), "groups")
		Expect(os.WriteFile(file, []byte("# strip 1\nn-1,n-2 , n-3\n\nn-[4-5].lab # strip 2\nn-[\n"), 0o600)).To(Succeed())
		Expect(power.FindGroup(file, target("n-2"))).To(Equal([]string{"n-1", "n-2", "n-3"}))
		Expect(power.FindGroup(file, target("n-5"))).To(Equal([]string{"n-4.lab", "n-5.lab"}))
		_, err := power.FindGroup(file, target("n-6"))
		Expect(err).To(MatchError(HavePrefix(file + ":5: ")))
		Expect(os.WriteFile(file, []byte("n-1\n"), 0o600)).To(Succeed())
		_, err = power.FindGroup(file, target("n-6"))
		Expect(err).To(MatchError(file + " has no group with n-6.lab"))
	})

	It("are named to their command, which is run once", func() {
		out := filepath.Join(GinkgoT().TempDir(), "out")
		var targets []power.Target
		for _, short := range []string{"n-1", "n-2"} {
			t := target(short)
			t.Commands = map[string]config.Command{"reboot_hard": {Argv: []string{"sh", "-c", `echo "$@" >> "$0"`, out, "GROUP_FQDN", "--on=GROUP_SHORT", "HOSTNAME_SHORT"}, Group: "groups"}}
			targets = append(targets, t)
		}
		Expect(power.Command{}.DoGroup(context.Background(), targets, power.OpReboot, power.Hard)).To(Succeed())
		Expect(os.ReadFile(out)).To(BeEquivalentTo("n-1.lab,n-2.lab --on=n-1,n-2 n-1\n"))
		targets[0].Name = "-rf"
		Expect(power.Command{}.DoGroup(context.Background(), targets, power.OpReboot, power.Hard)).To(MatchError(ContainSubstring("read as an option")))
	})
})
