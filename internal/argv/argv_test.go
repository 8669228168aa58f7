package argv_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/internal/argv"
)

func syntax() argv.Syntax {
	return argv.Syntax{Optional: "key", Commands: []*cli.Command{
		{Name: "deploy", Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "machine", Aliases: []string{"m"}}, &cli.StringFlag{Name: "key", Aliases: []string{"k"}}, &cli.BoolFlag{Name: "no-wait"},
		}},
		{Name: "start", Flags: []cli.Flag{&cli.StringFlag{Name: "config-dir", Aliases: []string{"d"}}}},
	}}
}

func TestOrder(t *testing.T) {
	for _, c := range []struct{ words, want string }{
		{"k deploy -m a", "k deploy --machine=a"},
		{"k -d DIR start", "k start --config-dir=DIR"},
		{"k deploy a --no-wait b", "k deploy --no-wait -- a b"},
		{"k deploy -k -m a", "k deploy --key= --machine=a"},
		{"k deploy -k FILE", "k deploy --key=FILE"},
		{"k deploy -- -m", "k deploy -- -m"},
		{"k deploy --machine=-1", "k deploy --machine=-1"},
		{"k deploy -m -1", "k deploy --machine=-1"},
		{"k deploy --wrong x", "k deploy --wrong -- x"},
		{"k --help", "k help"},
		{"k -v", "k version"},
		{"k deploy -h", "k deploy --help"},
		{"k deploy a -m b -h", "k deploy --help"},
		{"k deploy -- -h", "k deploy -- -h"},
		{"k", "k"},
	} {
		got, err := syntax().Order(strings.Fields(c.words))
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, %v; want %q", c.words, got, err, c.want)
		}
	}
}

func TestOrderRefuses(t *testing.T) {
	for words, want := range map[string]argv.Error{
		"k deploy -m":          {Command: "deploy", Text: "option -m needs a value"},
		"k deploy -m -k":       {Command: "deploy", Text: "option -m needs a value, but -k follows"},
		"k -m a":               {Flag: "--machine", Text: "no command: --machine belongs to one"},
		"k -d":                 {Text: "option -d needs a value"},
		"k -m a --no-wait=yes": {Flag: "--machine", Text: "no command: --machine belongs to one"},
	} {
		_, err := syntax().Order(strings.Fields(words))
		var got *argv.Error
		if !errors.As(err, &got) || *got != want {
			t.Errorf("%s: %v, want %v", words, err, want)
		}
	}
}

// FuzzOrder holds that no word is lost and that what was ordered once stays in order.
func FuzzOrder(f *testing.F) {
	f.Add("k\n-d\nDIR\nstart")
	f.Add("k\ndeploy\n-m\nnode-[1-8]\n-k\n--\n-x")
	f.Fuzz(func(t *testing.T, text string) {
		words := strings.Split("k\n"+text, "\n")
		once, err := syntax().Order(words)
		if err != nil || len(once) < 2 {
			return
		}
		twice, err := syntax().Order(once)
		if err != nil || !slices.Equal(once, twice) {
			t.Errorf("%q becomes %q, then %q, %v", words, once, twice, err)
		}
	})
}
