package mysqldump

import (
	"fmt"
	"strings"
)

// insert reads INSERT INTO TABLE [(COLUMNS)] VALUES, up to the first row.
func (r *Reader) insert(first token) error {
	t, err := r.lex.next()
	for err == nil && (t.is("INTO") || t.is("IGNORE") || t.is("DELAYED") || t.is("LOW_PRIORITY") || t.is("HIGH_PRIORITY")) {
		t, err = r.lex.next()
	}
	if err != nil {
		return err
	}
	database, tableName, t, err := r.tableName(t)
	if err != nil {
		return err
	}
	table := r.tables[key(database, tableName)]
	var named []string
	if t.is("(") {
		if named, err = r.names(); err == nil {
			t, err = r.lex.next()
		}
		if err != nil {
			return err
		}
	}
	refuse := func(msg string) error {
		if err := r.finish(t); err != nil {
			return err
		}
		return &RowError{Table: tableName, Line: first.line, Msg: msg}
	}
	switch {
	case !t.is("VALUES") && !t.is("VALUE"):
		return refuse("not INSERT INTO TABLE VALUES (...)")
	case table == nil && named == nil:
		return refuse("the dump does not say its columns; dump the definitions of the tables too (without --no-create-info)")
	case table == nil:
		table = &Table{Database: database, Name: tableName}
		for _, n := range named {
			table.Columns = append(table.Columns, Column{Name: n})
		}
		if len(r.tables) < maxTables {
			r.tables[key(database, tableName)] = table
		}
	}
	if r.columns, err = table.order(named); err != nil {
		return refuse(err.Error())
	}
	r.into, r.skip = table, r.want != nil && !r.want(table)
	r.lex.keep = !r.skip
	return nil
}

// names reads the list of columns that an INSERT may have.
func (r *Reader) names() ([]string, error) {
	names := []string{}
	for {
		t, err := r.lex.next()
		switch {
		case err != nil:
			return nil, err
		case t.kind == end:
			return nil, &CutError{t.line, "list of columns"}
		case t.is(")"):
			return names, nil
		case t.kind != symbol && len(names) < maxColumns:
			names = append(names, strings.ToLower(t.text))
		}
	}
}

// order says which column each value of a row is of.
func (t *Table) order(named []string) ([]int, error) {
	var order []int
	if named == nil {
		for i := range t.Columns {
			order = append(order, i)
		}
		return order, nil
	}
	for _, n := range named {
		i := t.index(n)
		if i < 0 {
			return nil, fmt.Errorf("there is no column %.64q", n)
		}
		order = append(order, i)
	}
	return order, nil
}

// row reads one row and what follows it; found is false for one that is not wanted.
func (r *Reader) row() (row Row, found bool, err error) {
	table := r.into
	open, err := r.lex.next()
	if err != nil {
		return row, false, err
	}
	r.counts[table]++
	row = Row{Table: table, Number: r.counts[table], Line: open.line}
	wrong := ""
	after := open
	if !open.is("(") {
		wrong = "a row begins with ("
	} else if row.values, wrong, after, err = r.values(); err != nil {
		return row, false, err
	}
	if wrong != "" && !after.is(")") {
		if after, err = r.passRow(after, open.is("(")); err != nil {
			return row, false, err
		}
	}
	if after.is(")") {
		if after, err = r.lex.next(); err != nil {
			return row, false, err
		}
	}
	if !after.is(",") {
		r.into = nil
		r.pending = r.lastRow(table, after)
	}
	if wrong != "" && !r.skip {
		return Row{}, false, &RowError{table.Name, row.Number, row.Line, wrong}
	}
	return row, wrong == "" && !r.skip, nil
}

// lastRow passes over what follows the last row of a statement, which may be ON DUPLICATE KEY UPDATE. Its error is told after the row.
func (r *Reader) lastRow(table *Table, after token) error {
	expected := after.is(";") || after.is("ON") || after.is("AS") || after.kind == end
	if err := r.finish(after); err != nil || expected || r.skip {
		return err
	}
	return &RowError{Table: table.Name, Line: after.line, Msg: fmt.Sprintf("%.20q between rows: the rest of the statement is not read", after.text)}
}

// passRow passes over the rest of a broken row: up to its ) when it had a (, else to the next comma; or to the end of the statement.
func (r *Reader) passRow(t token, inside bool) (token, error) {
	begun, depth := t.line, 0
	for {
		switch {
		case t.kind == end:
			return t, &CutError{begun, "row"}
		case t.is(";"), t.is(")") && depth == 0, t.is(",") && depth == 0 && !inside:
			return t, nil
		case t.is(")"):
			depth--
		case t.is("("):
			depth++
		}
		var err error
		if t, err = r.lex.next(); err != nil {
			return t, err
		}
	}
}

// values reads the values of a row up to its ). wrong is what is not right, in which case last is where that was seen.
func (r *Reader) values() (values []Value, wrong string, last token, err error) {
	if !r.skip {
		values = make([]Value, len(r.into.Columns))
		for i := range values {
			values[i].Null = true
		}
	}
	n, size := 0, 0
	for {
		t, err := r.lex.next()
		if err != nil {
			return nil, "", t, err
		}
		if t.is(")") && n == 0 && len(r.columns) == 0 {
			return values, "", t, nil
		}
		v, wrong, after, err := r.value(t)
		if err != nil || wrong != "" {
			return nil, wrong, after, err
		}
		if n < len(r.columns) && !r.skip {
			values[r.columns[n]] = v
		}
		n, size = n+1, size+len(v.Text)
		switch {
		case size > MaxRow:
			return nil, fmt.Sprintf("a row is longer than %d bytes", MaxRow), after, nil
		case after.is(",") && n <= maxColumns:
		case after.is(")") && n == len(r.columns):
			return values, "", after, nil
		case after.is(")"):
			return nil, fmt.Sprintf("%d values for %d columns", n, len(r.columns)), after, nil
		default:
			return nil, fmt.Sprintf("value %d is followed by %.20q instead of , or )", n, after.text), after, nil
		}
	}
}
