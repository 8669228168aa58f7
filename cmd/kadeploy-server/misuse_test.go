package main_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMisuse runs the scripts of testdata/misuse: what an operator or a user may do wrong, and the one line and the exit
// code that answer it. A script has a site of its own in $SITE (not started), and these commands:
//
//	exits CODE PROGRAM ARG...    runs a program of ours, which must end with the code
//	refused CODE PROGRAM ARG...  the same, and all it says is one line on standard error and perhaps a hint
//	append FILE TEXT             adds a line to a file
//	spoil FILE OFFSET            changes some bytes of a file
func TestMisuse(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   filepath.Join("testdata", "misuse"),
		Setup: setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "refused": refused, "append": appendLine, "spoil": spoil,
		},
		RequireUniqueNames: true,
	})
}

func setup(env *testscript.Env) error {
	dir := filepath.Join(env.WorkDir, "site")
	s, err := newSite(dir)
	if err != nil {
		return err
	}
	env.Setenv("SITE", dir)
	env.Setenv("KADEPLOY_CONFIG_DIR", dir)
	env.Setenv("KADEPLOY_SOCKET", filepath.Join(s.dir, "var", "kadeploy.sock"))
	env.Setenv("KADEPLOY_SERVER", s.host()+":"+s.value("deploy.conf", "kadeploy_server_port"))
	env.Setenv("NET", s.network)
	env.Setenv("IMAGES", filepath.Join(built, "images"))
	env.Setenv("USER", "alice")
	env.Setenv("PATH", filepath.Join(built, "bin")+string(os.PathListSeparator)+env.Getenv("PATH"))
	env.Defer(func() { _ = s.command("kadeploy-server", "stop").Run() })
	return nil
}

func exits(ts *testscript.TestScript, not bool, args []string) {
	if not || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	var ended *exec.ExitError
	code := 0
	switch {
	case errors.As(err, &ended):
		code = ended.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if code != want {
		ts.Fatalf("exit code %d instead of %d", code, want)
	}
}

func refused(ts *testscript.TestScript, not bool, args []string) {
	exits(ts, not, args)
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("standard output is not empty: %s", out)
	}
	said := ts.ReadFile("stderr")
	first, hint, _ := strings.Cut(strings.TrimSuffix(said, "\n"), "\n")
	if !strings.HasPrefix(first, args[1]+": ") || strings.Contains(hint, "\n") || hint != "" && !strings.HasPrefix(hint, "  ") {
		ts.Fatalf("not one line and a hint: %q", said)
	}
}

func appendLine(ts *testscript.TestScript, not bool, args []string) {
	if not || len(args) != 2 {
		ts.Fatalf("usage: append FILE TEXT")
	}
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	ts.Check(err)
	_, err = fmt.Fprintln(f, args[1])
	ts.Check(errors.Join(err, f.Close()))
}

func spoil(ts *testscript.TestScript, not bool, args []string) {
	if not || len(args) != 2 {
		ts.Fatalf("usage: spoil FILE OFFSET")
	}
	offset, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_WRONLY, 0)
	ts.Check(err)
	_, err = f.WriteAt([]byte("these bytes were others"), offset)
	ts.Check(errors.Join(err, f.Close()))
}
