package blackout

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// deedsFile is where the scripts of a node write down that they begin, beside its disk: no format takes it away.
const deedsFile = "deeds"

// kind is a sort of what is done to a node, and must not be done twice.
type kind string

// The kinds: those of scripts, by the word that they write down, and the commands to the power of a machine.
const (
	custom      kind = "custom"
	preInstall  kind = "pre-install"
	postInstall kind = "post-install"
	powered     kind = "power"
)

// kinds are those of micro-steps.
var kinds = map[string]kind{
	"custom_pre": custom, "custom_post": custom, "manage_admin_pre_install": preInstall, "manage_user_post_install": postInstall, "reboot": powered,
}

// deedScript writes down what it is told to, with the time, and takes a moment, so that a daemon may die meanwhile.
func deedScript(dir string) string {
	return "set -e\necho \"$1 $(date +%s.%N)\" >> \"" + diskOf(dir, "$KADEPLOY_NODE") + "/" + deedsFile + "\"\nsleep 0.4\n"
}

// doing is the line of a script that does a deed.
func doing(dir string, k kind) string { return "exec sh " + dir + "/images/deed.sh " + string(k) }

// operation is the file of a custom operation at a place.
func (p Place) operation(dir string) []byte {
	return fmt.Appendf(nil, "%s:\n  %s:\n    %s:\n      - {name: deed, action: exec, command: %q}\n", p.Macro, p.Micro, p.When, doing(dir, custom))
}

// diskOf is the directory of a node's disk.
func diskOf(dir, node string) string { return filepath.Join(dir, "var", "disks", node) }

// deed is something that was done to a node.
type deed struct {
	at     time.Time
	level  string // of a power command
	obeyed bool   // by the machine
}

// doer is a node, and a kind of what is done to it.
type doer struct {
	node string
	kind kind
}

// readDeeds reads what the scripts of a node have written down.
func readDeeds(dir, node string) (map[kind][]deed, error) {
	all := make(map[kind][]deed)
	f, err := os.Open(filepath.Join(diskOf(dir, node), deedsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		what, at, _ := strings.Cut(lines.Text(), " ")
		seconds, err := strconv.ParseFloat(at, 64)
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", deedsFile, node, err)
		}
		all[kind(what)] = append(all[kind(what)], deed{at: time.UnixMicro(int64(seconds * 1e6))})
	}
	return all, lines.Err()
}

// judgeDeeds finds what was done to a node of which no event speaks, and what was done a second time though the event says once. Deeds are
// in the order of time.
func judgeDeeds(who doer, turns []turn, deeds []deed) (wrong []string) {
	done := make([]bool, len(turns))
	for _, d := range deeds {
		i := -1
		for n, t := range turns {
			if !done[n] && t.holds(d.at) {
				i = n
				break
			}
		}
		switch {
		case i < 0:
			wrong = append(wrong, fmt.Sprintf("%s: %s was done once more than it says, at %s", who.node, who.kind, d.at.Format(time.StampMilli)))
		default:
			done[i] = true
			if turns[i].level != "" && turns[i].level != d.level {
				wrong = append(wrong, fmt.Sprintf("%s: %s was to reboot it %s, and began with %s", who.node, turns[i].operation, turns[i].level, d.level))
			}
		}
	}
	for _, t := range turns { // whether or not it was counted as that of a turn that was broken off
		if t.passed && !slices.ContainsFunc(deeds, func(d deed) bool { return t.holds(d.at) }) {
			wrong = append(wrong, fmt.Sprintf("%s: %s was not done, and %s says that it was, at %s", who.node, who.kind, t.operation, t.from.Format(time.StampMilli)))
		}
	}
	return wrong
}

// commands are the deeds among the orders that the power of a machine was given: a daemon that is not obeyed goes on with a harder level.
func commands(orders []deed, kills []time.Time) (all []deed) {
	for i, o := range orders {
		if i > 0 && !orders[i-1].obeyed && harder(o.level, orders[i-1].level) && !lastBefore(kills, o.at).After(orders[i-1].at) {
			continue
		}
		all = append(all, o)
	}
	return all
}

func harder(level, than string) bool {
	levels := []string{"soft", "hard", "very_hard"}
	return slices.Index(levels, level) > slices.Index(levels, than)
}
