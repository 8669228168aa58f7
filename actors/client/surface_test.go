package client_test

import (
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestSurfaceShowsNoActors walks every type that a user of the package can reach without leaving the project, and finds none of the
// actor library, nor of the transport below it.
func TestSurfaceShowsNoActors(t *testing.T) {
	pkg := compiled(t, project+"actors/client")
	s := &surface{seen: make(map[types.Type]bool)}
	scope := pkg.Scope()
	for _, name := range scope.Names() {
		if o := scope.Lookup(name); o.Exported() {
			s.walk(name, o.Type())
		}
	}
	for _, found := range s.foreign {
		t.Error(found)
	}
	if len(s.seen) < 100 {
		t.Errorf("only %d types were looked at: the walk does not reach the messages", len(s.seen))
	}
}

// TestSurfaceFindsAnActor keeps the walk honest: of the link's surface it must complain.
func TestSurfaceFindsAnActor(t *testing.T) {
	pkg := compiled(t, project+"actors/link")
	s := &surface{seen: make(map[types.Type]bool)}
	s.walk("StartServer", pkg.Scope().Lookup("StartServer").Type())
	if len(s.foreign) == 0 {
		t.Error("StartServer takes an actor system, and the walk does not see it")
	}
}

// compiled is a package as the compiler tells others of it.
func compiled(t *testing.T, path string) *types.Package {
	t.Helper()
	out, err := exec.Command("go", "list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		name, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		files[name] = file
	}
	open := func(path string) (io.ReadCloser, error) { return os.Open(files[path]) }
	pkg, err := importer.ForCompiler(token.NewFileSet(), "gc", open).Import(path)
	if err != nil {
		t.Fatal(err)
	}
	return pkg
}

// surface is what a walk has seen.
type surface struct {
	seen    map[types.Type]bool
	foreign []string // where what was found
}

const project = "github.com/kadeploy/kadeploy/"

func (s *surface) walk(where string, t types.Type) {
	if s.seen[t] {
		return
	}
	s.seen[t] = true
	switch t := t.(type) {
	case *types.Alias:
		s.walk(where, types.Unalias(t))
	case *types.Named:
		s.named(where, t)
	case *types.Pointer:
		s.walk(where, t.Elem())
	case *types.Slice:
		s.walk(where, t.Elem())
	case *types.Array:
		s.walk(where, t.Elem())
	case *types.Chan:
		s.walk(where, t.Elem())
	case *types.Map:
		s.walk(where, t.Key())
		s.walk(where, t.Elem())
	case *types.Tuple:
		for v := range t.Variables() {
			s.walk(where, v.Type())
		}
	case *types.Signature:
		s.walk(where, t.Params())
		s.walk(where, t.Results())
	case *types.Struct:
		for f := range t.Fields() {
			if f.Exported() {
				s.walk(where+"."+f.Name(), f.Type())
			}
		}
	case *types.Interface:
		for m := range t.Methods() {
			s.walk(where+"."+m.Name(), m.Type())
		}
	}
}

func (s *surface) named(where string, t *types.Named) {
	pkg := t.Obj().Pkg()
	if pkg == nil {
		return
	}
	for _, hidden := range []string{"github.com/asynkron/", "google.golang.org/grpc"} {
		if strings.HasPrefix(pkg.Path(), hidden) {
			s.foreign = append(s.foreign, fmt.Sprintf("%s shows %s", where, t))
			return
		}
	}
	if !strings.HasPrefix(pkg.Path(), project) {
		return
	}
	s.walk(where, t.Underlying())
	for m := range t.Methods() {
		if m.Exported() {
			s.walk(where+"."+m.Name(), m.Type())
		}
	}
}
