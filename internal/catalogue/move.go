package catalogue

import (
	"fmt"
	"slices"
	"strings"
)

// Move is that files have another place: the file From, or all below the directory or URL From, are at To.
type Move struct{ From, To string }

// MaxMoves bounds the moves of one request.
const MaxMoves = 100

// ParseMove reads FROM::TO, FROM=TO, or FROM:TO, as kaenv of 2009 has it; the first of these signs that is there separates.
func ParseMove(text string) (Move, error) {
	for _, sign := range []string{"::", "=", ":"} {
		from, to, found := strings.Cut(text, sign)
		if !found {
			continue
		}
		m := Move{from, to}
		return m, m.check()
	}
	return Move{}, fmt.Errorf("%.200q is no move: write FROM=TO or FROM::TO", text)
}

func (m Move) check() error {
	for _, place := range []string{m.From, m.To} {
		if !strings.HasPrefix(place, "/") && !strings.Contains(place, "://") {
			return fmt.Errorf("%.200q in a move is neither an absolute path nor a URL", place)
		}
	}
	return CheckText([]byte(m.From + m.To))
}

// CheckMoves says why moves cannot be made.
func CheckMoves(moves []Move) error {
	if len(moves) == 0 {
		return fmt.Errorf("no files to move: write FROM=TO")
	}
	if len(moves) > MaxMoves {
		return fmt.Errorf("%d moves at once, at most %d are made", len(moves), MaxMoves)
	}
	for _, m := range moves {
		if err := m.check(); err != nil {
			return err
		}
	}
	return nil
}

// of is where a file is after the move.
func (m Move) of(path string) (string, bool) {
	if path == m.From {
		return m.To, true
	}
	from := strings.TrimSuffix(m.From, "/") + "/"
	if rest, below := strings.CutPrefix(path, from); below {
		return strings.TrimSuffix(m.To, "/") + "/" + rest, true
	}
	return path, false
}

// Moved is where a file of the environment is after moves, of which the first that concerns it counts. What its owner has uploaded has
// the name that it has with him, and keeps it.
func (e Environment) Moved(path string, moves []Move) string {
	uploaded := slices.ContainsFunc(e.Files, func(f File) bool { return f.Uploaded && f.Path == path })
	for _, m := range moves {
		if now, concerned := m.of(path); concerned && !uploaded {
			return now
		}
	}
	return path
}

// Concerned are the environments that moves give other files, each version, in order.
func (c *Catalogue) Concerned(moves []Move) []Environment {
	return c.filter(func(e Environment) bool {
		return slices.ContainsFunc(e.Files, func(f File) bool { return e.Moved(f.Path, moves) != f.Path })
	})
}
