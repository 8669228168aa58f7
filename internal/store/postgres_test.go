package store_test

import (
	"errors"
	"os/exec"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/store/pgtest"
)

var (
	theServer  *pgtest.Server
	errServer  error
	makeServer sync.Once
)

// postgres is the suite's server, which is made for the first spec that wants it; without one installed, the spec is skipped.
func postgres() *pgtest.Server {
	GinkgoHelper()
	makeServer.Do(func() { theServer, errServer = pgtest.New() })
	if errors.Is(errServer, exec.ErrNotFound) {
		Skip("no PostgreSQL server is installed (Debian: postgresql)")
	}
	Expect(errServer).NotTo(HaveOccurred())
	return theServer
}

var _ = AfterSuite(func() {
	if theServer != nil {
		Expect(theServer.Close()).To(Succeed())
	}
})
