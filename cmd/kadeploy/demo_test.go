package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestDemo runs the demonstration on a copy of its site, with other ports and addresses, and holds the transcript in
// README.md against what it prints: every line there that is not "..." must be in the output, numbers and ids apart.
func TestDemo(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	bin, site := t.TempDir(), t.TempDir()
	build := exec.Command("go", "build", "-o", bin, "./cmd/kadeploy", "./cmd/kadeploy-server", "./cmd/kadeploy-agent")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	run(t, build)
	image := exec.Command("go", "run", "./internal/demoimage/mkimage", "-o", filepath.Join(site, "images/debian.tar.zst"))
	image.Dir = root
	run(t, image)
	copySite(t, filepath.Join(root, "testdata/demo"), site)

	demo := exec.Command(filepath.Join(root, "testdata/demo/demo.sh"))
	demo.Env = append(os.Environ(), "DEMO="+site, "BIN="+bin)
	output := run(t, demo)

	printed := make(map[string]bool)
	for _, line := range strings.Split(output, "\n") {
		printed[normal(line)] = true
	}
	for _, line := range transcript(t, filepath.Join(root, "README.md")) {
		if !printed[normal(line)] {
			t.Errorf("README.md shows a line that the demonstration does not print:\n%s", line)
		}
	}
	if t.Failed() {
		t.Logf("the demonstration printed:\n%s", output)
	}
	checkList(t, filepath.Join(site, "ok.txt"), 7)
	checkList(t, filepath.Join(site, "ko.txt"), 1)
}

func run(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return string(out)
}

// copySite copies the files of the demonstration and moves it to ports and addresses that nobody uses.
func copySite(t *testing.T, from, to string) {
	t.Helper()
	replace := strings.NewReplacer(
		"kadeploy_server_port = 25300", "kadeploy_server_port = "+freePort(t, "tcp"),
		"127.0.0.1:25301", "127.0.0.1:"+freePort(t, "tcp"),
		"127.0.0.1:6969", "127.0.0.1:"+freePort(t, "udp"),
		"127.25.0.", "127.26.0.",
	)
	files, err := filepath.Glob(filepath.Join(from, "*.*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(f)), []byte(replace.Replace(string(text))), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func freePort(t *testing.T, network string) string {
	t.Helper()
	if network == "udp" {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return strconv.Itoa(c.LocalAddr().(*net.UDPAddr).Port)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// transcript returns the lines of README.md's console block that are meant as they stand.
func transcript(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```console\n")
	block, _, _ := strings.Cut(rest, "```")
	if !found || strings.Count(block, "\n") < 10 {
		t.Fatal("README.md has no transcript")
	}
	var lines []string
	for _, line := range strings.Split(strings.TrimSuffix(block, "\n"), "\n") {
		if line != "..." && !strings.HasPrefix(line, "$ ") {
			lines = append(lines, line)
		}
	}
	return lines
}

var (
	seconds = regexp.MustCompile(`\d+\.\d ?s`)
	ids     = regexp.MustCompile(`\b[DR]-[0-9a-f]{8}\b`)
	paths   = regexp.MustCompile(`\S*/\S+`)
	numbers = regexp.MustCompile(`pid \d+|127\.0\.0\.1:\d+`)
	blanks  = regexp.MustCompile(` {2,}`)
)

// normal takes out what differs from run to run.
func normal(line string) string {
	line = seconds.ReplaceAllString(strings.TrimSpace(line), "N s")
	line = ids.ReplaceAllString(line, "ID")
	line = numbers.ReplaceAllString(line, "N")
	if strings.Contains(line, "image /") || strings.Contains(line, "log /") || strings.Contains(line, "path/") {
		line = paths.ReplaceAllString(line, "PATH")
	}
	return blanks.ReplaceAllString(line, " ")
}

func checkList(t *testing.T, path string, want int) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(text), "\n"); got != want {
		t.Errorf("%s lists %d nodes, want %d:\n%s", filepath.Base(path), got, want, text)
	}
}
