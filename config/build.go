package config

import (
	"github.com/hashicorp/hcl/v2"

	"github.com/kadeploy/kadeploy/internal/disklayout"
	"github.com/kadeploy/kadeploy/internal/workflow"
)

// build makes the model of what the files say.
func (l *loader) build(global *layer, entries []*entry) *Snapshot {
	s := &Snapshot{Dir: l.dir, byName: map[string]*Node{}, origins: map[string]origin{}, schema: l.schema}
	b := &builder{dir: l.dir, schema: l.schema, report: l.report, global: &s.Global, context: l.functions(), shared: map[string]*Settings{}, layouts: map[string]*disklayout.Layout{}}
	b.checkAll(global, "", daemonScope)
	b.settle(daemonScope, stack{global}, b.context, &target{dir: l.dir, global: &s.Global})
	for _, name := range l.clusterNames() {
		if l.clusters[name] != nil {
			b.checkAll(l.clusters[name], name, clusterScope)
		}
	}
	for _, e := range entries {
		cluster := l.clusters[e.cluster]
		if cluster == nil {
			continue
		}
		o := origin{entry: e, layers: stack{e.layer, cluster, global}}
		node := &Node{Name: e.name, Addr: e.addr, MAC: e.mac, Cluster: e.cluster, Settings: b.settings(o)}
		b.checkNode(node, o)
		s.Nodes = append(s.Nodes, node)
		s.byName[node.Name] = node
		s.origins[node.Name] = o
	}
	b.checkGlobal(s, stack{global})
	return s
}

// origin is where the settings of a node come from.
type origin struct {
	entry  *entry
	layers stack
}

// builder turns layers into settings.
type builder struct {
	dir     string
	schema  *schema
	report  *report
	global  *Global
	context *hcl.EvalContext
	shared  map[string]*Settings          // by cluster, for the nodes that say nothing of their own
	layouts map[string]*disklayout.Layout // by file; nil: a wrong one
}

// settings are those of one node. Nodes that say nothing of their own share the maps and lists of their cluster:
// nobody changes them after Load.
func (b *builder) settings(o origin) Settings {
	own := len(o.entry.layer.values) > 0 || o.layers.perNode()
	if shared := b.shared[o.entry.cluster]; shared != nil && !own {
		return *shared
	}
	t := b.target(o.entry.cluster)
	b.settle(clusterScope, o.layers, nodeContext(b.context, o.entry), t)
	b.checkSettings(t.settings, o)
	if !own {
		b.shared[o.entry.cluster] = t.settings
	}
	return *t.settings
}

func (b *builder) target(cluster string) *target {
	return &target{dir: b.dir, cluster: cluster, global: b.global, settings: &Settings{
		Commands:   map[string]Command{},
		Macrosteps: map[workflow.Macro][]workflow.Spec{},
	}}
}

// settle sets every key of a scope.
func (b *builder) settle(of scope, layers stack, ctx *hcl.EvalContext, t *target) {
	for _, k := range b.schema.keys {
		if k.scope != of || k.ignored != "" {
			continue
		}
		groups := layers.inForce(k)
		if k.required && len(groups) == 0 {
			b.missing(k, layers, t.cluster)
		}
		if len(groups) == 0 || k.overlays {
			b.setDefault(k, layers, t)
		}
		for _, said := range groups {
			t.fresh = map[string]bool{}
			for _, a := range said {
				b.set(k, a, ctx, t)
			}
		}
	}
}

func (b *builder) missing(k *key, layers stack, cluster string) {
	src := layers[len(layers)-2].source
	b.report.add(Error, position{source: src}, "set it here, or in deploy.conf for all clusters", "cluster %s has no %s: %s", cluster, k.name, k.doc)
}

// setDefault sets what a key is when no file says it. A default can be wrong, too: a file that lies beside.
func (b *builder) setDefault(k *key, layers stack, t *target) {
	t.fresh = map[string]bool{}
	for _, text := range k.defaults(t) {
		if err := k.set(t, value{text: text}); err != nil {
			b.report.fault(layers.place(k), k.name, err)
		}
	}
}

func (k *key) defaults(t *target) []string {
	if k.fallback != nil {
		return []string{k.fallback(t)}
	}
	return k.initial
}

func (b *builder) set(k *key, a assignment, ctx *hcl.EvalContext, t *target) {
	v, ok := a.in(ctx, b.report)
	if !ok {
		return
	}
	err := k.set(t, v)
	if err == nil {
		return
	}
	if f, isFault := err.(*fault); isFault && a.opaque {
		err = &fault{msg: f.msg, hint: f.hint}
	}
	b.report.fault(a.at, k.name, err)
}

// checkAll sets every value of a file on a target that is thrown away, so that a wrong value is found even where a
// more specific file hides it from every node.
func (b *builder) checkAll(l *layer, cluster string, file scope) {
	for _, k := range b.schema.keys {
		for _, a := range l.values[k.name] {
			if a.perNode || file == daemonScope && k.scope == daemonScope {
				continue
			}
			t := b.target(cluster)
			t.fresh = map[string]bool{}
			b.set(k, a, b.context, t)
		}
	}
}

// Node finds a node by its name.
func (s *Snapshot) Node(name string) (*Node, bool) {
	n, ok := s.byName[name]
	return n, ok
}

// Clusters lists the names of the clusters in the order in which the nodes name them.
func (s *Snapshot) Clusters() []string {
	var names []string
	seen := map[string]bool{}
	for _, n := range s.Nodes {
		if !seen[n.Cluster] {
			seen[n.Cluster] = true
			names = append(names, n.Cluster)
		}
	}
	return names
}
