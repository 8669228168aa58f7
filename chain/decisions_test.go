package chain

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the transcripts in testdata")

// TestTranscripts replays testdata/*.txt: a line is a command, the "->" line after it what the pure core decides.
func TestTranscripts(t *testing.T) {
	for name, newMachine := range map[string]func() func([]string) string{
		"ring": ringMachine, "order": orderMachine, "offers": offersMachine, "roster": rosterMachine, "nearest": nearestMachine, "lag": lagMachine,
		"deaths": rehearsalMachine, "late": rehearsalMachine, "heads": rehearsalMachine, "vectors": vectorsMachine} {
		t.Run(name, func(t *testing.T) {
			path := "testdata/" + name + ".txt"
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := replay(string(file), newMachine())
			if *rewrite {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got != string(file) {
				t.Errorf("%s differs; got:\n%s", path, got)
			}
		})
	}
}

func replay(file string, step func([]string) string) string {
	var out strings.Builder
	lines := bufio.NewScanner(strings.NewReader(file))
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "->") {
			continue
		}
		fmt.Fprintln(&out, line)
		if words := strings.Fields(line); len(words) > 0 && words[0] != "#" {
			fmt.Fprintln(&out, "->", step(words))
		}
	}
	return out.String()
}

// number reads word i of a command.
func number(words []string, i int) (n int64) {
	if _, err := fmt.Sscan(words[i], &n); err != nil {
		panic(err)
	}
	return n
}

func ringMachine() func([]string) string {
	var w window
	return func(words []string) string {
		switch words[0] {
		case "ring": // ring CHUNK SLOTS SIZE [KEEP]
			w = window{chunk: number(words, 1), slots: number(words, 2), keep: number(words, 2), size: number(words, 3), sinking: true, feeding: true}
			if len(words) > 4 {
				w.keep = number(words, 4)
			}
		case "receive": // receive N, a byte at a time for as long as there is room
			n := int64(0)
			for ; n < number(words, 1) && w.room(); n++ {
				w.grow(1)
			}
			return fmt.Sprintf("took %d, %s", n, state(w))
		case "verify": // verify TO
			w.verified = number(words, 1)
		case "sink":
			w.sunk = number(words, 1)
		case "send":
			w.cursor = number(words, 1)
		case "corrupt":
			w.rewind()
		case "follower": // follower WANTS
			return fmt.Sprintf("begins at %d, %s", w.serve(number(words, 1)), state(w))
		case "nofollower":
			w.feeding = false
		case "nosink":
			w.sinking = false
		default:
			panic(words[0])
		}
		return state(w)
	}
}

func state(w window) string {
	if w.base > w.floor() || w.end-w.base > w.slots*w.chunk {
		panic(fmt.Sprintf("impossible window %+v", w))
	}
	return fmt.Sprintf("holds %d to %d, needed from %d, room %v", w.base, w.end, w.floor(), w.room())
}

func orderMachine() func([]string) string {
	var line succession
	var tab *table
	return func(words []string) string {
		switch words[0] {
		case "links": // links N, seen from SELF
			n := int(number(words, 1))
			line, tab = newSuccession(int(number(words, 2)), n), newTable(n)
		case "lost":
			line.bury(tab, int(number(words, 1)), "lost", false)
		case "told": // told LINK is lost by FEEDER
			tab.tell(int(number(words, 1)), entry{state: Failed, by: partyOf(int(number(words, 5))), cause: "lost"})
		case "done":
			tab.tell(int(number(words, 1)), entry{state: Done})
		case "failed":
			tab.tell(int(number(words, 1)), entry{state: Failed, cause: "its own"})
		case "offers": // offers CANDIDATE, while fed by CURRENT
			if takesOver(int(number(words, 3)), int(number(words, 1))) {
				return "taken on"
			}
			return "refused"
		default:
			panic(words[0])
		}
		if i, ok := line.next(tab, line.self); ok {
			return fmt.Sprint("feed ", i)
		}
		return "nobody to feed"
	}
}

func TestMergeNeverGoesBack(t *testing.T) {
	all := []entry{{}, {state: Receiving, received: 5}, {state: Receiving, received: 9, written: 3, corrupt: 1},
		{state: Failed, cause: "lost"}, {state: Failed, received: 9, cause: "disk full"}, {state: Done, received: 9, written: 9}}
	for _, a := range all {
		if got := merge(a, a); got != a {
			t.Errorf("merge(%+v, itself) = %+v", a, got)
		}
		for _, b := range all {
			ab, ba := merge(a, b), merge(b, a)
			if ab.state < a.state || ab.received < a.received || ab.written < a.written || ab.corrupt < a.corrupt {
				t.Errorf("merge(%+v, %+v) = %+v goes back", a, b, ab)
			}
			if ba.cause = ab.cause; ab != ba && a.state == b.state {
				t.Errorf("merge of %+v and %+v depends on the order: %+v, %+v", a, b, ab, ba)
			}
			if ab.state == Done && ab.cause != "" {
				t.Errorf("merge(%+v, %+v) is done with a cause", a, b)
			}
		}
	}
	if got := merge(entry{state: Failed, cause: "first"}, entry{state: Failed, cause: "second"}); got.cause != "first" {
		t.Errorf("a later account replaced the cause by %q", got.cause)
	}
}
