package kadeploy3

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"unicode/utf8"

	"github.com/kadeploy/kadeploy/internal/compress"
	"github.com/kadeploy/kadeploy/internal/mysqldump"
)

// Bounds of a dump.
const (
	maxDump         = 64 << 30 // bytes, decompressed
	maxEnvironments = 50_000
	maxRightRows    = 500_000
	maxKept         = 256 << 20 // bytes of the rows of both
)

// database is what a dump of Kadeploy3's database holds.
type database struct {
	file   string
	report *Report

	envs   []environment
	rights []rightRow
	names  map[string]bool // "OWNER\x00NAME\x00VERSION" of the environments so far

	kept   int    // bytes of rows so far
	source string // the database that the rows are taken of
	old    bool   // before 3.2: kernel parameters replaced those of the cluster
	known  bool   // that is known from the table log
	ours   map[*mysqldump.Table]string
}

// readDatabase reads a dump, compressed or not. The error is a dump that is of no use; what is wrong with single rows is reported.
func readDatabase(r io.Reader, file string, report *Report) (*database, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	head, _ := in.Peek(6)
	plain, err := compress.Open(compress.Detect(head), in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	defer plain.Close()
	limited := &io.LimitedReader{R: plain, N: maxDump}
	d := &database{file: filepath.Base(file), report: report, names: map[string]bool{}, ours: map[*mysqldump.Table]string{}}
	rows := mysqldump.New(limited, func(t *mysqldump.Table) bool { kind := d.kind(t); return kind == "environments" || kind == "rights" })
	if err := d.read(rows); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	switch {
	case limited.N == 0:
		return nil, fmt.Errorf("%s: more than %d bytes", file, int64(maxDump))
	case len(d.ours) == 0:
		return nil, fmt.Errorf("%s: no rows of Kadeploy3 (tables environments, rights, nodes) are in it; give the output of mysqldump DATABASE", file)
	}
	if !rows.Completed() {
		report.note(Place{File: d.file}, "the dump does not end as mysqldump ends one: see that it is not cut")
	}
	d.history(rows)
	return d, nil
}

func (d *database) read(rows *mysqldump.Reader) error {
	for {
		row, err := rows.Next()
		var broken *mysqldump.RowError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &broken):
			place := Place{File: d.file, Line: broken.Line, Row: "rows of " + broken.Table}
			if broken.Number > 0 {
				place.Row = fmt.Sprintf("row %d of %s", broken.Number, broken.Table)
			}
			if isTable(broken.Table) {
				d.report.lost(place, "%s", broken.Msg)
			}
			continue
		case err != nil:
			return err
		}
		if err := d.take(row); err != nil {
			return err
		}
	}
}

func (d *database) take(row mysqldump.Row) error {
	place := Place{File: d.file, Line: row.Line, Row: fmt.Sprintf("row %d of %s", row.Number, row.Table.Name)}
	if d.kept += row.Size(); d.kept > maxKept {
		return fmt.Errorf("line %d: more than %d bytes of environments and rights", row.Line, maxKept)
	}
	switch d.kind(row.Table) {
	case "environments":
		if len(d.envs) == maxEnvironments {
			return fmt.Errorf("more than %d environments", maxEnvironments)
		}
		d.takeEnvironment(row, place)
	case "rights":
		if len(d.rights) == maxRightRows {
			return fmt.Errorf("more than %d rows of rights", maxRightRows)
		}
		d.rights = append(d.rights, rightRow{d.text(row, "user", place), d.text(row, "node", place), d.text(row, "part", place), place})
	}
	return nil
}

func isTable(name string) bool {
	return name == "environments" || name == "rights" || name == "nodes" || name == "log"
}

// kind says which table of Kadeploy3 this is, "" for none: the name alone is too common. All are of one database, the first.
func (d *database) kind(t *mysqldump.Table) string {
	if kind, seen := d.ours[t]; seen {
		return kind
	}
	kind := ""
	switch {
	case t.Name == "environments" && t.Has("name", "version", "tarball", "user"),
		t.Name == "rights" && t.Has("user", "node", "part"),
		t.Name == "nodes" && t.Has("hostname", "state", "env_id"),
		t.Name == "log" && t.Has("hostname", "step1", "step2", "step3"):
		kind = t.Name
	}
	if kind == "" {
		return ""
	}
	if len(d.ours) == 0 {
		d.source = t.Database
	} else if t.Database != d.source {
		d.report.lost(Place{File: d.file, Row: "table " + t.Name}, "it is of database %s, while those before are of %s: dump and import one after the other", t.Database, d.source)
		kind = ""
	}
	if kind == "log" { // wid is the name of deploy_id since 3.2 (db/update-3.2.sql)
		d.known, d.old = true, !t.Has("wid")
	}
	d.ours[t] = kind
	return kind
}

// text is a column as valid UTF-8, "" for NULL. What is none was written by a client with another character set.
func (d *database) text(row mysqldump.Row, column string, place Place) string {
	text := row.Get(column).Text
	if utf8.ValidString(text) {
		return text
	}
	d.report.note(place, "%s is not UTF-8 and was read as Latin-1", column)
	return string(latin1([]byte(text)))
}

// history reports what this server keeps in another way.
func (d *database) history(rows *mysqldump.Reader) {
	total := map[string]int{}
	for table, kind := range d.ours {
		total[kind] += rows.Count(table)
	}
	if n := total["nodes"]; n > 0 {
		d.report.note(Place{File: d.file, Row: "table nodes"}, "%s in the dump only: the server knows the nodes that it has deployed itself", count(n, "state"))
	}
	if n := total["log"]; n > 0 {
		d.report.note(Place{File: d.file, Row: "table log"}, "%s of history in the dump only: keep it for statistics of the past", count(n, "row"))
	}
}
