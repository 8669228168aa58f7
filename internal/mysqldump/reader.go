package mysqldump

import (
	"errors"
	"io"
	"strings"
)

// Reader reads the rows of a dump. Use New; it is for one goroutine.
type Reader struct {
	lex      *lexer
	want     func(*Table) bool
	database string
	tables   map[string]*Table // by database and name, in lower case
	counts   map[*Table]int    // rows so far

	into    *Table // of the INSERT under way, nil when there is none
	columns []int  // for each value of a row, its place in the table's columns
	skip    bool   // its rows are not wanted
	pending error  // to tell before anything else is read
}

// New returns a reader of a dump, not compressed. want, when it is not nil, says of which tables the rows are wanted; the
// others are passed over.
func New(r io.Reader, want func(*Table) bool) *Reader {
	return &Reader{lex: newLexer(r), want: want, tables: map[string]*Table{}, counts: map[*Table]int{}}
}

// Completed says, after Next returned io.EOF, whether the dump has the comment that mysqldump writes at its end. Without it
// the dump may be cut between two statements, or was made with --skip-comments.
func (r *Reader) Completed() bool { return r.lex.completed }

// Count is how many rows of a table were read so far, those that are not wanted and those that are broken, too.
func (r *Reader) Count(t *Table) int { return r.counts[t] }

// Next returns the next row, or io.EOF. After a *RowError there may be more rows, after any other error there are none.
func (r *Reader) Next() (Row, error) {
	for {
		if err := r.pending; err != nil {
			r.pending = nil
			return Row{}, err
		}
		if r.into != nil {
			row, found, err := r.row()
			if found || err != nil {
				return row, err
			}
			continue
		}
		r.lex.keep = true
		first, err := r.lex.next()
		if err == nil {
			err = r.statement(first)
		}
		if err != nil {
			return Row{}, err
		}
	}
}

// statement reads the head of an INSERT, the whole of any other statement.
func (r *Reader) statement(first token) error {
	switch {
	case first.kind == end:
		return io.EOF
	case first.is(";"):
		return nil
	case first.is("DELIMITER"):
		return r.routines()
	case first.is("USE"):
		t, err := r.lex.next()
		if err != nil {
			return err
		}
		r.database = strings.ToLower(t.text)
		return r.finish(t)
	case first.is("CREATE"):
		return r.create()
	case first.is("INSERT"), first.is("REPLACE"):
		return r.insert(first)
	}
	return r.finish(first)
}

// finish passes over the rest of a statement whose last token so far is t.
func (r *Reader) finish(t token) error {
	defer func(keep bool) { r.lex.keep = keep }(r.lex.keep)
	r.lex.keep = false
	begun := t.line
	for !t.is(";") {
		if t.kind == end {
			return &CutError{begun, "statement"}
		}
		var err error
		if t, err = r.lex.next(); err != nil {
			return err
		}
	}
	return nil
}

// routines passes over triggers and procedures, which have statements in them: up to the line DELIMITER ;
func (r *Reader) routines() error {
	begun := r.lex.line
	var line strings.Builder
	for {
		c, err := r.lex.read()
		switch {
		case errors.Is(err, io.EOF):
			return &CutError{begun, "DELIMITER"}
		case err != nil:
			return err
		case c != '\n':
			if line.Len() < maxName {
				line.WriteByte(c)
			}
			continue
		}
		if f := strings.Fields(line.String()); len(f) == 2 && strings.EqualFold(f[0], "DELIMITER") && f[1] == ";" || len(f) == 1 && f[0] == ";" {
			return nil
		}
		line.Reset()
	}
}

// tableName reads NAME or DATABASE.NAME, with or without quotes, and the token after it.
func (r *Reader) tableName(t token) (database, table string, after token, err error) {
	database, table = r.database, t.text
	if before, rest, found := strings.Cut(t.text, "."); found && t.kind == word && rest != "" {
		database, table = before, rest
	}
	if after, err = r.lex.next(); err != nil || !(after.kind == word && strings.HasPrefix(after.text, ".")) {
		return strings.ToLower(database), table, after, err
	}
	database, table = t.text, strings.TrimPrefix(after.text, ".")
	if table == "" { // `a`.`b`
		if t, err = r.lex.next(); err != nil {
			return "", "", t, err
		}
		table = t.text
	}
	after, err = r.lex.next()
	return strings.ToLower(database), table, after, err
}

func key(database, table string) string { return database + "\x00" + strings.ToLower(table) }
