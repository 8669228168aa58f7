// Package pgtest runs a real PostgreSQL server of a test's own: a directory, a unix socket in it, no port. It needs the programs of
// Debian's package postgresql.
package pgtest

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// Server is one server. Start and Stop may follow each other; one goroutine at a time.
type Server struct {
	bin, dir string
	run      *syscall.SysProcAttr
	server   *exec.Cmd
}

// New makes a server with an empty cluster and starts it. The error is exec.ErrNotFound when none is installed.
func New() (*Server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("/tmp", "pg") // short: the path of a socket has 107 bytes
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, dir: dir, run: &syscall.SysProcAttr{}}
	if err = s.init(); err == nil {
		err = s.Start()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

func (s *Server) init() (err error) {
	if os.Getuid() == 0 { // it refuses to run as root
		if s.run.Credential, err = unprivileged(); err != nil {
			return err
		}
		if err := os.Chown(s.dir, int(s.run.Credential.Uid), int(s.run.Credential.Gid)); err != nil {
			return err
		}
	}
	out, err := s.command("initdb", "-D", s.data(), "-A", "trust", "-U", "kadeploy", "-E", "UTF8", "--no-locale", "--no-sync").CombinedOutput()
	if err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

func programs() (string, error) {
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb"); len(found) > 0 {
		return filepath.Dir(slices.Max(found)), nil
	}
	found, err := exec.LookPath("initdb")
	return filepath.Dir(found), err
}

func unprivileged() (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(u.Gid)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, program), args...)
	cmd.Dir, cmd.SysProcAttr = s.dir, s.run
	cmd.Env = append(os.Environ(), "LC_ALL=C", "PGHOST="+s.dir, "PGUSER=kadeploy")
	return cmd
}

// Start returns when it answers.
func (s *Server) Start() error {
	s.server = s.command("postgres", "-D", s.data(), "-k", s.dir, "-c", "listen_addresses=", "-c", "fsync=off")
	if err := s.server.Start(); err != nil {
		return err
	}
	var out []byte
	var err error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		if out, err = s.command("pg_isready", "-t", "1").CombinedOutput(); err == nil {
			return nil
		}
	}
	return fmt.Errorf("postgres does not answer: %w: %s", err, out)
}

// Stop ends it as a crash would: without a last word to its clients.
func (s *Server) Stop() {
	_ = s.server.Process.Signal(syscall.SIGQUIT)
	_ = s.server.Wait()
}

// Close stops it and removes all that it has.
func (s *Server) Close() error {
	s.Stop()
	return os.RemoveAll(s.dir)
}

// Create makes a schema, which is a quarter of the time of a database, and gives its URL.
func (s *Server) Create(name string) (string, error) {
	out, err := s.command("psql", "-d", "postgres", "-qc", "CREATE SCHEMA "+name).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("create a schema: %w: %s", err, out)
	}
	return "postgres:///postgres?" + url.Values{"host": {s.dir}, "user": {"kadeploy"}, "search_path": {name}}.Encode(), nil
}
