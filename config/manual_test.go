package config

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var rewriteManual = flag.Bool("rewrite-manual", false, "write the tables of keys into docs/configuration.md")

// TestManual holds the tables of docs/configuration.md against the schema.
func TestManual(t *testing.T) {
	const path = "../docs/configuration.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := text
	for name, keep := range map[string]func(*key) bool{
		"daemon":  func(k *key) bool { return k.scope == daemonScope && k.ignored == "" },
		"cluster": func(k *key) bool { return k.scope != daemonScope && k.ignored == "" },
		"ignored": func(k *key) bool { return k.ignored != "" },
	} {
		want = replaceTable(t, want, name, keyTable(keep))
	}
	if bytes.Equal(text, want) {
		return
	}
	if !*rewriteManual {
		t.Fatal("docs/configuration.md does not say what the keys are: go test ./config -run TestManual -args -rewrite-manual")
	}
	if err := os.WriteFile(path, want, 0o644); err != nil {
		t.Fatal(err)
	}
}

func keyTable(keep func(*key) bool) string {
	var b strings.Builder
	b.WriteString("| key | default | meaning |\n|---|---|---|\n")
	for _, k := range newSchema().keys {
		if !keep(k) {
			continue
		}
		names := []string{"`" + k.name + "`"}
		for _, a := range k.aliases {
			names = append(names, "`"+a+"`")
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", strings.Join(names, ", "), defaultOf(k), escape(k.doc))
	}
	return b.String()
}

func defaultOf(k *key) string {
	values := slices.DeleteFunc(slices.Clone(k.initial), func(s string) bool { return s == "" })
	for i, v := range values {
		values[i] = "`" + escape(v) + "`"
	}
	if k.required {
		return "required"
	}
	return strings.Join(values, "<br>")
}

func escape(s string) string { return strings.ReplaceAll(s, "|", "\\|") }

func replaceTable(t *testing.T, text []byte, name, table string) []byte {
	start := []byte("<!-- keys: " + name + " -->\n")
	i := bytes.Index(text, start)
	if i < 0 {
		t.Fatalf("docs/configuration.md has no table %s", name)
	}
	i += len(start)
	n := bytes.Index(text[i:], []byte("<!-- end -->"))
	return slices.Concat(text[:i], []byte(table), text[i+n:])
}
