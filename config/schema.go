package config

import (
	"slices"
)

// scope says which files may set a key. A global file may also set the keys of clusters, as a default for all.
type scope int

const (
	daemonScope  scope = iota // deploy.conf only
	clusterScope              // deploy.conf, cluster-NAME.conf, and for one node nodes.conf
	nodeScope                 // nodes.conf only
)

func (s scope) String() string {
	return [...]string{"the daemon", "a cluster", "a node"}[s]
}

// form is how a value is written; HCL values of another type are refused.
type form int

const (
	text form = iota
	boolean
	number    // an integer, a port, seconds, a size, a timeout expression
	count     // a number or a percentage
	list      // items separated by commas, or an HCL list
	namedList // NAME:ITEM pairs, or an HCL object
	command   // one line cut into words, or an HCL list
)

// key is one parameter: its row of the table of everything that a configuration may say.
type key struct {
	name     string
	aliases  []string // other generations' names
	scope    scope
	form     form
	joint    string // of namedList: what stands between name and item
	appends  bool   // further assignments in the same file add to the first
	overlays bool   // a more specific file replaces only what it names
	required bool
	initial  []string // default, as it would be written
	fallback func(*target) string
	ignored  string // why it has no effect here; "" when it has
	doc      string // one line
	set      func(*target, value) error
}

// target is where values go: the daemon's parameters, or the settings of a node.
type target struct {
	dir      string
	cluster  string
	global   *Global
	settings *Settings
	fresh    map[string]bool // macro-steps already named by the file being applied
}

// schema is the table of keys with its index.
type schema struct {
	keys   []*key
	byName map[string]*key
}

func newSchema() *schema {
	s := &schema{byName: map[string]*key{}}
	for _, k := range slices.Concat(daemonKeys(), chainDaemonKeys(), uploadKeys(), databaseKeys(), netbootKeys(), nodeKeys(), loaderKeys(), chainNodeKeys(), commandKeys(), powerKeys(), sandboxKeys(), ignoredKeys()) {
		s.keys = append(s.keys, k)
		for _, name := range append([]string{k.name}, k.aliases...) {
			if s.byName[name] != nil {
				panic("config: two keys named " + name)
			}
			s.byName[name] = k
		}
	}
	return s
}

// names lists the keys that a file of the given scope may set, for suggestions.
func (s *schema) names(file scope) []string {
	var names []string
	for name, k := range s.byName {
		if k.allowedIn(file) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// allowedIn says whether a file of a scope may set the key.
func (k *key) allowedIn(file scope) bool {
	switch file {
	case daemonScope:
		return k.scope != nodeScope
	case clusterScope:
		return k.scope == clusterScope || k.ignored != ""
	default:
		return k.scope != daemonScope
	}
}

// find returns the key a file of the given scope means by name. It reports an unknown name, a name that belongs in
// another file, and once for each the keys without effect; those return nil.
func (s *schema) find(name string, file scope, at position, r *report) *key {
	k := s.byName[name]
	switch {
	case k == nil:
		r.add(Error, at, r.suggest(name, func() []string { return s.names(file) }), "unknown key %q", name)
	case k.ignored != "":
		r.ignored(k, at)
	case !k.allowedIn(file) && k.scope == daemonScope:
		r.add(Error, at, "set it in deploy.conf or deploy.hcl", "%s is a parameter of the daemon, not of %s", name, file)
	case !k.allowedIn(file):
		r.add(Error, at, "set it in nodes.conf or nodes.hcl", "%s is a parameter of one node", name)
	default:
		return k
	}
	return nil
}

// ignored notes once in a reading that a known key has no effect.
func (r *report) ignored(k *key, at position) {
	if r.told[k.name] {
		return
	}
	r.told[k.name] = true
	r.add(Note, at, "", "ignored: %s: %s", k.name, k.ignored)
}
