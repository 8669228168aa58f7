package config_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/workflow"
)

// fuzzFile loads the minimal site with one file replaced, and checks what Load promises of any input.
func fuzzFile(f *testing.F, name string, seeds ...string) { fuzzFileOf(f, minimal(), name, seeds...) }

// fuzzFileOf is fuzzFile for another site.
func fuzzFileOf(f *testing.F, site files, name string, seeds ...string) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	if base, isHCL := strings.CutSuffix(name, ".hcl"); isHCL {
		delete(site, base+".conf") // the same file in the other syntax
	}
	dir := f.TempDir()
	for other, text := range site {
		if err := os.WriteFile(filepath.Join(dir, other), []byte(text), 0o600); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, diagnostics := config.Load(dir)
		checkDiagnostics(t, diagnostics)
		if (s == nil) != diagnostics.HasErrors() {
			t.Fatalf("snapshot %v with %v", s, diagnostics)
		}
		if s != nil {
			checkSnapshot(t, s)
		}
	})
}

// checkDiagnostics: every remark can be printed and stays on its lines.
func checkDiagnostics(t *testing.T, diagnostics config.Diagnostics) {
	if err := diagnostics.WriteText(io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, d := range diagnostics {
		if d.Summary == "" || strings.ContainsFunc(d.String(), unicode.IsControl) {
			t.Fatalf("unreadable: %q", d)
		}
		if d.Line > 0 && d.Column < 1 {
			t.Fatalf("no column: %+v", d)
		}
	}
}

// checkSnapshot: what was accepted is within its bounds, and every value can be explained.
func checkSnapshot(t *testing.T, s *config.Snapshot) {
	for _, n := range s.Nodes[:min(len(s.Nodes), 10)] {
		if !n.Addr.Is4() || n.SSHPort < 1 || n.TimeoutReboot <= 0 || n.DeployKernel == "" || n.DeployPart == "" {
			t.Fatalf("accepted: %+v", n)
		}
		for _, text := range []string{n.Name, n.Cluster, n.KernelParams, n.DeployKernelArgs, n.BlockDevice, n.ExtractionDir} {
			if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }) {
				t.Fatalf("control characters accepted: %q", text)
			}
		}
		for _, macro := range []workflow.Macro{workflow.SetDeploymentEnv, workflow.BroadcastEnv, workflow.BootNewEnv} {
			if len(n.Macrosteps[macro]) == 0 {
				t.Fatalf("no %s", macro)
			}
		}
		for kind, command := range n.Commands {
			if len(command.Argv) == 0 {
				t.Fatalf("empty command %s", kind)
			}
		}
		if _, err := s.Explain(n.Name); err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzClassicFile(f *testing.F) {
	fuzzFile(f, "deploy.conf", fixture(f, "classic/deploy.conf"), fixture(f, "classic/cluster-blue.conf"), fixture(f, "classic/cluster-red.conf"),
		"a = b = c\n=\n #\n\tssh_port=1", "minnodes = 101%", "drivers = a\ndrivers = b,c", "cmd_console = 'a \\' \"b\\\"\"")
}

func FuzzClassicCluster(f *testing.F) {
	fuzzFile(f, "cluster-c.conf", fixture(f, "classic/cluster-blue.conf"), fixture(f, "classic/cluster-red.conf"))
}

func FuzzNodes(f *testing.F) {
	fuzzFile(f, "nodes.conf", fixture(f, "classic/nodes.conf"), "n[1-3] 127.1.0.[1-3] c\n", `n 127.0.0.1 c kernel_params="a 'b" x=1 mac=1 # c`, "[1][2] 127.0.0.1 c")
}

func FuzzCommands(f *testing.F) {
	fuzzFile(f, "cmd", fixture(f, "classic/cmd"), "n1|reboot_hard|a|b\nn[1-2]|console|'x'", "n1|reboot_soft_rsh|", "||", "n1|cmd_very_hard_power_off|a,b")
}

func FuzzHCLFile(f *testing.F) {
	fuzzFile(f, "deploy.hcl", fixture(f, "hcl/deploy.hcl"), fixture(f, "hcl/cluster-blue.hcl"), fixture(f, "hcl/cluster-red.hcl"),
		`kernel_params = "${node.name}"`, `retries = { a = null }`, "drivers = [for x in [1] : x]", `macrostep "x" { instance "y" {} }`)
}

func FuzzHCLNodes(f *testing.F) {
	fuzzFile(f, "nodes.hcl", fixture(f, "hcl/nodes.hcl"), `node "n[1-2]" {
  cluster = "c"
  address = "127.1.0.[1-2]"
}`)
}

func FuzzTimeoutExpression(f *testing.F) {
	for _, seed := range []string{"200 + 150*log(n)", "max(1,min(2,3))/(4-n)", "300ms", "1e309", "--1", "Math.sqrt(n)", "((((", "n n"} {
		f.Add(seed)
	}
	dir := f.TempDir()
	for name, text := range minimal() {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsAny(text, "\r\n") {
			return
		}
		if err := os.WriteFile(filepath.Join(dir, "deploy.conf"), []byte("timeout_reboot = "+text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, diagnostics := config.Load(dir)
		checkDiagnostics(t, diagnostics)
		if s != nil {
			checkSnapshot(t, s)
		}
	})
}

// fuzzDescription checks what ParseEnvironment promises of any text.
func fuzzDescription(f *testing.F, name string, seeds ...string) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		e, diagnostics := config.ParseEnvironment(text, "/srv/"+name)
		checkDiagnostics(t, diagnostics)
		if (e == nil) != diagnostics.HasErrors() {
			t.Fatalf("environment %v with %v", e, diagnostics)
		}
		if e == nil {
			return
		}
		if e.Name == "" || e.OS == "" || e.Image.Kind != "tar" && e.Image.Kind != "dd" || e.Image.Compression == "" {
			t.Fatalf("accepted: %+v", e)
		}
		if !filepath.IsAbs(e.Image.Path) && !strings.HasPrefix(e.Image.Path, "http") {
			t.Fatalf("image is nowhere: %q", e.Image.Path)
		}
		for _, value := range []string{e.Name, e.Kernel, e.Initrd, e.KernelParams, e.Filesystem, e.PartitionType, e.Image.Path} {
			if strings.ContainsAny(value, "\n\r\x00") {
				t.Fatalf("line breaks accepted: %q", value)
			}
		}
	})
}

