package rights_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write what the transcripts in testdata answer now; review the diff")

// TestTranscripts plays testdata/*.txt. A file is a list of paragraphs: commands (see player_test.go), a line of dashes,
// and what they answer. Lines with # are comments.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := string(text)
			got := replay(t, want)
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("%s: the answers differ (run with -rewrite and review the diff):\n%s", file, firstDifference(want, got))
			}
		})
	}
}

const dashes = "----"

// replay plays the commands of a transcript and writes it again with the answers of today.
func replay(t *testing.T, transcript string) string {
	p := newPlayer(t)
	var out []string
	for paragraph := range strings.SplitSeq(strings.TrimSpace(transcript), "\n\n") {
		commands, _, _ := strings.Cut(paragraph, "\n"+dashes)
		out = append(out, commands)
		var answers []string
		commanded := false
		for line := range strings.Lines(commands) {
			if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
				continue
			}
			commanded = true
			answers = append(answers, p.play(line)...)
		}
		if commanded {
			out[len(out)-1] += "\n" + dashes
			for _, a := range answers {
				out[len(out)-1] += "\n" + a
			}
		}
	}
	return strings.Join(out, "\n\n") + "\n"
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return "want: " + w[i] + "\ngot:  " + g[i]
		}
	}
	return "one ends before the other"
}
