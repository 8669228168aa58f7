package workflow

// Standing is what the ends of nodes so far mean for the whole deployment.
type Standing string

// The standings.
const (
	Undecided   Standing = "undecided"
	Reached     Standing = "reached"     // as many nodes are OK as were asked for
	Unreachable Standing = "unreachable" // so many nodes failed that as many can no longer be OK
	Over        Standing = "over"        // no number was asked for and every node has ended
)

// Quorum judges a deployment of total nodes, of which ok are OK and failed are KO. With min, it is decided as soon as min
// nodes are OK or can no longer be; without (0), when every node has ended.
func Quorum(total, ok, failed, min int) Standing {
	switch {
	case min > 0 && ok >= min:
		return Reached
	case min > 0 && total-failed < min:
		return Unreachable
	case min <= 0 && ok+failed >= total:
		return Over
	}
	return Undecided
}
