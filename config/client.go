package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// CheckDir says what is wrong with a configuration directory as a whole, so that it is not said of each file in it.
func CheckDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		var path *os.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return fmt.Errorf("configuration directory %s: %w", dir, err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && !info.IsDir() {
		return fmt.Errorf("configuration directory %s: it is a file; give the directory that it is in", dir)
	}
	return nil
}

// ClientAddress is the address (host:port) of the server that the configuration in dir names, for a client: it reads
// kadeploy_server and kadeploy_server_port of deploy.conf or deploy.hcl and does not mind what else is there.
func ClientAddress(dir string) (string, error) {
	global, err := only(dir, "kadeploy_server", "kadeploy_server_port")
	if err != nil {
		return "", fmt.Errorf("server address: %w", err)
	}
	return global.Server, nil
}

// StateDir is the directory where the daemon of the configuration in dir keeps its state: it reads state_dir of
// deploy.conf or deploy.hcl and does not mind what else is there, so that a daemon is found whose configuration was
// broken since.
func StateDir(dir string) (string, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("state directory: %w", err)
	}
	global, err := only(absolute, "state_dir")
	if err != nil {
		return "", fmt.Errorf("state directory: %w", err)
	}
	return global.StateDir, nil
}

// LocalSocket is the socket where the daemon of the configuration in dir tells users of its machine who they are; it reads state_dir
// and local_socket as StateDir does.
func LocalSocket(dir string) (string, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("local socket: %w", err)
	}
	global, err := only(absolute, "state_dir", "local_socket")
	if err != nil {
		return "", fmt.Errorf("local socket: %w", err)
	}
	return global.LocalSocket, nil
}

// only reads some parameters of the daemon, in this order, from the file deploy.
func only(dir string, names ...string) (*Global, error) {
	if err := CheckDir(dir); err != nil {
		return nil, err
	}
	r := newReport()
	l := &loader{given: dir, dir: dir, schema: newSchema(), report: r}
	src, isHCL := l.role("deploy", func(hint string) {
		r.add(Error, position{source: &source{path: filepath.Join(dir, "deploy.conf")}}, hint, "no such file")
	})
	if src == nil {
		return nil, r.list
	}
	quiet := newReport()
	file := &layer{}
	if isHCL {
		if file = hclLayer(src, daemonScope, l.schema, quiet); file == nil {
			return nil, quiet.list
		}
	} else {
		file = classicLayer(src, daemonScope, l.schema, quiet)
	}
	b := &builder{dir: dir, schema: l.schema, report: r, global: &Global{}}
	t := &target{dir: dir, global: b.global}
	for _, name := range names {
		k := l.schema.byName[name]
		said := file.values[k.name]
		if len(said) == 0 {
			b.setDefault(k, stack{file}, t)
		} else {
			b.set(k, said[len(said)-1], l.functions(), t)
		}
	}
	if r.list.HasErrors() {
		return nil, r.list
	}
	return b.global, nil
}
