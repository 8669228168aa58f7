package config

import (
	"fmt"
	"path/filepath"
)

// ClientAddress is the address (host:port) of the server that the configuration in dir names, for a client: it reads
// kadeploy_server and kadeploy_server_port of deploy.conf or deploy.hcl and does not mind what else is there.
func ClientAddress(dir string) (string, error) {
	r := newReport()
	l := &loader{given: dir, dir: dir, schema: newSchema(), report: r}
	src, isHCL := l.role("deploy", func(hint string) {
		r.add(Error, position{source: &source{path: filepath.Join(dir, "deploy.conf")}}, hint, "no such file")
	})
	if src == nil {
		return "", fmt.Errorf("server address: %w", r.list)
	}
	quiet := newReport()
	file := &layer{}
	if isHCL {
		if file = hclLayer(src, daemonScope, l.schema, quiet); file == nil {
			return "", fmt.Errorf("server address: %w", quiet.list)
		}
	} else {
		file = classicLayer(src, daemonScope, l.schema, quiet)
	}
	b := &builder{dir: dir, schema: l.schema, report: r, global: &Global{}}
	t := &target{dir: dir, global: b.global}
	for _, name := range []string{"kadeploy_server", "kadeploy_server_port"} {
		k := l.schema.byName[name]
		said := file.values[k.name]
		if len(said) == 0 {
			b.setDefault(k, stack{file}, t)
		} else {
			b.set(k, said[len(said)-1], l.functions(), t)
		}
	}
	if r.list.HasErrors() {
		return "", fmt.Errorf("server address: %w", r.list)
	}
	return b.global.Server, nil
}