func FuzzDescription2009(f *testing.F) {
	fuzzDescription(f, "a.env", fixture(f, "descriptions/2009.txtar"), "name : x\ntarball : a|ddgz|\nenvironment_kind : other\nfdisktype : 0")
}

func FuzzDescriptionYAML(f *testing.F) {
	fuzzDescription(f, "a.yaml", "name: x\nos: other\nimage: {file: a, kind: dd}\n", "a: &a [*a]", "name: x\n---\n", "? a\n: b", "<<: {name: x}", "name: !!binary aGVsbG8=\n")
}

func FuzzDescriptionHCL(f *testing.F) {
	fuzzDescription(f, "a.hcl", "name = \"x\"\nos = \"other\"\nimage {\n  file = \"a\"\n  kind = \"dd\"\n}\n", "name = <<E\nx\nE\n", "a = [[[", `name = "${"x"}"`)
}

func fixture(f *testing.F, name string) string {
	text, err := os.ReadFile(filepath.Join(fixtures, name))
	if err != nil {
		f.Fatal(err)
	}
	return string(text)
}

func FuzzLayout(f *testing.F) {
	fuzzFileOf(f, layoutSite(), "layout.hcl", layoutText, `label = "dos"
		partition "prod" { size = "1GiB" }
		partition "deploy" { size = "rest" }`)
}
