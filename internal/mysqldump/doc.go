// Package mysqldump reads the rows in the text that mysqldump (and mariadb-dump) writes: CREATE TABLE for the columns, INSERT
// and REPLACE for the rows, with extended inserts, every escape of a string, hexadecimal and bit values, and comments of all
// kinds. It runs no statement and knows no table.
//
// A dump is read as a stream, in memory that depends on the bounds below and not on its size. A row that cannot be read is a
// *RowError, after which the next one follows; a dump that ends in the middle is a *CutError.
package mysqldump

import "fmt"

// Bounds of a dump.
const (
	MaxValue = 1 << 20 // bytes of one value; a row with a longer one is a *RowError
	MaxRow   = 8 << 20 // bytes of all values of a row, likewise

	maxColumns = 4096 // what MySQL allows
	maxTables  = 10_000
	maxName    = 256 // bytes; MySQL allows 64 characters
)

// Table is what CREATE TABLE says of a table.
type Table struct {
	Database string // of the last USE before it; "" when there is none
	Name     string
	Columns  []Column
}

// Has says whether the table has columns of all these names.
func (t *Table) Has(columns ...string) bool {
	for _, name := range columns {
		if t.index(name) < 0 {
			return false
		}
	}
	return true
}

// Column is a column's name, in lower case, and the first word of its type: varchar, int, tinyint; "" when it is not known.
type Column struct{ Name, Type string }

// Row is one row of a table.
type Row struct {
	Table  *Table
	Number int // among the rows of the table in the dump, from 1
	Line   int // of the dump, where the row begins
	values []Value
}

// Value is one value as MySQL would give it back as bytes. Numbers are the text of the dump.
type Value struct {
	Text string
	Null bool
}

// Get returns the value of a column; NULL when the table has no such column.
func (r Row) Get(column string) Value {
	if i := r.Table.index(column); i >= 0 {
		return r.values[i]
	}
	return Value{Null: true}
}

func (t *Table) index(column string) int {
	for i, c := range t.Columns {
		if c.Name == column {
			return i
		}
	}
	return -1
}

// Type is the type of a column, "" when it is not known.
func (t *Table) Type(column string) string {
	if i := t.index(column); i >= 0 {
		return t.Columns[i].Type
	}
	return ""
}

// Size is how many bytes the values of the row have.
func (r Row) Size() (n int) {
	for _, v := range r.values {
		n += len(v.Text)
	}
	return n
}

// RowError is a row that cannot be read. Reading goes on behind it.
type RowError struct {
	Table  string
	Number int // of the row, as in Row; 0: all rows of a statement
	Line   int
	Msg    string
}

func (e *RowError) Error() string {
	if e.Number == 0 {
		return fmt.Sprintf("line %d: rows of %s: %s", e.Line, e.Table, e.Msg)
	}
	return fmt.Sprintf("line %d: row %d of %s: %s", e.Line, e.Number, e.Table, e.Msg)
}

// CutError is a dump that ends in the middle of a statement.
type CutError struct {
	Line int // where the statement, text or comment that has no end begins
	What string
}

func (e *CutError) Error() string {
	return fmt.Sprintf("line %d: the %s that begins here does not end: the dump is cut, or is no dump", e.Line, e.What)
}
