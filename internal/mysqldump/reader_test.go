package mysqldump_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing/iotest"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/mysqldump"
)

// read returns what a dump holds, one line a row or error: TABLE NUMBER LINE COLUMN=VALUE...
func read(dump string) []string {
	var lines []string
	var in io.Reader = strings.NewReader(dump)
	if len(dump) < mysqldump.MaxValue { // with more it takes long
		in = iotest.OneByteReader(in)
	}
	r := mysqldump.New(in, nil)
	for {
		row, err := r.Next()
		var broken *mysqldump.RowError
		switch {
		case errors.Is(err, io.EOF):
			return lines
		case errors.As(err, &broken):
			lines = append(lines, err.Error())
			continue
		case err != nil:
			return append(lines, err.Error())
		}
		line := fmt.Sprintf("%s %d %d", row.Table.Name, row.Number, row.Line)
		for _, c := range row.Table.Columns {
			v := row.Get(c.Name)
			if v.Null {
				line += fmt.Sprintf(" %s=NULL", c.Name)
			} else {
				line += fmt.Sprintf(" %s=%q", c.Name, v.Text)
			}
		}
		lines = append(lines, line)
	}
}

const ab = "CREATE TABLE `t` (\n  `a` varchar(255) NOT NULL DEFAULT '',\n  `b` int(10) unsigned DEFAULT NULL,\n" +
	"  PRIMARY KEY (`a`),\n  KEY `two` (`a`(10),`b`)\n) ENGINE=MyISAM DEFAULT CHARSET=utf8;\n"

