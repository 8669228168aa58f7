package main

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
)

func TestChainbench(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "chainbench")
}

var program string

var _ = BeforeSuite(func() {
	var err error
	program, err = gexec.Build("github.com/kadeploy/kadeploy/internal/chainbench")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(gexec.CleanupBuildArtifacts)
})
