package kadeploy3

import (
	"fmt"
	"strings"
)

// adder is the script that puts the descriptions into the catalogue of a server, each as an environment of the one who had it.
type adder struct{ lines []string }

func (a *adder) take(owner, file string) {
	a.lines = append(a.lines, fmt.Sprintf("kadeploy env add --user=%s %s || failed=1\n", quoted(owner), quoted(file)))
}

func (a *adder) script() []byte {
	return []byte(adderHead + strings.Join(a.lines, "") + "exit $failed\n")
}

// quoted is one word of a shell, whatever is in it.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

const adderHead = `#!/bin/sh
# Puts the environments into the catalogue, each as its owner's. Run it as an admin of the server, which must run: sh environments.sh
# What is there already is refused, and stays; so it may be run again.
cd "$(dirname "$0")" || exit 1
failed=0
`
