package kadeploy3

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// classic reads the files of 2009 to 2012: conf, clusters, nodes, and for each cluster specific_conf_NAME and
// partition_file_NAME; cmd and client_conf may be there. Our files have the same lines, with the comments.
func (f folder) classic(d *draft) error {
	conf, err := f.read("conf")
	if err != nil {
		return fmt.Errorf("conf: %w", err)
	}
	deploy := d.file("deploy.conf")
	f.keys(d, deploy, "conf", conf)
	host, at := deploy.value("kadeploy_server")
	deploy.listen(host, at)
	names := f.clusters(d)
	for _, name := range names {
		f.cluster(d, name)
	}
	if err := f.classicNodes(d); err != nil {
		return err
	}
	f.classicCommands(d)
	if f.has("client_conf") {
		d.report.note(Place{File: "client_conf"}, "clients find the server by kadeploy_server, or by --server and KADEPLOY_SERVER")
	}
	return nil
}

// value is what a file sets a key to last.
func (f *file) value(key string) (string, Place) {
	for i := len(f.lines) - 1; i >= 0; i-- {
		if f.lines[i].key() == key {
			_, value, _ := strings.Cut(f.lines[i].text, "=")
			return strings.TrimSpace(value), f.lines[i].origin
		}
	}
	return "", Place{}
}

// listen lets nodes call in, and fetch what they boot where their loader is iPXE: by default only those of the server's own machine can.
func (f *file) listen(host string, at Place) {
	others := host != "" && host != "localhost" && !strings.HasPrefix(host, "127.")
	if others {
		f.comment("# Node agents call the server here. Kadeploy3 had no such port.")
		f.set("agents_listen", host+":25301", at)
	}
	loader, at := f.value("pxe_kind")
	switch {
	case !strings.EqualFold(loader, "ipxe"):
	case others:
		f.comment("# iPXE fetches kernels and profiles here: this server has an HTTP server of its own.")
		f.set("http_listen", host+":25302", at)
		f.report.note(at, "%s: nodes fetch from this server, http://%s:25302, and not from another HTTP server; set http_url if they call it otherwise", loader, host)
	default:
		f.lines = slices.DeleteFunc(f.lines, func(l line) bool { return l.key() == "pxe_kind" })
		f.report.lost(at, "%s: set pxe_kind = ipxe with http_listen and http_url, for the server is not known by a name that nodes reach; until then boot profiles are those of PXELINUX", loader)
	}
}

// keys copies the lines of a key = value file.
func (f folder) keys(d *draft, out *file, name string, text []byte) {
	for i, raw := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		raw = strings.TrimRight(raw, "\r \t")
		at := Place{File: name, Line: i + 1}
		if trimmed := strings.TrimSpace(raw); trimmed == "" || trimmed[0] == '#' {
			if !secret(trimmed) {
				out.comment(raw)
			}
			continue
		}
		key, value, found := strings.Cut(raw, "=")
		if !found {
			if secret(raw) {
				raw = "..."
			}
			d.report.lost(at, "%q is not key = value; Kadeploy3 did not read it either", raw)
			continue
		}
		key = strings.TrimSpace(key)
		if value, keep := f.classicValue(d, key, strings.TrimSpace(value), at); keep {
			out.set(key, value, at)
		}
	}
}

// secret says that a line may hold a password of Kadeploy3, which goes neither into our files nor into the report.
func secret(text string) bool { return strings.Contains(strings.ToLower(text), "passw") }

var atOnce = regexp.MustCompile(`:\s*0\s*(,|$)`)

// classicValue is the value of a key in our file; keep is false for one that has no place in it.
func (f folder) classicValue(d *draft, key, value string, at Place) (out string, keep bool) {
	switch {
	case key == "db_kind":
		d.report.note(at, "the database is not used any more; its address and password were not copied")
		return "", false
	case strings.HasPrefix(key, "deploy_db_") || secret(key):
		return "", false
	case key == "rights_kind":
		d.rightsKind(value, at)
		return "", false
	case strings.HasPrefix(key, "cmd_"):
		return f.command(d, value), true
	case key == "deploy_kernel":
		return d.bootFile(value, at), true
	case key == "deploy_initrd":
		file, args, _ := strings.Cut(value, " ")
		return d.bootFile(file, at) + " " + args, true
	case key == "admin_pre_install" || key == "admin_post_install":
		return f.archiveList(value), true
	case key == "macrostep" && atOnce.MatchString(value):
		d.report.note(at, "a time of 0 in macrostep ended a try at once in 2009, and is no limit here")
	}
	return value, true
}

// rightsKind says what rights_kind = dummy was.
func (d *draft) rightsKind(kind string, at Place) {
	if kind == "dummy" {
		d.report.lost(at, "everybody might use every node (rights: dummy), and nobody may here: to go on so, kadeploy rights add '*' '*'")
	}
}

// command is a command with the file of node groups that may follow after a comma.
func (f folder) command(d *draft, text string) string {
	if comma := strings.LastIndexByte(text, ','); comma > 0 {
		group := strings.TrimSpace(text[comma+1:])
		if name, inside := f.inside(group); path.IsAbs(group) || group != "" && inside && f.has(name) {
			return command(text[:comma]) + "," + f.groups(d, group)
		}
	}
	return command(text)
}

// archiveList makes the files of FILE|KIND|SCRIPT,... absolute.
func (f folder) archiveList(text string) string {
	if !strings.Contains(text, "|") {
		return text
	}
	items := strings.Split(text, ",")
	for i, item := range items {
		items[i] = f.outside(strings.TrimSpace(item))
	}
	return strings.Join(items, ",")
}

// clusters reads the names of the clusters; without the file, they are those of the files.
func (f folder) clusters(d *draft) []string {
	text, err := f.read("clusters")
	if err != nil {
		d.report.lost(Place{File: "clusters"}, "%v", err)
	}
	var names []string
	for i, raw := range strings.Split(string(text), "\n") {
		name := strings.TrimSpace(raw)
		at := Place{File: "clusters", Line: i + 1}
		switch {
		case name == "" || name[0] == '#':
		case !clusterName.MatchString(name):
			d.report.lost(at, "%q is not the name of a cluster: letters, digits and . _ -", name)
		case len(names) == maxClusters:
			d.report.lost(at, "more than %d clusters", maxClusters)
			return names
		default:
			names = append(names, name)
		}
	}
	return names
}

// cluster reads specific_conf_NAME and partition_file_NAME.
func (f folder) cluster(d *draft, name string) {
	conf := "specific_conf_" + name
	text, err := f.read(conf)
	if err != nil {
		d.report.lost(Place{File: conf}, "cluster %s: %v", name, err)
		return
	}
	f.keys(d, d.file("cluster-"+name+".conf"), conf, text)
	table := "partition_file_" + name
	switch text, err := f.read(table); {
	case err == nil:
		d.extra[table] = text
	case f.has(table):
		d.report.lost(Place{File: table}, "cluster %s: %v", name, err)
	default:
		d.report.lost(Place{File: table}, "cluster %s has no partition table: its disks stay as they are", name)
	}
}
