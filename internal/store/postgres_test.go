package store_test

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
	"sync"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// cluster is a real PostgreSQL server of the suite's own: a directory, a unix socket in it, no port.
type cluster struct {
	bin, dir string
	run      *syscall.SysProcAttr
	server   *exec.Cmd
}

var (
	theCluster  *cluster
	errCluster  error
	makeCluster sync.Once
)

// postgres is the server, which is made for the first spec that wants it; without one installed, the spec is skipped.
func postgres() *cluster {
	GinkgoHelper()
	makeCluster.Do(func() { theCluster, errCluster = newCluster() })
	if errors.Is(errCluster, exec.ErrNotFound) {
		Skip("no PostgreSQL server is installed (Debian: postgresql)")
	}
	Expect(errCluster).NotTo(HaveOccurred())
	return theCluster
}

var _ = AfterSuite(func() {
	if theCluster != nil {
		theCluster.stop()
		Expect(os.RemoveAll(theCluster.dir)).To(Succeed())
	}
})

func newCluster() (*cluster, error) {
	bin, err := postgresPrograms()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("/tmp", "pg") // short: the path of a socket has 107 bytes
	if err != nil {
		return nil, err
	}
	c := &cluster{bin: bin, dir: dir, run: &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}} // none outlives a suite that is killed
	if os.Getuid() == 0 {                                                                    // it refuses to run as root
		if c.run.Credential, err = unprivileged(); err != nil {
			return nil, err
		}
		if err := os.Chown(dir, int(c.run.Credential.Uid), int(c.run.Credential.Gid)); err != nil {
			return nil, err
		}
	}
	out, err := c.command("initdb", "-D", c.data(), "-A", "trust", "-U", "kadeploy", "-E", "UTF8", "--no-locale", "--no-sync").CombinedOutput()
	if err != nil {
		os.RemoveAll(dir)
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	return c, c.start()
}

func postgresPrograms() (string, error) {
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

func (c *cluster) data() string { return filepath.Join(c.dir, "data") }

func (c *cluster) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, program), args...)
	cmd.Dir, cmd.SysProcAttr = c.dir, c.run
	cmd.Env = append(os.Environ(), "LC_ALL=C", "PGHOST="+c.dir, "PGUSER=kadeploy")
	return cmd
}

// start returns when it answers.
func (c *cluster) start() error {
	c.server = c.command("postgres", "-D", c.data(), "-k", c.dir, "-c", "listen_addresses=", "-c", "fsync=off")
	if err := c.server.Start(); err != nil {
		return err
	}
	var out []byte
	var err error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		if out, err = c.command("pg_isready", "-t", "1").CombinedOutput(); err == nil {
			return nil
		}
	}
	return fmt.Errorf("postgres does not answer: %w: %s", err, out)
}

// stop ends it as a crash would: without a last word to its clients.
func (c *cluster) stop() {
	_ = c.server.Process.Signal(syscall.SIGQUIT)
	_ = c.server.Wait()
}

// create makes a schema, which is a quarter of the time of a database, and gives its URL.
func (c *cluster) create(name string) string {
	GinkgoHelper()
	out, err := c.command("psql", "-d", "postgres", "-qc", "CREATE SCHEMA "+name).CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(out))
	return "postgres:///postgres?" + url.Values{"host": {c.dir}, "user": {"kadeploy"}, "search_path": {name}}.Encode()
}
