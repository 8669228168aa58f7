package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Load reads a configuration directory: deploy, nodes and one cluster-NAME file for each cluster that nodes names, each
// either classic (.conf) or HCL (.hcl), and the optional classic files cmd and partition_file_NAME. It reports every
// problem it finds, warnings and notes too; when HasErrors, the Snapshot is nil. It only reads.
func Load(dir string) (*Snapshot, Diagnostics) {
	report := newReport()
	absolute, err := filepath.Abs(dir)
	if err != nil {
		report.add(Error, position{source: &source{path: dir}}, "", "%v", err)
		return nil, report.list
	}
	l := &loader{given: dir, dir: absolute, schema: newSchema(), report: report, clusters: map[string]*layer{}}
	snapshot := l.load()
	diagnostics := report.sorted()
	if diagnostics.HasErrors() {
		snapshot = nil
	}
	return snapshot, diagnostics
}

// loader reads the files of one directory.
type loader struct {
	given    string // the directory as the caller wrote it, for diagnostics
	dir      string
	schema   *schema
	report   *report
	clusters map[string]*layer
}

func (l *loader) load() *Snapshot {
	global := l.layer("deploy", daemonScope)
	census := newCensus(l.report)
	l.nodes(census)
	l.commands(census)
	for _, e := range census.entries {
		if _, known := l.clusters[e.cluster]; !known {
			l.clusters[e.cluster] = l.cluster(e)
		}
	}
	l.strayClusters(census)
	if global == nil {
		return nil
	}
	return l.build(global, census.entries)
}

// role reads the file of a role, classic or HCL; nil when there is none to use. Only the caller knows who misses it:
// missing gets the hint for that report.
func (l *loader) role(name string, missing func(hint string)) (src *source, isHCL bool) {
	classic, hcl := filepath.Join(l.given, name+".conf"), filepath.Join(l.given, name+".hcl")
	hasClassic, hasHCL := exists(classic), exists(hcl)
	path := classic
	switch {
	case hasClassic && hasHCL:
		l.report.add(Error, position{source: &source{path: hcl}}, "remove one of them", "both %s.conf and %s.hcl are there", name, name)
		return nil, false
	case !hasClassic && !hasHCL:
		missing("write " + name + ".conf or " + name + ".hcl")
		return nil, false
	case hasHCL:
		path = hcl
	}
	return l.read(path), hasHCL
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// read reads a file that is there; nil when it cannot, which is reported.
func (l *loader) read(path string) *source {
	src, err := readSource(path)
	if err != nil {
		l.report.add(Error, position{source: &source{path: path}}, "", "%v", err)
		return nil
	}
	return src
}

// layer reads the file of a role as one layer; nil when there is none to use.
func (l *loader) layer(name string, file scope) *layer {
	src, isHCL := l.role(name, func(hint string) {
		l.report.add(Error, position{source: &source{path: filepath.Join(l.given, name+".conf")}}, hint, "no such file")
	})
	switch {
	case src == nil:
		return nil
	case isHCL:
		return hclLayer(src, file, l.schema, l.report)
	}
	return classicLayer(src, file, l.schema, l.report)
}

// nodes reads nodes.conf or nodes.hcl.
func (l *loader) nodes(c *census) {
	src, isHCL := l.role("nodes", func(hint string) {
		l.report.add(Error, position{source: &source{path: filepath.Join(l.given, "nodes.conf")}}, hint, "no such file")
	})
	switch {
	case src == nil:
		return
	case isHCL:
		hclNodes(src, l.functions(), l.schema, c)
	default:
		classicNodes(src, l.schema, c)
	}
	if len(c.entries) == 0 && !l.report.list.HasErrors() {
		l.report.add(Error, position{source: src}, "", "no node in this file")
	}
}

// commands reads the optional file cmd.
func (l *loader) commands(c *census) {
	path := filepath.Join(l.given, "cmd")
	if !exists(path) {
		return
	}
	if src := l.read(path); src != nil {
		classicCommands(src, l.schema, c)
	}
}

// cluster reads the file of the cluster that a node names first.
func (l *loader) cluster(e *entry) *layer {
	name := "cluster-" + e.cluster
	src, isHCL := l.role(name, func(hint string) {
		l.report.add(Error, e.at, hint, "cluster %s of node %s has no file", e.cluster, e.name)
	})
	switch {
	case src == nil:
		return nil
	case isHCL:
		return hclLayer(src, clusterScope, l.schema, l.report)
	}
	return classicLayer(src, clusterScope, l.schema, l.report)
}

// strayClusters notes the cluster files that no node uses.
func (l *loader) strayClusters(c *census) {
	files, err := os.ReadDir(l.dir)
	if err != nil || len(c.entries) == 0 {
		return
	}
	for _, file := range files {
		name, isCluster := strings.CutPrefix(file.Name(), "cluster-")
		name, isConf := strings.CutSuffix(name, ".conf")
		name, isHCL := strings.CutSuffix(name, ".hcl")
		if _, used := l.clusters[name]; isCluster && (isConf || isHCL) && !used {
			l.report.add(Note, position{source: &source{path: filepath.Join(l.given, file.Name())}}, didYouMean(name, l.clusterNames()),
				"no node is in cluster %s: the file is not read", name)
		}
	}
}

func (l *loader) clusterNames() []string {
	var names []string
	for name := range l.clusters {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
