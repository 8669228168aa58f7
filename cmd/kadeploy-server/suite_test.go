package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"

	"github.com/kadeploy/kadeploy/internal/demoimage"
)

// built holds the three programs (bin/) and the images of the demonstration (images/), made once for all tests. Another
// user must be able to reach them.
var built string

func TestMain(m *testing.M) {
	code, err := withPrograms(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func withPrograms(run func() int) (code int, err error) {
	if built, err = os.MkdirTemp("", "kadeploy-server-test-"); err != nil {
		return 0, err
	}
	defer os.RemoveAll(built)
	if err := os.Chmod(built, 0o755); err != nil {
		return 0, err
	}
	build := exec.Command("go", "build", "-o", filepath.Join(built, "bin")+"/", "../kadeploy", "../kadeploy-server", "../kadeploy-agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as they are shipped: an agent is to be static
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build: %w\n%s", err, out)
	}
	if _, _, err := demoimage.Make(filepath.Join(built, "images", "debian.tar.zst"), ""); err != nil {
		return 0, err
	}
	return run(), nil
}

func TestSpecs(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "kadeploy-server")
}

var _ = BeforeEach(func() {
	before := gleak.Goroutines()
	DeferCleanup(func() { Eventually(gleak.Goroutines, "5s").ShouldNot(gleak.HaveLeaked(before)) })
})
