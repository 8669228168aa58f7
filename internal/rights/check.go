package rights

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kadeploy/kadeploy/internal/nodeset"
)

// AnyPart asks for any right to a node, whatever the partition: enough for a reboot.
const AnyPart = ""

// Want is what an operation needs: one partition of some nodes.
type Want struct {
	Part  string // a number, All, or AnyPart
	Nodes []string
}

// MissingError is the refusal of a user who has not got a right.
type MissingError struct {
	User    string
	Missing []Want // as asked, with the nodes where the right is missing
}

func (e *MissingError) Error() string {
	var texts []string
	for _, w := range e.Missing {
		texts = append(texts, right(w.Part)+shortened(nodeset.Fold(w.Nodes)))
	}
	return fmt.Sprintf("%s has no right to %s; an admin can give it: kadeploy rights add %s NODES", e.User, strings.Join(texts, ", nor to "), e.User)
}

// right words a partition before the names of nodes.
func right(part string) string {
	switch part {
	case AnyPart:
		return ""
	case All:
		return "every partition of "
	}
	return "partition " + part + " of "
}

// maxFolded bounds the names that an error shows, in bytes.
const maxFolded = 200

func shortened(folded string) string {
	if len(folded) <= maxFolded {
		return folded
	}
	return folded[:maxFolded] + "…"
}

// Check says whether a user may use a partition of every one of the nodes. The error is a *MissingError.
func (b *Book) Check(user string, nodes []string, part string, now time.Time) error {
	return b.CheckAll(user, []Want{{part, nodes}}, now)
}

// CheckAll says whether a user has all that an operation needs. The error is a *MissingError.
func (b *Book) CheckAll(user string, wants []Want, now time.Time) error {
	if b.Admin(user) {
		return nil
	}
	var missing []Want
	for _, w := range wants {
		var nodes []string
		for _, n := range w.Nodes {
			if CheckName(user) != nil || !b.may(user, n, w.Part, now) {
				nodes = append(nodes, n)
			}
		}
		if len(nodes) > 0 {
			missing = append(missing, Want{w.Part, nodes})
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &MissingError{user, missing}
}

// may looks at the four places where a grant for a user and a node can stand.
func (b *Book) may(user, node, part string, now time.Time) bool {
	for _, at := range [...]holding{{user, node}, {user, All}, {All, node}, {All, All}} {
		if slices.ContainsFunc(b.held[at], func(g Grant) bool { return g.Live(now) && g.covers(part) }) {
			return true
		}
	}
	return false
}
