package config_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/kadeploy/kadeploy/config"
)

// The texts that users read are files of testdata/config; after a change, run
//
//	go test ./config -run Golden -rewrite
//
// and review the difference.
var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// Every archive of diagnostics/ is a configuration directory, and what Load says of it under the name "want".
func TestGoldenDiagnostics(t *testing.T) {
	golden(t, "diagnostics", func(dir string, _ []txtar.File) string {
		_, diagnostics := config.Load(dir)
		return written(t, diagnostics)
	})
}

// Every archive of descriptions/ is one description and what ParseEnvironment makes of it.
func TestGoldenDescriptions(t *testing.T) {
	golden(t, "descriptions", func(dir string, files []txtar.File) string {
		environment, diagnostics := config.ParseEnvironment(files[0].Data, filepath.Join(dir, files[0].Name))
		text := written(t, diagnostics)
		if environment != nil {
			text += described(environment)
		}
		return text
	})
}

func written(t *testing.T, diagnostics config.Diagnostics) string {
	var text strings.Builder
	if err := diagnostics.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// described shows an environment a field a line.
func described(e *config.Environment) string {
	var text strings.Builder
	show := func(name string, v any) { fmt.Fprintf(&text, "%s: %+v\n", name, v) }
	show("name", fmt.Sprintf("%s version %d, %s, by %s", e.Name, e.Version, e.Description, e.Author))
	show("visibility", fmt.Sprintf("%s, destructive %t", e.Visibility, e.Destructive))
	if e.PhoneHome != nil {
		show("phone home", *e.PhoneHome)
	}
	show("image", fmt.Sprintf("%+v", e.Image))
	if e.PreInstall != nil {
		show("preinstall", *e.PreInstall)
	}
	for _, archive := range e.PostInstall {
		show("postinstall", archive)
	}
	show("boot", fmt.Sprintf("%s: %q %q params %q (only %t), hypervisor %q %q", e.OS, e.Kernel, e.Initrd, e.KernelParams, e.KernelParamsOnly, e.Hypervisor, e.HypervisorParams))
	show("partition", e.PartitionType+" "+e.Filesystem)
	return text.String()
}

func golden(t *testing.T, folder string, do func(dir string, files []txtar.File) string) {
	paths, err := filepath.Glob(filepath.Join(fixtures, folder, "*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			last := len(archive.Files) - 1
			if archive.Files[last].Name != "want" {
				t.Fatal("the last file must be named want")
			}
			dir := t.TempDir()
			for _, file := range archive.Files[:last] {
				if err := os.WriteFile(filepath.Join(dir, file.Name), file.Data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got := strings.ReplaceAll(do(dir, archive.Files), dir, "DIR")
			switch {
			case *rewrite:
				archive.Files[last].Data = []byte(got)
				if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
			case got != string(archive.Files[last].Data):
				t.Errorf("got:\n%s\nwant:\n%s", got, archive.Files[last].Data)
			}
		})
	}
}
