package kadeploy3_test

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/kadeploy3"
)

// FuzzDump holds that any dump ends in an error of one line, or in descriptions that their parser takes.
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
		files, report, err := kadeploy3.Descriptions(strings.NewReader(dump), moment)
		oneLine(t, report, err)
		delete(files, "environments.sh")
		for name, text := range files {
			if path.Dir(name) != "environments" || !filepath.IsLocal(name) {
				t.Fatalf("a file %q", name)
			}
			if _, problems := config.ParseEnvironment(text, name); problems.HasErrors() {
				t.Fatalf("%s: %v\n%s", name, problems, text)
			}
		}
	})
}

// FuzzYAML holds that any files of YAML end in an error of one line, or in files of our own names that have one setting a line.
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
		lines, report, err := kadeploy3.Lines(directory(map[string]string{
			"server.conf": server, "c.conf": cluster, "command.conf": commands,
			"clusters.conf": fmt.Sprintf("clusters: [{name: c, conf_file: c.conf, nodes: [{name: n-1, address: %q}, {name: n-9, address: 10.1.1.1}]}]", address),
		}))
		oneLine(t, report, err)
		for name, list := range lines {
			if name != path.Base(name) || !filepath.IsLocal(name) {
				t.Fatalf("a file %q", name)
			}
			for _, line := range list {
				if strings.Contains(line, "\n") {
					t.Fatalf("%s: a line %q", name, line)
				}
			}
		}
	})
}

// FuzzSite holds that any files of 2009 end in an error of one line, or in a configuration that loads.
func FuzzSite(f *testing.F) {
	f.Add("kadeploy_server = a", "deploy_kernel = v\nblock_device = /dev/sda\ncmd_hard_reboot = a | b,c", "n-[1-2] 10.0.0.[1-2] c", "n-1|console|x")
	f.Add("rights_kind = dummy\n#", "macrostep = BootNewEnv|BootNewEnvKexec:1:0", "a b c", "||")
	f.Fuzz(func(t *testing.T, conf, cluster, nodes, cmd string) {
		dir := t.TempDir()
		for name, text := range map[string]string{"conf": conf, "clusters": "c\n", "specific_conf_c": cluster, "nodes": nodes, "cmd": cmd} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		out := filepath.Join(t.TempDir(), "out")
		result, err := kadeploy3.Import(context.Background(), kadeploy3.Config{Dir: dir, Out: out, Now: moment})
		if err != nil {
			oneLine(t, &kadeploy3.Report{}, err)
			return
		}
		oneLine(t, &result.Report, result.Commit())
		if _, problems := config.Load(out); problems.HasErrors() {
			t.Fatal(problems)
		}
	})
}

func directory(texts map[string]string) fstest.MapFS {
	files := fstest.MapFS{}
	for name, text := range texts {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

// oneLine holds that errors and findings are printable lines.
func oneLine(t *testing.T, report *kadeploy3.Report, err error) {
	if err != nil && strings.Contains(err.Error(), "\n") {
		t.Fatalf("an error of several lines: %q", err)
	}
	for _, finding := range report.Findings {
		if strings.ContainsAny(finding.String(), "\n\x1b") {
			t.Fatalf("no printable line: %q", finding)
		}
	}
}
