package labsite

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/kadeploy/kadeploy/internal/lab"
	"github.com/kadeploy/kadeploy/internal/lab/labimage"
)

// BootFiles has `kadeploy-server mkenv`, of the directory of programs, make the deployment system for a kernel, and returns the directory
// of what it made. It is made anew when the programs have changed.
func BootFiles(programs string, k lab.Kernel) (string, error) {
	server, agent := filepath.Join(programs, "kadeploy-server"), filepath.Join(programs, "kadeploy-agent")
	return labimage.MadeFrom("deployment-system", []string{server, agent, k.Image}, func(dir string) error {
		if out, err := exec.Command(server, "mkenv", "-o", dir, "--agent", agent, "--kernel", k.Image, "--modules", k.Modules).CombinedOutput(); err != nil {
			return fmt.Errorf("kadeploy-server mkenv: %w: %s", err, out)
		}
		return os.Chmod(dir, 0o755)
	})
}
