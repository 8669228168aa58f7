package broadcast

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kadeploy/kadeploy/chain"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the transcript in testdata")

// TestBoard replays testdata/board.txt: a line is what the chain tells or what is asked, the "->" line after it what a person reads.
func TestBoard(t *testing.T) {
	const path = "testdata/board.txt"
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	var b *board
	lines := bufio.NewScanner(strings.NewReader(string(file)))
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "->") {
			continue
		}
		fmt.Fprintln(&out, line)
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		if words[0] == "begin" { // begin SIZE NODE...; a size of - is unknown
			b = begin(words)
			continue
		}
		fmt.Fprintln(&out, strings.TrimRight("-> "+play(t, b, words), " "))
	}
	if *rewrite {
		if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out.String() != string(file) {
		t.Errorf("%s differs; got:\n%s", path, out.String())
	}
}

func begin(words []string) *board {
	size, err := ParseSize(words[1])
	if err != nil {
		size = -1
	}
	var links []chain.Link
	for _, name := range words[2:] {
		links = append(links, chain.Link{Name: name})
	}
	return newBoard(links, size)
}

func play(t *testing.T, b *board, words []string) string {
	offset := func(i int) int64 {
		n, err := ParseSize(words[i])
		if err != nil && words[i] != "0" {
			t.Fatal(err)
		}
		return n
	}
	switch words[0] {
	case "has": // has NODE OFFSET [late]
		return b.moved(chain.Progress{Name: words[1], State: chain.Receiving, Received: offset(2), Late: words[len(words)-1] == "late"})
	case "done": // done NODE OFFSET [late]
		return b.moved(chain.Progress{Name: words[1], State: chain.Done, Received: offset(2), Late: words[len(words)-1] == "late"})
	case "failed": // failed NODE OFFSET CAUSE
		return b.moved(chain.Progress{Name: words[1], State: chain.Failed, Received: offset(2), Cause: strings.Join(words[3:], " ")})
	case "skip": // skip NODE BY OFFSET CAUSE
		return b.skipped(chain.Skip{Name: words[1], By: words[2], Offset: offset(3), Cause: strings.Join(words[4:], " ")})
	case "spoiled": // spoiled NODE BY CHUNKS
		n, err := strconv.Atoi(words[3])
		if err != nil {
			t.Fatal(err)
		}
		return b.spoiled(chain.Spoil{Name: words[1], By: words[2], Chunks: n})
	case "passed": // passed LINGER
		linger, err := time.ParseDuration(words[1])
		if err != nil {
			t.Fatal(err)
		}
		return b.passed(linger)
	case "line": // line SECONDS
		at, err := strconv.ParseFloat(words[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		return b.line(time.Unix(1000, 0).Add(seconds(at)))
	}
	t.Fatalf("unknown word %q", words[0])
	return ""
}
