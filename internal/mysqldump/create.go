package mysqldump

import (
	"fmt"
	"strings"
)

// create reads CREATE TABLE NAME (COLUMN TYPE ..., KEY ...); other things that are created have no rows of their own.
func (r *Reader) create() error {
	t, err := r.lex.next()
	if err != nil {
		return err
	}
	if !t.is("TABLE") {
		return r.finish(t)
	}
	t, err = r.lex.next()
	for err == nil && (t.is("IF") || t.is("NOT") || t.is("EXISTS")) {
		t, err = r.lex.next()
	}
	if err != nil {
		return err
	}
	return r.createTable(t)
}

func (r *Reader) createTable(named token) error {
	database, tableName, t, err := r.tableName(named)
	if err != nil {
		return err
	}
	table := &Table{Database: database, Name: tableName}
	if t.is("(") {
		if err := r.definitions(table); err != nil {
			return err
		}
	}
	if len(r.tables) >= maxTables && r.tables[key(database, tableName)] == nil {
		return fmt.Errorf("line %d: more than %d tables", named.line, maxTables)
	}
	r.tables[key(database, tableName)] = table
	return r.finish(t)
}

// definitions reads the columns up to the parenthesis that ends them.
func (r *Reader) definitions(table *Table) error {
	for {
		t, err := r.lex.next()
		if err != nil {
			return err
		}
		if column := (t.kind == name || t.kind == text || t.kind == word && !isConstraint(t.text)); column {
			typed, err := r.lex.next()
			if err != nil {
				return err
			}
			table.Columns = append(table.Columns, Column{strings.ToLower(t.text), strings.ToLower(typed.text)})
			if len(table.Columns) > maxColumns {
				return fmt.Errorf("line %d: table %.64q has more than %d columns", t.line, table.Name, maxColumns)
			}
			t = typed
		}
		ended, err := r.definition(t)
		if ended || err != nil {
			return err
		}
	}
}

// definition passes over the rest of one definition, and says whether it was the last.
func (r *Reader) definition(t token) (last bool, err error) {
	begun := t.line
	for depth := 0; ; {
		switch {
		case t.kind == end:
			return false, &CutError{begun, "definition of a table"}
		case t.is("("):
			depth++
		case t.is(")") && depth == 0:
			return true, nil
		case t.is(")"):
			depth--
		case t.is(",") && depth == 0:
			return false, nil
		}
		if t, err = r.lex.next(); err != nil {
			return false, err
		}
	}
}

// isConstraint says that a definition is none of a column.
func isConstraint(word string) bool {
	switch strings.ToUpper(word) {
	case "PRIMARY", "KEY", "UNIQUE", "CONSTRAINT", "FULLTEXT", "SPATIAL", "INDEX", "CHECK", "FOREIGN", "PERIOD":
		return true
	}
	return false
}
