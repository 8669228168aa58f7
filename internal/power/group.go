package power

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/kadeploy/kadeploy/internal/nodeset"
)

// GroupDriver is what a driver can do that has commands which touch several machines together, such as a switched power strip.
type GroupDriver interface {
	// DoGroup carries out op at level once for all targets, of which each has the same command.
	DoGroup(ctx context.Context, targets []Target, op Op, level Level) error
}

// maxGroups bounds a file of groups, in bytes.
const maxGroups = 1 << 20

// FindGroup finds the group of a machine in a file of groups, one a line, nodes and sets of nodes with commas between them
// (Kadeploy3 1.7). Names are as they are written, full or short.
func FindGroup(file string, t Target) ([]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(io.LimitReader(f, maxGroups))
	lines.Buffer(nil, maxGroups)
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if line = strings.Join(strings.Fields(line), ""); line == "" {
			continue
		}
		names, err := nodeset.Expand(line)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, n, err)
		}
		if slices.Contains(names, t.Name) || slices.Contains(names, t.Short) {
			return names, nil
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return nil, fmt.Errorf("%s has no group with %s", file, t.Name)
}

var _ GroupDriver = Command{}

// DoGroup runs the command of op at level, with GROUP_FQDN and GROUP_SHORT replaced by the names of all targets and commas
// between them; HOSTNAME_FQDN and HOSTNAME_SHORT are the first one's.
func (Command) DoGroup(ctx context.Context, targets []Target, op Op, level Level) error {
	first, key := targets[0], Key(op, level)
	var full, short []string
	for _, t := range targets {
		full, short = append(full, t.Name), append(short, t.Short)
	}
	command := first.Commands[key]
	names := strings.NewReplacer("GROUP_FQDN", strings.Join(full, ","), "GROUP_SHORT", strings.Join(short, ","))
	command.Argv = slices.Clone(command.Argv)
	for i, arg := range command.Argv {
		if command.Argv[i] = names.Replace(arg); i > 0 && command.Argv[i] != arg && strings.HasPrefix(command.Argv[i], "-") && !strings.HasPrefix(arg, "-") {
			return fmt.Errorf("%s of %s: the names %q would be read as an option", key, nodeset.Fold(full), command.Argv[i])
		}
	}
	argv, err := first.Argv(command)
	if err == nil {
		_, err = run(ctx, argv)
	}
	if err != nil {
		return fmt.Errorf("%s of %s: %w", key, nodeset.Fold(full), err)
	}
	return nil
}
