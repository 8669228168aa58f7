package kadeploy3_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/kadeploy3"
	"github.com/kadeploy/kadeploy/internal/rights"
)

// FuzzDump holds that any dump ends in an error of one line, or in descriptions and a book that their readers take.
func FuzzDump(f *testing.F) {
	for _, generation := range []string{"2009", "3.1", "3.3"} {
		text, err := os.ReadFile(filepath.Join(fixtures, generation, "dump.sql"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(environments(row("name", `'a\0b'`), row("tarball", `'/x|tgz|||'`)) + rightsTable + `INSERT INTO rights VALUES ('a','b','/dev/sda3');`)
	f.Fuzz(func(t *testing.T, dump string) {
		result := imported(t, kadeploy3.Config{Dump: "-", Stdin: strings.NewReader(dump)})
		if result == "" {
			return
		}
		files, _ := filepath.Glob(filepath.Join(result, "environments", "*"))
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if _, problems := config.ParseEnvironment(text, name); problems.HasErrors() {
				t.Fatalf("%s: %v\n%s", name, problems, text)
			}
		}
		if _, err := rights.Load(filepath.Join(result, "rights.json")); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzYAML holds that any files of YAML end in an error of one line, or in a configuration that loads.
func FuzzYAML(f *testing.F) {
	f.Add("network: {server_hostname: a}", "partitioning: {block_device: /dev/sda}", "n-1: {console: x}", "10.0.0.[1-2]")
	for _, generation := range []string{"3.1", "3.3"} {
		var texts []string
		for _, names := range [][]string{{"server.conf", "server_conf.yml"}, {"graphene-cluster.conf", "cluster_conf-vm.yml"}, {"command.conf", "version"}} {
			for _, name := range names {
				if text, err := os.ReadFile(filepath.Join(fixtures, generation, "conf", name)); err == nil {
					texts = append(texts, string(text))
				}
			}
		}
		f.Add(texts[0], texts[1], texts[2], "10.0.0.1")
	}
	f.Fuzz(func(t *testing.T, server, cluster, commands, address string) {
		dir := t.TempDir()
		for name, text := range map[string]string{
			"server.conf": server, "c.conf": cluster, "command.conf": commands,
			"clusters.conf": fmt.Sprintf("clusters: [{name: c, conf_file: c.conf, nodes: [{name: n-1, address: %q}, {name: n-9, address: 10.1.1.1}]}]", address),
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if out := imported(t, kadeploy3.Config{Dir: dir}); out != "" {
			if _, problems := config.Load(out); problems.HasErrors() {
				t.Fatal(problems)
			}
		}
	})
}

// FuzzClassic is the same for the files of 2009.
func FuzzClassic(f *testing.F) {
	f.Add("kadeploy_server = a", "deploy_kernel = v\nblock_device = /dev/sda\ncmd_hard_reboot = a | b,c", "n-[1-2] 10.0.0.[1-2] c", "n-1|console|x")
	f.Add("rights_kind = dummy\n#", "macrostep = BootNewEnv|BootNewEnvKexec:1:0", "a b c", "||")
	f.Fuzz(func(t *testing.T, conf, cluster, nodes, cmd string) {
		dir := t.TempDir()
		for name, text := range map[string]string{"conf": conf, "clusters": "c\n", "specific_conf_c": cluster, "nodes": nodes, "cmd": cmd} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if out := imported(t, kadeploy3.Config{Dir: dir}); out != "" {
			if _, problems := config.Load(out); problems.HasErrors() {
				t.Fatal(problems)
			}
		}
	})
}

// imported returns the directory that was made, "" for an input of no use.
func imported(t *testing.T, cfg kadeploy3.Config) string {
	cfg.Out, cfg.Now = filepath.Join(t.TempDir(), "out"), moment
	result, err := kadeploy3.Import(context.Background(), cfg)
	if err != nil {
		if strings.ContainsAny(err.Error(), "\n") {
			t.Fatalf("not one line: %q", err)
		}
		return ""
	}
	if err := result.Commit(); err != nil {
		t.Fatal(err)
	}
	for _, finding := range result.Report.Findings {
		if strings.ContainsAny(finding.String(), "\n\x1b") {
			t.Fatalf("not one printable line: %q", finding)
		}
	}
	return cfg.Out
}
