package main_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kadeploy/kadeploy/actors/client"
	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/demoimage"
)

// benchSite is a site whose daemon runs until the benchmark is over.
func benchSite(b *testing.B, edit func(*site)) (s *site, daemon int) {
	b.Helper()
	s, err := newSite(b.TempDir())
	if err == nil {
		edit(s)
		err = s.write()
	}
	if err != nil {
		b.Fatal(err)
	}
	out := obtain(b, s.command("kadeploy-server", "start"))
	b.Cleanup(func() { _ = s.command("kadeploy-server", "stop").Run() })
	daemon, err = strconv.Atoi(string(pidWord.FindSubmatch(out)[1]))
	if err != nil {
		b.Fatal(err)
	}
	return s, daemon
}

func obtain(b *testing.B, cmd *exec.Cmd) []byte {
	b.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return out
}

// BenchmarkFirstAnswer is a command from its start to its end, which is soon after the server's first answer: the process, the
// connections, TLS both ways, the question and the table. In turn with it runs a command that asks nobody.
func BenchmarkFirstAnswer(b *testing.B) {
	s, _ := benchSite(b, func(*site) {})
	server := s.host() + ":" + s.value("deploy.conf", "kadeploy_server_port")
	given := string(obtain(b, s.command("kadeploy", "user", "add", "alice", "-d", s.dir)))
	word := func(pattern string) string {
		found := regexp.MustCompile(pattern).FindStringSubmatch(given)
		if found == nil {
			b.Fatalf("no %s in %s", pattern, given)
		}
		return found[1]
	}
	as := func(cmd *exec.Cmd) *exec.Cmd {
		cmd.Env = append(cmd.Env, "XDG_CONFIG_HOME="+filepath.Join(s.dir, "of-alice"), "KADEPLOY_TOKEN="+word(`KADEPLOY_TOKEN=(\S+)`))
		return cmd
	}
	obtain(b, as(s.command("kadeploy", "login", server, "--pin", word(`(sha256:\S+)`))))
	for _, who := range []struct {
		name string
		cmd  func() *exec.Cmd
	}{
		{"local", func() *exec.Cmd { return s.command("kadeploy", "nodes", "-d", s.dir) }},
		{"enrolled", func() *exec.Cmd { return as(s.command("kadeploy", "nodes", "--server", server)) }},
		{"nobody-asked", func() *exec.Cmd { return s.command("kadeploy", "version") }},
	} {
		b.Run(who.name, func(b *testing.B) {
			const runs = 100
			for b.Loop() {
				var all []time.Duration
				for range runs {
					start := time.Now()
					obtain(b, who.cmd())
					all = append(all, time.Since(start))
				}
				slices.Sort(all)
				b.ReportMetric(float64(all[runs/2].Microseconds())/1000, "ms/median")
				b.ReportMetric(float64(all[runs*95/100].Microseconds())/1000, "ms/p95")
			}
		})
	}
}

// BenchmarkWatchers deploys a thousand machines, which are goroutines of the daemon, with nobody but its client watching, and
// with two hundred more processes.
func BenchmarkWatchers(b *testing.B) {
	for _, watchers := range []int{0, 200} {
		b.Run(fmt.Sprint(watchers), func(b *testing.B) {
			for b.Loop() {
				watched(b, watchers)
			}
		})
	}
}

