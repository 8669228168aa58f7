package main_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"
)

// database is the file of the site's database, which a daemon has made and left.
func (s *site) database() string {
	GinkgoHelper()
	s.started()
	Expect(s.run("stop")).To(gexec.Exit(0))
	return filepath.Join(s.dir, "var", "kadeploy.db")
}

// changed runs a statement on a file of SQLite, as a hand that knows no better would.
func changed(file, statement string) {
	GinkgoHelper()
	db, err := sql.Open("sqlite", file)
	Expect(err).NotTo(HaveOccurred())
	defer db.Close()
	_, err = db.Exec(statement)
	Expect(err).NotTo(HaveOccurred())
}

// names are the files of a directory whose names begin so.
func names(dir, prefix string) (all []string) {
	GinkgoHelper()
	files, err := os.ReadDir(dir)
	Expect(err).NotTo(HaveOccurred())
	for _, f := range files {
		if strings.HasPrefix(f.Name(), prefix) {
			all = append(all, f.Name())
		}
	}
	return all
}

var _ = Describe("a backup that is restored", func() {
	It("takes the place of the database, which is kept beside it; --dry-run only looks", func() {
		s := given()
		file := s.database()
		changed(file, "INSERT INTO users VALUES ('ada', 0, 1)")
		copied := filepath.Join(s.dir, "backup.db")
		Expect(s.run("backup", copied).Out).To(gbytes.Say(`whole, .* KiB; to go back to it: kadeploy-server stop, kadeploy-server restore %s, kadeploy-server start\n`, copied))
		changed(file, "INSERT INTO users VALUES ('bob', 0, 1)")
		before, err := os.ReadFile(file)
		Expect(err).NotTo(HaveOccurred())

		dry := s.run("restore", copied, "--dry-run")
		Expect(dry).To(gexec.Exit(0))
		Expect(dry.Out).To(gbytes.Say(`^%s: whole, [0-9.]+ [KM]iB, schema \d+ of \d+, 0 operations\n--dry-run: %s is as it was\n$`, copied, file))
		Expect(os.ReadFile(file)).To(Equal(before))
		Expect(names(filepath.Dir(file), "kadeploy.db")).To(ConsistOf("kadeploy.db", "kadeploy.db.lock"))

		done := s.run("restore", copied)
		Expect(done).To(gexec.Exit(0))
		Expect(done.Out).To(gbytes.Say(`\nkept what was there: (\S+)\nrestored %s; start the daemon, `, file))
		Expect(names(filepath.Dir(file), "kadeploy.db")).To(ConsistOf("kadeploy.db", "kadeploy.db.lock", MatchRegexp(`^kadeploy\.db\.\d{8}-\d{6}\.\d{3}$`)))
		info, err := os.Stat(file)
		Expect(err).NotTo(HaveOccurred())
		Expect(info.Mode().Perm()).To(BeEquivalentTo(0o600))
		s.started()
		users := string(s.here("user", "list").Out.Contents())
		Expect(users).To(And(ContainSubstring("ada"), Not(ContainSubstring("bob"))))
		Expect(s.run("stop")).To(gexec.Exit(0))

		aside, err := filepath.Glob(file + ".2*")
		Expect(err).NotTo(HaveOccurred())
		Expect(s.run("restore", aside[0])).To(gexec.Exit(0))
		s.started()
		Expect(s.here("user", "list").Out).To(gbytes.Say("bob"))
	})

	It("is where none was before, as on a new machine", func() {
		s, other := given(), given()
		copied := filepath.Join(s.dir, "backup.db")
		changed(s.database(), "INSERT INTO users VALUES ('ada', 0, 1)")
		Expect(s.run("backup", copied)).To(gexec.Exit(0))
		Expect(other.run("restore", copied)).To(gexec.Exit(0))
		other.started()
		Expect(other.here("user", "list").Out).To(gbytes.Say("ada"))
	})

	It("does not go on with what was under way when it was made", func() {
		s := given()
		s.hung("3")
		s.started()
		session := s.deploy("node-[1-4].demo")
		Eventually(session.Err, slow).Should(gbytes.Say(`node-1.demo .*format_deploy_part`))
		copied := filepath.Join(s.dir, "backup.db")
		Expect(s.run("backup", copied)).To(gexec.Exit(0))
		Eventually(session, slow).Should(gexec.Exit(0))
		Expect(s.run("stop")).To(gexec.Exit(0))
		done := s.run("restore", copied)
		Expect(done).To(gexec.Exit(0))
		Expect(done.Out).To(gbytes.Say(`, 1 operation, the last begun \d{4}-\d\d-\d\d \S+\n1 operation under way when it was made: the daemon ends what has no end as failed, and does not go on with it\n`))
		s.started()
		Eventually(func() string { return string(s.here("history", "--failed").Out.Contents()) }, slow).Should(MatchRegexp(`(?m)^D-\S+ +deploy .* failed `))
		Expect(s.log()).To(MatchRegexp(`msg="operation not resumed" .*why="it was under way when the backup was made that the database was restored from"`))
		Expect(string(s.here("history", "--output", "json").Out.Contents())).To(MatchRegexp(`"resumed": ?0\b`))
	})

	It("is refused in one line when it is of no use, and nothing is changed", func() {
		s := given()
		file := s.database()
		copied := filepath.Join(s.dir, "backup.db")
		again := func() {
			GinkgoHelper()
			_ = os.Remove(copied)
			Expect(s.run("backup", copied)).To(gexec.Exit(0))
		}
		again()
		changed(copied, "INSERT INTO schema_versions (version_id, is_applied) VALUES (99, 1)")
		saysOnce(s.run("restore", copied), 1, `^kadeploy-server: database `+copied+` has schema 99 and this program knows up to \d+: `)
		again()
		changed(copied, "DROP TABLE schema_versions")
		saysOnce(s.run("restore", copied), 1, `^kadeploy-server: `+copied+` is a database of another program, or an empty one: `)
		again()
		data, err := os.ReadFile(copied)
		Expect(err).NotTo(HaveOccurred())
		clear(data[8192:12288])
		Expect(os.WriteFile(copied, data, 0o600)).To(Succeed())
		saysOnce(s.run("restore", copied), 1, `^kadeploy-server: `+copied+` is damaged \(.*\): nothing was changed; take another backup$`)
		Expect(os.WriteFile(copied, []byte(strings.Repeat("no database ", 999)), 0o600)).To(Succeed())
		saysOnce(s.run("restore", copied, "--dry-run"), 1, `^kadeploy-server: `+copied+` is damaged \(.*not a database.*\): nothing was changed; take another backup$`)
		Expect(os.Truncate(copied, 0)).To(Succeed())
		saysOnce(s.run("restore", copied), 1, ` is a database of another program, or an empty one: `)
		saysOnce(s.run("restore", file), 1, `^kadeploy-server: restore `+file+`: it is the database itself: name a copy$`)
		saysOnce(s.run("restore", s.dir), 1, `^kadeploy-server: restore `+s.dir+`: it is no file$`)
		saysOnce(s.run("restore", copied+"x"), 1, `^kadeploy-server: restore `+copied+`x: no such file or directory$`)
		Expect(names(filepath.Dir(file), "kadeploy.db")).To(ConsistOf("kadeploy.db", "kadeploy.db.lock"))
		s.started()
		again()
		Expect(s.run("restore", copied, "--dry-run")).To(gexec.Exit(0))
		saysOnce(s.run("restore", copied), 1, `^kadeploy-server: the daemon runs with pid \d+ and has the database; stop it first: kadeploy-server stop -d `+s.dir+`$`)
		saysOnce(s.run("compact"), 1, `^kadeploy-server: the daemon runs with pid \d+ and has the database; stop it first: kadeploy-server stop -d `+s.dir+`$`)
	})
})

var _ = Describe("a database that is compacted", func() {
	It("gives the room of what is gone back to the disk, and is the same otherwise", func() {
		s := given()
		file := s.database()
		changed(file, "INSERT INTO users VALUES ('ada', 0, 1)")
		changed(file, "CREATE TABLE gone (room BLOB); INSERT INTO gone VALUES (zeroblob(20000000)); DROP TABLE gone")
		session := s.run("compact")
		Expect(session).To(gexec.Exit(0))
		Expect(session.Out).To(gbytes.Say(`^compacted %s: 19\.\d MiB before, 4\.\d MiB now, of which 4\.0 MiB are reserved for the ends of what runs\n$`, file))
		Expect(names(filepath.Dir(file), "kadeploy.db")).To(ConsistOf("kadeploy.db", "kadeploy.db.lock"))
		s.started()
		Expect(s.here("user", "list").Out).To(gbytes.Say("ada"))
	})
})