var _ = Describe("A dump of MySQL", func() {
	It("gives the rows of extended inserts by the columns of their table", func() {
		Expect(read(ab + "INSERT INTO `t` VALUES ('x',1),\n('y',NULL);\nINSERT INTO `t` VALUES ('z',-2.5e3);\n")).To(Equal([]string{
			`t 1 7 a="x" b="1"`, `t 2 8 a="y" b=NULL`, `t 3 9 a="z" b="-2.5e3"`,
		}))
	})

	DescribeTable("undoes every way of writing a value", func(literal, value string) {
		Expect(read(ab + "INSERT INTO t VALUES (" + literal + ",1);")).To(Equal([]string{`t 1 7 a=` + value + ` b="1"`}))
	},
		Entry("two quotes", `'it''s'`, `"it's"`),
		Entry("backslashes", `'\'\"\\ \n\r\t\0\Z\b\q'`, `"'\"\\ \n\r\t\x00\x1a\bq"`),
		Entry("the backslash of a pattern", `'50\%\_'`, `"50\\%\\_"`),
		Entry("a line break in it", "'one\ntwo'", `"one\ntwo"`),
		Entry("what looks like the end", `'),(\'a\',2);-- '`, `"),('a',2);-- "`),
		Entry("unicode", `'Émile 雪'`, `"Émile 雪"`),
		Entry("bytes that are no text", "'\xff\xfe'", `"\xff\xfe"`),
		Entry("a blob in hexadecimal", `0x410A42`, `"A\nB"`),
		Entry("a blob with X", `X'4142'`, `"AB"`),
		Entry("bits", `b'101'`, `"5"`),
		Entry("a character set", `_binary 'a\0b'`, `"a\x00b"`),
		Entry("double quotes", `"say 'hi'"`, `"say 'hi'"`),
		Entry("true", `TRUE`, `"1"`),
	)

	It("may begin with the mark of UTF-8", func() {
		Expect(read("\ufeff-- a comment\n" + ab + "INSERT INTO t VALUES ('x',1);")).To(Equal([]string{`t 1 8 a="x" b="1"`}))
	})

	It("passes over comments, other statements, triggers and procedures", func() {
		Expect(read("/*M!999999\\- enable the sandbox mode */\n-- MySQL dump; INSERT INTO t VALUES ('no',0);\n# another\n" +
			"/*!40101 SET NAMES utf8 */;\nDROP TABLE IF EXISTS `t`;\n" + ab +
			"LOCK TABLES `t` WRITE;\n/*!40000 ALTER TABLE `t` DISABLE KEYS */;\nINSERT INTO `t` VALUES /* two */ ('x',--1\n1);\nUNLOCK TABLES;\n" +
			"DELIMITER ;;\nCREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW BEGIN INSERT INTO t VALUES ('no',1); END;;\nDELIMITER ;\n" +
			"CREATE VIEW v AS SELECT 1;\nREPLACE INTO t VALUES ('y',2);\n")).To(Equal([]string{
			"line 14: row 1 of t: \"--1\" is no value", `t 2 21 a="y" b="2"`,
		}))
	})

	It("knows the columns of an INSERT that names them, and tables of other databases", func() {
		Expect(read("USE `one`;\n" + ab + "USE two;\nCREATE TABLE IF NOT EXISTS t (c int);\nINSERT INTO `one`.`t` (`b`,`a`) VALUES (1,'x');\n" +
			"INSERT IGNORE INTO t VALUES (5) ON DUPLICATE KEY UPDATE c=c;\nINSERT INTO one.t (b) VALUES (2);\nINSERT INTO u (k) VALUES (3);\n")).To(Equal([]string{
			`t 1 10 a="x" b="1"`, `t 1 11 c="5"`, `t 2 12 a=NULL b="2"`, `u 1 13 k="3"`,
		}))
	})

	It("goes on after a row that it cannot read", func() {
		Expect(read(ab + "INSERT INTO t VALUES ('x',1),('y'),('z',NOW()),\n('v',0x123),('w',(1)),5,('u',3) ('s',5);\nINSERT INTO none VALUES (1);\n" +
			"INSERT INTO t (a,c) VALUES ('x',1);\nINSERT INTO t SELECT 1;\nINSERT INTO t VALUES ('last',9);\n")).To(Equal([]string{
			`t 1 7 a="x" b="1"`,
			"line 7: row 2 of t: 1 values for 2 columns",
			`line 7: row 3 of t: "NOW" is no value`,
			"line 8: row 4 of t: 0x123 is not hexadecimal",
			`line 8: row 5 of t: "(" is no value`,
			"line 8: row 6 of t: a row begins with (",
			`t 7 8 a="u" b="3"`,
			`line 8: rows of t: "(" between rows: the rest of the statement is not read`,
			"line 9: rows of none: the dump does not say its columns; dump the definitions of the tables too (without --no-create-info)",
			`line 10: rows of t: there is no column "c"`,
			"line 11: rows of t: not INSERT INTO TABLE VALUES (...)",
			`t 8 12 a="last" b="9"`,
		}))
	})

	It("says where a dump is cut", func() {
		Expect(read(ab + "INSERT INTO t VALUES ('x',1),('y',2)")).To(Equal([]string{
			`t 1 7 a="x" b="1"`, `t 2 7 a="y" b="2"`, "line 7: the statement that begins here does not end: the dump is cut, or is no dump",
		}))
		Expect(read(ab + "INSERT INTO t VALUES ('x',1),\n('y")).To(HaveExactElements(
			`t 1 7 a="x" b="1"`, "line 8: the text that begins here does not end: the dump is cut, or is no dump"))
		Expect(read("CREATE TABLE t (a int")).To(HaveExactElements(ContainSubstring("the definition of a table that begins here does not end")))
	})

	It("refuses a value that is too long, and reads on", func() {
		long := strings.Repeat("x", mysqldump.MaxValue+1)
		Expect(read(ab + "INSERT INTO t VALUES ('" + long + "',1),('" + long[1:] + "',2),('y',3);")).To(HaveExactElements(
			"line 7: row 1 of t: a value is longer than 1048576 bytes", HavePrefix(`t 2 7 a="xxx`), `t 3 7 a="y" b="3"`))
	})

	It("refuses a row that is too long, and reads on", func() {
		value := "'" + strings.Repeat("x", mysqldump.MaxValue) + "'"
		row := "(" + strings.Repeat(value+",", mysqldump.MaxRow/mysqldump.MaxValue) + "'y')"
		var columns []string
		for i := range mysqldump.MaxRow/mysqldump.MaxValue + 1 {
			columns = append(columns, fmt.Sprintf("c%d text", i))
		}
		table := "CREATE TABLE w (" + strings.Join(columns, ",") + ");\n"
		Expect(read(table + "INSERT INTO w VALUES " + row + ";\n" + ab + "INSERT INTO t VALUES ('z',1);")).To(Equal([]string{
			"line 2: row 1 of w: a row is longer than 8388608 bytes", `t 1 9 a="z" b="1"`,
		}))
	})

	It("says whether mysqldump came to its end", func() {
		for dump, completed := range map[string]bool{"-- Dump completed on 2013-05-01  3:00:00\n": true, ab: false} {
			r := mysqldump.New(strings.NewReader(dump), nil)
			_, err := r.Next()
			Expect(err).To(MatchError(io.EOF))
			Expect(r.Completed()).To(Equal(completed))
		}
	})

	It("counts the rows that are not wanted without keeping them", func() {
		r := mysqldump.New(strings.NewReader(ab+"CREATE TABLE u (k int);INSERT INTO t VALUES ('x',1),('y',2);INSERT INTO u VALUES (7);"),
			func(t *mysqldump.Table) bool { return t.Name == "u" })
		row, err := r.Next()
		Expect(err).NotTo(HaveOccurred())
		Expect(row.Get("k").Text).To(Equal("7"))
		Expect(row.Get("other").Null).To(BeTrue())
		Expect(row.Table.Type("k")).To(Equal("int"))
	})
})