func watched(b *testing.B, watchers int) {
	s, daemon := benchSite(b, func(s *site) {
		net := strings.Split(s.network, ".")
		third, _ := strconv.Atoi(net[2])
		nodes := ""
		for k := range 4 {
			nodes += fmt.Sprintf("node-[%d-%d].demo %s.%s.%d.[1-250] blue\n", 250*k+1, 250*(k+1), net[0], net[1], (third+k+1)%256)
		}
		s.files["nodes.conf"] = nodes
		s.files["cluster-blue.conf"] += "sandbox_in_process = true\ntimeout_reboot = 60\n"
		for from, to := range map[string]string{"timeout_reboot = 3\n": "", ":2:20": ":1:100", ":2:60": ":1:60", "Classical:1:20,BootNewEnvHardReboot:1:20": "Classical:1:60"} {
			s.replace("cluster-blue.conf", from, to)
		}
		s.replace("deploy.conf", "reboot_window = 4", "reboot_window = 200")
		s.replace("deploy.conf", "broadcast_grace = 3", "broadcast_grace = 60\nchain_stall = 20")
		s.files["tiny.env"] = "name : tiny\nversion : 1\ntarball : tiny.tar|tar\nkernel : /vmlinuz\nfilesystem : ext4\nfdisktype : 83\nenvironment_kind : linux\n"
		s.files["tiny.tar"] = tiny(b)
	})
	id := filepath.Join(s.dir, "id")
	start := time.Now()
	deploying := s.command("kadeploy", "deploy", "-d", s.dir, "-m", "node-[1-1000].demo", "-a", filepath.Join(s.dir, "tiny.env"), "--write-id", id)
	if err := deploying.Start(); err != nil {
		b.Fatal(err)
	}
	for {
		if text, err := os.ReadFile(id); err == nil && len(text) > 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	name, _ := os.ReadFile(id)
	var all []*exec.Cmd
	for range watchers {
		w := s.command("kadeploy", "watch", strings.TrimSpace(string(name)), "-d", s.dir)
		if err := w.Start(); err != nil {
			b.Fatal(err)
		}
		all = append(all, w)
	}
	end := deploying.Wait() // not 0 when a machine failed, for want of time perhaps: to all the same end
	took := time.Since(start)
	others := 0
	for _, w := range all {
		if err := w.Wait(); fmt.Sprint(err) != fmt.Sprint(end) {
			others++
		}
	}
	if others > 0 {
		b.Errorf("%d watchers did not see the deployment end with: %v", others, end)
	}
	cpu, peak := cost(b, daemon)
	b.ReportMetric(took.Seconds(), "s/deployment")
	b.ReportMetric(time.Since(start).Seconds(), "s/all")
	b.ReportMetric(cpu, "daemon-CPU-s")
	b.ReportMetric(peak, "daemon-peak-MiB")
	if watchers == 0 {
		again(b, s, daemon, strings.TrimSpace(string(name)))
	}
}

// again lets two hundred processes watch a deployment that has ended, from its first event on: the same events for each, whatever
// happened to the machines, and nothing else to do for the daemon.
func again(b *testing.B, s *site, daemon int, id string) {
	b.Helper()
	ctx := context.Background()
	c, err := client.Dial(ctx, client.Config{Server: s.host() + ":" + s.value("deploy.conf", "kadeploy_server_port"), Identity: client.Local(filepath.Join(s.dir, "var", "kadeploy.sock"))})
	if err != nil {
		b.Fatal(err)
	}
	events := 0
	_, err = c.Watch(ctx, id, 0, func(*message.Event) error { events++; return nil })
	c.Close()
	if err != nil {
		b.Fatal(err)
	}
	before, _ := cost(b, daemon)
	const watchers = 200
	start := time.Now()
	var wg sync.WaitGroup
	for range watchers {
		wg.Go(func() { _ = s.command("kadeploy", "watch", id, "-d", s.dir).Run() }) // its code is the deployment's
	}
	wg.Wait()
	after, peak := cost(b, daemon)
	b.ReportMetric(float64(events), "events")
	b.ReportMetric(time.Since(start).Seconds(), "s/replay")
	b.ReportMetric(after-before, "replay-CPU-s")
	b.ReportMetric((after-before)*1e6/float64(events*watchers), "µs/event-watched")
	b.ReportMetric(peak, "replay-peak-MiB")
}

// tiny is the smallest image that boots.
func tiny(b *testing.B) string {
	b.Helper()
	var text bytes.Buffer
	w := tar.NewWriter(&text)
	for name, content := range map[string]string{"vmlinuz": demoimage.KernelMagic, "etc/os-release": "ID=tiny\n"} {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			b.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return text.String()
}

// cost is what a process has cost so far: processor seconds and the most memory in MiB, as the kernel says.
func cost(b *testing.B, pid int) (cpu, peak float64) {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const userTime, systemTime, ticks = 11, 12, 100 // of fields, per second
	for _, f := range []string{fields[userTime], fields[systemTime]} {
		n, _ := strconv.ParseFloat(f, 64)
		cpu += n / ticks
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	hwm := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	n, _ := strconv.ParseFloat(string(hwm[1]), 64)
	return cpu, n / 1024
}
