package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// maxIncluded bounds what the function file reads.
const maxIncluded = 1 << 20

// functions is the context of every HCL expression of a configuration.
func (l *loader) functions() *hcl.EvalContext {
	return &hcl.EvalContext{Functions: map[string]function.Function{
		"env":    textFunction("name", environmentVariable),
		"file":   textFunction("path", func(path string) (string, error) { return include(l.dir, path) }),
		"format": stdlib.FormatFunc,
		"join":   stdlib.JoinFunc,
	}}
}

func textFunction(parameter string, do func(string) (string, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: parameter, Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			text, err := do(args[0].AsString())
			return cty.StringVal(text), err
		},
	})
}

// environmentVariable refuses a variable that is not set: an empty text would be taken for a decision.
func environmentVariable(name string) (string, error) {
	text, found := os.LookupEnv(name)
	if !found {
		return "", fmt.Errorf("environment variable %s is not set", name)
	}
	return text, nil
}

// include reads a text file inside the configuration directory.
func include(dir, path string) (string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", bare(err)
	}
	defer func() { _ = root.Close() }()
	info, err := root.Stat(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, bare(err))
	}
	if !info.Mode().IsRegular() || info.Size() > maxIncluded {
		return "", fmt.Errorf("%s is not a file of at most %d bytes", path, maxIncluded)
	}
	file, err := root.Open(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, bare(err))
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxIncluded))
	if err == nil && !utf8.Valid(text) {
		err = errors.New("not a text file")
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return string(text), nil
}
