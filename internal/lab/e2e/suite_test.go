//go:build e2e

package e2e_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/lab"
)

func TestMain(m *testing.M) {
	lab.PlayRole()
	os.Exit(m.Run())
}

func TestEndToEnd(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(time.Minute)
	RunSpecs(t, "end to end")
}

// programs is the directory of the programs under test.
var programs string

var _ = BeforeSuite(func() {
	if err := lab.Check(); err != nil {
		if os.Getenv("CI") != "" {
			Fail(err.Error())
		}
		Skip(err.Error())
	}
	var err error
	if programs = os.Getenv("KADEPLOY_BIN"); programs == "" {
		programs = "../../../bin"
	}
	programs, err = filepath.Abs(programs)
	Expect(err).NotTo(HaveOccurred())
})
