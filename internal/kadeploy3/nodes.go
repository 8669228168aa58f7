package kadeploy3

import (
	"errors"
	"fmt"
	"strings"
)

// yamlClusters reads clusters.conf, clusters[]{name, conf_file, nodes[]{name, address}}, and the file of each cluster. Before 3.1.7
// it was clusters.yml, a mapping by name.
func (f folder) yamlClusters(d *draft, connector string) error {
	name := f.first("clusters.conf", "clusters.yml")
	if name == "" {
		return errors.New("clusters.conf is missing")
	}
	doc, err := f.document(name)
	if err != nil {
		return err
	}
	nodes := d.file("nodes.conf")
	nodes.comment("# From " + name + " of Kadeploy3.")
	version, _ := f.read("version")
	counted := strings.HasPrefix(strings.TrimSpace(string(version)), "3.1.5")
	done := map[string]bool{}
	for _, e := range doc.clusters() {
		switch {
		case len(done) == maxClusters:
			return fmt.Errorf("%s: more than %d clusters", name, maxClusters)
		case !clusterName.MatchString(e.name):
			d.report.lost(e.at, "%q is not the name of a cluster: letters, digits and . _ -", e.name)
		case done[e.name]:
			d.report.lost(e.at, "cluster %s is there twice", e.name)
		case f.yamlCluster(d, doc, e, connector, counted):
			doc.nodes(d, nodes, e)
		}
		done[e.name] = true
		doc.pass(e.path)
	}
	doc.leftovers(d.report, nil)
	return nil
}

// clusterEntry is one cluster of clusters.conf.
type clusterEntry struct {
	name, path string // path ends in /
	at         Place
}

// clusters lists the clusters of both forms.
func (d *document) clusters() (list []clusterEntry) {
	for i := range d.sizes["clusters"] {
		item := fmt.Sprintf("clusters[%d]/", i)
		d.take(item + "prefix") // it was for messages only
		name := d.take(item + "name")
		list = append(list, clusterEntry{name.value(), item, d.place(name)})
	}
	for _, l := range d.leaves {
		if name, field, found := strings.Cut(l.path, "/"); found && field == "conf_file" && !strings.HasPrefix(name, "clusters[") {
			d.take(name + "/prefix")
			list = append(list, clusterEntry{name, name + "/", l.at})
		}
	}
	return list
}

// yamlCluster reads the file of a cluster, and says whether there is one.
func (f folder) yamlCluster(d *draft, doc *document, e clusterEntry, connector string, counted bool) bool {
	conf := doc.take(e.path + "conf_file")
	if conf == nil {
		d.report.lost(e.at, "cluster %s as a whole: it names no conf_file", e.name)
		return false
	}
	name, inside := f.inside(conf.value())
	if !inside {
		d.report.lost(conf.at, "cluster %s as a whole: %s is not in the directory; copy it there, and name it without directories", e.name, conf.value())
		return false
	}
	file, err := f.document(name)
	if err != nil {
		d.report.lost(conf.at, "cluster %s as a whole: %v", e.name, err)
		return false
	}
	out := d.file("cluster-" + e.name + ".conf")
	out.comment("# From " + name + " of Kadeploy3.")
	c := &cluster{folder: f, doc: file, out: out, draft: d, name: e.name, connector: connector, counted: counted}
	c.partitionFile = doc.take(e.path + "partition_file")
	c.read()
	return true
}

// nodes adds the nodes of a cluster. Name and address may be ranges.
func (d *document) nodes(draft *draft, out *file, e clusterEntry) {
	for i := range d.sizes[e.path+"nodes"] {
		item := fmt.Sprintf("%snodes[%d]/", e.path, i)
		name, address := d.take(item+"name"), d.take(item+"address")
		if strings.ContainsAny(name.value()+address.value(), " \t\n\r'\"\\#") || name.value() == "" || address.value() == "" {
			draft.report.lost(d.place(name), "node %d of cluster %s: a name and an address are wanted", i+1, e.name)
			continue
		}
		out.raw(name.value()+" "+address.value()+" "+e.name, name.at)
	}
}
