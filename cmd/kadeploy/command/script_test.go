package command_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/client"
	"github.com/kadeploy/kadeploy/actors/message"
)

var update = flag.Bool("update", false, "rewrite the expectations of the scripts")

// TestScripts runs the scripts of testdata: what the command prints and how it exits, word for word. A script begins with
// lines "$ kadeploy ..." or "$ cat FILE", each followed by what is expected: lines of standard output (1|) and standard
// error (2|), then the exit code. Sections follow: files of the working directory, and the server's answers
// (@events, a line each; @refused, @checked, @status, @nodes, @disks, @power, @rights, @users, @token, @env, @envs, @history, @shown, @stats; @down, @lost) as text of the protocol.
func TestScripts(t *testing.T) {
	local := time.Local
	time.Local = time.UTC
	t.Cleanup(func() { time.Local = local })
	scripts, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			runScript(t, filepath.Join(root, name))
		})
	}
}

func runScript(t *testing.T, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	server := newFake()
	for _, f := range archive.Files {
		if section, ok := strings.CutPrefix(f.Name, "@"); ok {
			answer(t, server, section, f.Data)
			continue
		}
		mode := os.FileMode(0o644)
		if strings.HasSuffix(f.Name, ".sh") {
			mode = 0o755
		}
		if err := os.WriteFile(f.Name, f.Data, mode); err != nil {
			t.Fatal(err)
		}
	}
	var got strings.Builder
	for line := range strings.Lines(string(archive.Comment)) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			got.WriteString(line)
			got.WriteString(strings.ReplaceAll(execute(server, split(command)), dir, "$WORK"))
		} else if strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" {
			got.WriteString(line)
		}
	}
	if got.String() == string(archive.Comment) {
		return
	}
	if *update {
		archive.Comment = []byte(got.String())
		if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("%s\ngot:\n%s\nwant:\n%s", path, got.String(), archive.Comment)
}

func execute(server *fakeServer, words []string) string {
	var b strings.Builder
	if words[0] == "cat" {
		text, err := os.ReadFile(words[1])
		if err != nil {
			return "2| " + err.Error() + "\n"
		}
		return prefixed("1| ", string(text))
	}
	u := newUse(server)
	u.in = "node-2.demo\nnode-2.demo\n"
	u.home = "."
	u.address = func(dir string) (string, error) {
		if dir != "conf" {
			return "", errors.New("no deploy.conf in it")
		}
		return "127.0.0.9:1234", nil
	}
	code := u.run(words[1:]...)
	b.WriteString(prefixed("2| ", u.err.String()))
	b.WriteString(prefixed("1| ", u.out.String()))
	fmt.Fprintf(&b, "exit %d\n", code)
	return b.String()
}

func prefixed(prefix, text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimRight(prefix+line, " \n") + "\n")
	}
	return b.String()
}

// split makes words as a shell would, with single quotes only.
func split(command string) []string {
	var words []string
	for i, part := range strings.Split(strings.TrimSpace(command), "'") {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

// answer teaches the server one of its answers.
func answer(t *testing.T, f *fakeServer, section string, data []byte) {
	read := func(m proto.Message) {
		if err := prototext.Unmarshal(data, m); err != nil {
			t.Fatalf("@%s: %v", section, err)
		}
	}
	switch section {
	case "events":
		for line := range strings.Lines(string(data)) {
			e := &message.Event{}
			if err := prototext.Unmarshal([]byte(line), e); err != nil {
				t.Fatalf("@events: %s: %v", line, err)
			}
			e.Id = "D-1"
			f.events = append(f.events, e)
		}
	case "refused":
		f.refuse = &message.Refused{}
		read(f.refuse)
	case "checked":
		f.checked = &message.Checked{}
		read(f.checked)
	case "status":
		f.status = &message.Status{}
		read(f.status)
	case "power":
		f.power = &message.PowerStates{}
		read(f.power)
	case "disks":
		f.disks = &message.Disks{}
		read(f.disks)
	case "nodes":
		f.nodes = &message.Nodes{}
		read(f.nodes)
	case "rights":
		f.rights = &message.Rights{}
		read(f.rights)
	case "users":
		f.users = &message.Users{}
		read(f.users)
	case "env":
		f.env = &message.Env{}
		read(f.env)
	case "envs":
		f.envs = &message.Envs{}
		read(f.envs)
	case "updated":
		f.updated = &message.EnvUpdated{}
		read(f.updated)
	case "moved":
		f.moved = &message.EnvMoves{}
		read(f.moved)
	case "token":
		f.token = &message.UserToken{}
		read(f.token)
	case "history":
		f.history = &message.History{}
		read(f.history)
	case "shown":
		f.shown = &message.Shown{}
		read(f.shown)
	case "stats":
		f.stats = &message.Stats{}
		read(f.stats)
	case "down":
		f.down = true
	case "lost":
		f.lose = fmt.Errorf("%w at 127.0.0.1:25300", client.ErrNoServer)
	default:
		t.Fatalf("unknown section @%s", section)
	}
}
