package netlab

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

func ip(args ...string) []string { return append([]string{"ip"}, args...) }
func tc(args ...string) []string { return append([]string{"tc"}, args...) }

// inOrder runs command lines until one fails. The error is one line: the command and the first line it complained with.
func inOrder(lines ...[]string) error {
	for _, line := range lines {
		out, err := exec.Command(line[0], line[1:]...).CombinedOutput()
		if err == nil {
			continue
		}
		if said, _, _ := bytes.Cut(bytes.TrimSpace(out), []byte("\n")); len(said) > 0 {
			err = errors.New(string(said))
		}
		return fmt.Errorf("%s: %w", strings.Join(line, " "), err)
	}
	return nil
}
