package workflow_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/workflow"
)

// acts says of every micro-step whether it is to be written down before it begins.
var acts = map[workflow.Micro]bool{
	workflow.WaitReboot:       false,
	workflow.AwaitAgent:       false,
	workflow.CheckKernelFiles: false,
	workflow.Dummy:            false,

	workflow.MountDeployPart:    false,
	workflow.MountTmpPart:       false,
	workflow.UmountDeployPart:   false,
	workflow.Sync:               false,
	workflow.SendKeyInDeployEnv: false,
	workflow.SendKey:            false,

	workflow.SwitchPXE:            true,
	workflow.SetVLAN:              true,
	workflow.RebootNode:           true,
	workflow.PowerOn:              true,
	workflow.PowerOff:             true,
	workflow.PowerCycle:           true,
	workflow.RebootFromDeployEnv:  true,
	workflow.Kexec:                true,
	workflow.CheckNodes:           true, // it starts an agent
	workflow.SendDeploymentKernel: true,
	workflow.CreatePartitionTable: true,
	workflow.FormatDeployPart:     true,
	workflow.FormatTmpPart:        true,
	workflow.FormatSwapPart:       true,
	workflow.SendEnvironment:      true,
	workflow.DecompressEnv:        true,
	workflow.ManageAdminPre:       true,
	workflow.ManageAdminPost:      true,
	workflow.ManageUserPost:       true,
	workflow.CustomPre:            true,
	workflow.CustomSub:            true,
	workflow.CustomPost:           true,
	workflow.PhoneHome:            true,
	workflow.InstallBootloader:    true,
}

var _ = Describe("A micro-step", func() {
	It("is to be written down before it begins if it acts, and not if it waits, looks, or may be done again at any time", func() {
		for micro, want := range acts {
			Expect(micro.Acts()).To(Equal(want), string(micro))
		}
		Expect(workflow.Micro("of tomorrow").Acts()).To(BeTrue(), "in doubt it is")
	})

	It("that can be named in a configuration is judged here", func() {
		for _, micro := range workflow.Micros() {
			Expect(acts).To(HaveKey(micro))
		}
	})
})
