package actors_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestImportDirections holds the arrows that ARCHITECTURE.md draws.
func TestImportDirections(t *testing.T) {
	const us = "github.com/kadeploy/kadeploy/"
	const protoactor = "github.com/asynkron/protoactor-go/"
	for _, rule := range []struct {
		pkg       string
		forbidden []string
		allowed   []string // of the project; everything else of it is forbidden when not nil
	}{
		{pkg: "internal/workflow", forbidden: []string{protoactor}, allowed: []string{}},
		{pkg: "internal/topology", forbidden: []string{protoactor}, allowed: []string{"internal/nodeset"}},
		{pkg: "internal/rights", forbidden: []string{protoactor}, allowed: []string{"internal/nodeset"}},
		{pkg: "chain", forbidden: []string{protoactor}, allowed: []string{}},
		{pkg: "supervisor", allowed: []string{}},
		{pkg: "pxe", forbidden: []string{protoactor, us + "actors"}},
		{pkg: "config", forbidden: []string{protoactor, us + "actors"}, allowed: []string{"internal/workflow", "internal/nodeset", "internal/compress", "internal/blockdev", "internal/disklayout", "internal/credentials"}},
		{pkg: "internal/agent", forbidden: []string{protoactor, us + "actors", us + "supervisor"}},
		{pkg: "internal/agentlink", forbidden: []string{protoactor, us + "actors", us + "supervisor"}},
		{pkg: "internal/sandbox", forbidden: []string{protoactor, us + "actors", us + "supervisor"}},
		{pkg: "internal/credentials", forbidden: []string{protoactor}, allowed: []string{}},
		{pkg: "internal/disklayout", forbidden: []string{protoactor}, allowed: []string{"internal/blockdev"}},
		{pkg: "internal/power", forbidden: []string{protoactor, us + "actors", us + "supervisor"}},
		{pkg: "internal/console", forbidden: []string{protoactor}, allowed: []string{"internal/process", "internal/wording"}},
		{pkg: "internal/sshclient", forbidden: []string{protoactor}, allowed: []string{}},
		{pkg: "internal/prodsystem", forbidden: []string{protoactor, us + "actors", us + "supervisor"}},
		{pkg: "internal/depot", forbidden: []string{protoactor}, allowed: []string{"internal/wording"}},
		{pkg: "internal/imagecache", forbidden: []string{protoactor}, allowed: []string{"internal/wording"}},
		{pkg: "internal/catalogue", forbidden: []string{protoactor}, allowed: []string{}},
		{pkg: "internal/store", forbidden: []string{protoactor}, allowed: []string{"internal/wording", "internal/store/fit", "internal/rights", "internal/nodeset"}},
		{pkg: "internal/mysqldump", forbidden: []string{protoactor}, allowed: []string{}},
		{pkg: "internal/kadeploy3", forbidden: []string{protoactor, us + "actors", us + "supervisor"}},
		{pkg: "internal/pki", forbidden: []string{protoactor}, allowed: []string{}},
		{pkg: "internal/enrol", forbidden: []string{protoactor}, allowed: []string{"internal/pki"}},
		{pkg: "internal/image", forbidden: []string{protoactor, us + "actors", us + "supervisor"}},
		{pkg: "internal/initramfs", forbidden: []string{protoactor}, allowed: []string{"internal/initramfs/layout", "internal/compress", "internal/process"}},
		{pkg: "internal/deploysystem", forbidden: []string{protoactor, us + "actors", us + "supervisor"}},
		{pkg: "cmd/kadeploy-agent", forbidden: []string{protoactor, us + "actors", us + "supervisor"}},
		{pkg: "cmd/kadeploy", forbidden: []string{us + "internal/sandbox", us + "chain", us + "pxe"}},
	} {
		for _, dep := range depsOf(t, us+rule.pkg) {
			for _, no := range rule.forbidden {
				if strings.HasPrefix(dep, no) {
					t.Errorf("%s imports %s", rule.pkg, dep)
				}
			}
			name, ours := strings.CutPrefix(dep, us)
			if ours && rule.allowed != nil && name != rule.pkg && !contains(rule.allowed, name) {
				t.Errorf("%s imports %s of the project", rule.pkg, name)
			}
		}
	}
}

func contains(all []string, one string) bool {
	for _, s := range all {
		if s == one {
			return true
		}
	}
	return false
}

func depsOf(t *testing.T, pkg string) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", pkg).Output()
	if err != nil {
		t.Fatalf("go list -deps %s: %v", pkg, err)
	}
	return strings.Fields(string(out))
}
