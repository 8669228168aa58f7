package main_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
)

// site is a configuration directory of its own addresses: the demonstration's, with four quick nodes.
type site struct {
	dir     string // KADEPLOY_CONFIG_DIR
	network string // of the nodes and the daemon: 127.X.Y
	files   map[string]string
}

// networks keeps the sites of all processes that test at the same time apart.
var networks atomic.Uint32

// newSite makes the configuration in dir; edits are "FILE: text to append".
func newSite(dir string) (*site, error) {
	n := networks.Add(1)
	pid := uint32(os.Getpid())
	s := &site{dir: dir, network: fmt.Sprintf("127.%d.%d", 100+(pid+n>>8)%100, (pid>>4+n)%256), files: map[string]string{}}
	ports, err := s.freePorts()
	if err != nil {
		return nil, err
	}
	demo := filepath.Join("..", "..", "testdata", "demo")
	for _, name := range []string{"deploy.conf", "cluster-blue.conf", "debian.env", "partitions.fdisk"} {
		text, err := os.ReadFile(filepath.Join(demo, name))
		if err != nil {
			return nil, err
		}
		s.files[name] = string(text)
	}
	s.files["nodes.conf"] = fmt.Sprintf("node-[1-4].demo %s.[1-4] blue\n", s.network)
	s.replace("deploy.conf", "kadeploy_server = 127.0.0.1", "kadeploy_server = "+s.host())
	s.replace("deploy.conf", "kadeploy_server_port = 25300", "kadeploy_server_port = "+ports[0])
	s.replace("deploy.conf", "127.0.0.1:25301", s.host()+":"+ports[1])
	s.replace("deploy.conf", "127.0.0.1:6969", s.host()+":"+ports[2])
	s.replace("deploy.conf", "tftp_repository = images/tftp", "tftp_repository = tftp")
	s.replace("cluster-blue.conf", "sandbox_boot_delay = 0.4", "sandbox_boot_delay = 0.05")
	return s, s.write()
}

func (s *site) host() string { return s.network + ".254" }

// replace changes the text of a file; that it is not there is a mistake of the test.
func (s *site) replace(name, from, to string) {
	if !strings.Contains(s.files[name], from) {
		panic(fmt.Sprintf("%s holds no %q", name, from))
	}
	s.files[name] = strings.Replace(s.files[name], from, to, 1)
}

func (s *site) write() error {
	kernels := filepath.Join(s.dir, "tftp", "kernels")
	if err := os.MkdirAll(kernels, 0o755); err != nil {
		return err
	}
	for name, text := range s.files {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	for _, name := range []string{"deploy-vmlinuz", "deploy-initrd"} {
		if err := copyFile(filepath.Join(built, "images", "tftp", "kernels", name), filepath.Join(kernels, name)); err != nil {
			return err
		}
	}
	images := filepath.Join(s.dir, "images")
	if _, err := os.Lstat(images); err == nil {
		return nil
	}
	return os.Symlink(filepath.Join(built, "images"), images)
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}

func (s *site) freePorts() ([3]string, error) {
	var ports [3]string
	for i := range ports {
		l, err := net.Listen("tcp", s.host()+":0")
		if err != nil {
			return ports, err
		}
		defer l.Close() // all three are held until they are known: they differ
		ports[i] = strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// value is what a file of the site sets a key to.
func (s *site) value(name, key string) string {
	for line := range strings.Lines(s.files[name]) {
		if k, v, ok := strings.Cut(line, "="); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	panic(name + " does not set " + key)
}

func (s *site) log() string {
	text, _ := os.ReadFile(filepath.Join(s.dir, "var", "kadeploy-server.log")) // not there yet: empty
	return string(text)
}
