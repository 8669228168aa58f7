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

	takers map[string]func(mysqldump.Row, Place) error // of the tables whose rows are wanted
	aside  string                                      // a table that is only looked up: its broken rows are no loss

	kept   int    // bytes of rows so far
	source string // the database that the rows are taken of
	old    bool   // before 3.2: kernel parameters replaced those of the cluster
	known  bool   // that is known from the table log
	ours   map[*mysqldump.Table]string
}

// readDatabase reads the environments and rights of a dump, compressed or not. The error is a dump that is of no use; what is wrong
// with single rows is reported.
func readDatabase(r io.Reader, file string, report *Report) (*database, error) {
	d := newDatabase(file, report)
	d.takers = map[string]func(mysqldump.Row, Place) error{"environments": d.takeEnvironment, "rights": d.takeRight}
	rows, err := d.readFrom(r, file)
	if err != nil {
		return nil, err
	}
	d.history(rows)
	return d, nil
}

func newDatabase(file string, report *Report) *database {
	return &database{file: filepath.Base(file), report: report, names: map[string]bool{}, ours: map[*mysqldump.Table]string{}}
}

// readFrom gives the rows that are wanted to their takers.
func (d *database) readFrom(r io.Reader, file string) (*mysqldump.Reader, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	head, _ := in.Peek(6)
	plain, err := compress.Open(compress.Detect(head), in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	defer plain.Close()
	limited := &io.LimitedReader{R: plain, N: maxDump}
	rows := mysqldump.New(limited, func(t *mysqldump.Table) bool { return d.takers[d.kind(t)] != nil })
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
		d.report.note(Place{File: d.file}, "the dump does not end as mysqldump ends one: see that it is not cut")
	}
	return rows, nil
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
			if isTable(broken.Table) && broken.Table != d.aside {
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
	return d.takers[d.kind(row.Table)](row, place)
}

// keep counts what the rows of environments and rights take in memory.
func (d *database) keep(row mysqldump.Row) error {
	if d.kept += row.Size(); d.kept > maxKept {
		return fmt.Errorf("line %d: more than %d bytes of environments and rights", row.Line, maxKept)
	}
	return nil
}

func (d *database) takeRight(row mysqldump.Row, place Place) error {
	if len(d.rights) == maxRightRows {
		return fmt.Errorf("more than %d rows of rights", maxRightRows)
	}
	d.rights = append(d.rights, rightRow{d.text(row, "user", place), d.text(row, "node", place), d.text(row, "part", place), place})
	return d.keep(row)
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

// history says how the past is taken.
func (d *database) history(rows *mysqldump.Reader) {
	total := map[string]int{}
	for table, kind := range d.ours {
		total[kind] += rows.Count(table)
	}
	if n := total["nodes"]; n > 0 {
		d.report.note(Place{File: d.file, Row: "table nodes"}, "%s of nodes: import kadeploy3 --into DIR puts them into the server's database", count(n, "state"))
	}
	if n := total["log"]; n > 0 {
		d.report.note(Place{File: d.file, Row: "table log"}, "%s of history: import kadeploy3 --into DIR puts the deployments into the server's database", count(n, "row"))
	}
}
