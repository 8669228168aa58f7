package command

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/internal/argv"
	"github.com/kadeploy/kadeploy/internal/kadeploy3"
)

func importFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "mysql-dump", Usage: "`FILE` that mysqldump wrote of the database, compressed or not; - is standard input"},
		&cli.StringFlag{Name: "config-dir", Aliases: []string{"d"}, Usage: "configuration `DIR`ectory of Kadeploy3"},
		&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "`DIR`ectory to make; it must not be there"},
		&cli.StringFlag{Name: "into", Usage: "put the deployments of the past and the states of nodes into the database of the server with the configuration `DIR`; it must not run"},
		toggle("dry-run", "print the report and make nothing"),
		outputFlag(),
	}
}

// importing reads what a site of another system has. Exit codes: everything was taken, some was not, nothing was made.
func (r *runner) importing(c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	dump, dir, out, dry, into := c.String("mysql-dump"), c.String("config-dir"), c.String("out"), c.Bool("dry-run"), c.String("into")
	switch args := c.Args().Slice(); {
	case len(args) == 0:
		return usage("import", "import from what? kadeploy3 is known")
	case args[0] != "kadeploy3":
		return usage("import", "unknown system %q: kadeploy3 is known", args[0])
	case len(args) > 1:
		return usage("import", "import kadeploy3 takes no argument %q", args[1])
	case into != "" && (dump == "" || dir != "" || out != ""):
		return usage("import", "--into takes the past of a dump: give --mysql-dump FILE with it, and neither --config-dir nor -o")
	case into != "":
		return r.importPast(into, dump, dry, asJSON)
	case dump == "" && dir == "":
		return usage("import", "nothing to import: give --mysql-dump FILE, --config-dir DIR, or both")
	case out == "" && !dry:
		return usage("import", "no directory to make: give -o DIR, or --dry-run")
	}
	if dry {
		out = ""
	}
	ctx, stop := interruptible()
	defer stop()
	result, err := kadeploy3.Import(ctx, kadeploy3.Config{Dump: dump, Dir: dir, Out: out, Now: time.Now(), Stdin: os.Stdin})
	switch {
	case ctx.Err() != nil && err != nil:
		return &argv.Failure{Code: exitUsage, Err: fmt.Errorf("interrupted; nothing was made")}
	case err != nil:
		return &argv.Failure{Code: exitUsage, Err: err}
	}
	defer result.Discard()
	if !dry {
		if err := result.Commit(); err != nil {
			return &argv.Failure{Code: exitUsage, Err: err}
		}
	}
	if asJSON {
		err = result.WriteJSON(r.Stdout)
	} else if err = result.WriteText(r.Stdout); err == nil && !dry {
		_, err = fmt.Fprintf(r.Stdout, "made %s: see docs/import.md for what to do with it\n", filepath.Clean(out))
	}
	if err != nil {
		return err
	}
	return notTaken(result.Report.NotTaken)
}

// interruptible is a context that the first signal ends; a second one ends the program at once.
func interruptible() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

func notTaken(n int) error {
	if n > 0 {
		return &argv.Failure{Code: exitFailed, Err: fmt.Errorf("%s not taken, see the report", wasOrWere(n))}
	}
	return nil
}

func wasOrWere(n int) string {
	if n == 1 {
		return "1 thing was"
	}
	return fmt.Sprintf("%d things were", n)
}

const importHelp = `With -o, reads what a site of Kadeploy3 has, the database as mysqldump writes it (3.0 to 3.3) and the configuration directory (the
key = value files of 2009 to 2012, or the YAML files of 3.1.5 to 3.3), and makes a directory of what this server reads:
   deploy.conf, cluster-NAME.conf, nodes.conf, cmd    the configuration; the server could load it
   environments/NAME-VERSION.yaml                     a description for each environment and version
   environments.sh                                    puts them into the catalogue of a server that runs, each as its owner's
   rights.json                                        users' rights: the first start takes it over from state_dir
   report.txt, report.json                            what was taken, and each thing that was not: where it stands, and why
With --into, takes the past of a dump into the database of a server that does not run: deployments of the table log, as operations whose
ids begin with K3-, and states of nodes that the server knows nothing of. What is there already stays: it may be done again.
Nothing is changed where it is read. Nothing is made when the input is of no use; the directory appears complete or not at all.

EXIT CODES:
   0   everything that has a meaning here was taken
   1   made, but some was not taken: the lines "not taken" of the report; or a database that failed on the way, or an interruption there
   2   nothing was made: interrupted, wrong usage, an input that is of no use, or a directory that cannot be made

With --output json:
   {"taken": {"environments", "rights", "clusters", "nodes"}, "not_taken",
    "findings": [{"severity", "file", "line", "column", "row", "text"}], "more_findings", "files"}
With --into, too: {"taken": {"deployments", "results", "states"}, "known": {"deployments", "states"}, "not_taken", "findings", "more_findings"}
results: ends of nodes in the deployments; known: what the server had already.
severity: not taken, note; line, column: 0 when not known; row: of a dump, "row 3 of environments".

EXAMPLES:
   mysqldump deploy3 > k3.sql
   kadeploy-server import kadeploy3 --mysql-dump k3.sql --config-dir /etc/kadeploy3 --dry-run
   kadeploy-server import kadeploy3 --mysql-dump k3.sql --config-dir /etc/kadeploy3 -o /etc/kadeploy
   mysqldump deploy3 | kadeploy-server import kadeploy3 --mysql-dump - -o k3
   kadeploy-server import kadeploy3 --mysql-dump k3.sql --into /etc/kadeploy
   kadeploy-server check-config -d /etc/kadeploy`
