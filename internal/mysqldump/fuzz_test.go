package mysqldump_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/kadeploy/kadeploy/internal/mysqldump"
)

// FuzzReader holds that any text ends, that every row has a value for each column, and that lines never run backwards.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		ab + "INSERT INTO `t` VALUES ('x',1),('y',NULL);", ab + `REPLACE INTO t (b) VALUES (0x41),(X'42'),(_utf8 'c');`,
		ab + "INSERT INTO t VALUES ('x'),(((1));", "USE a;DELIMITER ;;\nx;;\nDELIMITER ;\nCREATE TABLE a.b (c int, KEY (c));",
		"/*!50003 x */-- y\n# z\n'a", "INSERT INTO t", "CREATE TABLE t (",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, dump string) {
		r := mysqldump.New(strings.NewReader(dump), nil)
		line := 0
		for {
			row, err := r.Next()
			var broken *mysqldump.RowError
			if errors.As(err, &broken) {
				continue
			}
			if err != nil {
				var cut *mysqldump.CutError
				if !errors.Is(err, io.EOF) && !errors.As(err, &cut) && !strings.HasPrefix(err.Error(), "line ") {
					t.Fatalf("error without a place: %v", err)
				}
				return
			}
			if row.Line < line || row.Line > 1+strings.Count(dump, "\n") {
				t.Fatalf("row on line %d after line %d", row.Line, line)
			}
			line = row.Line
			for _, c := range row.Table.Columns {
				_ = row.Get(c.Name)
			}
		}
	})
}
