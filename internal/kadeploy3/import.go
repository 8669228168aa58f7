package kadeploy3

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/rights"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// Config says what to import. At least one of Dump and Dir is given.
type Config struct {
	Dump string    // file of a dump of the database, compressed or not; "-": Stdin
	Dir  string    // configuration directory of Kadeploy3
	Out  string    // directory to make; "" only looks
	Now  time.Time // when the rights are given

	Stdin io.Reader
}

// Result is an import that is ready beside its place. Exactly one of Commit and Discard ends it.
type Result struct {
	Report  Report
	Files   []string // below Out, in order
	out     string
	staging string
}

// Import reads everything, makes what can be made and loads it again with what will read it. The error is an input that is of no use,
// or a directory that cannot be written; then nothing is left behind. The configuration directory is read through os.Root.
func Import(ctx context.Context, cfg Config) (*Result, error) {
	staging, err := stage(cfg.Out)
	if err != nil {
		return nil, err
	}
	r := &Result{out: cfg.Out, staging: staging}
	if err := r.fill(ctx, cfg); err != nil {
		r.Discard()
		return nil, err
	}
	return r, nil
}

// stage makes the directory under way: beside its place, where a rename can reach it.
func stage(out string) (string, error) {
	if out == "" {
		return os.MkdirTemp("", "kadeploy-import-")
	}
	if _, err := os.Lstat(out); err == nil {
		return "", fmt.Errorf("%s is there already: name a directory that is not, or move it away", out)
	}
	dir, err := os.MkdirTemp(filepath.Dir(filepath.Clean(out)), "."+filepath.Base(out)+".import-")
	if err != nil {
		return "", fmt.Errorf("%s cannot be made: %w", out, wording.Bare(err))
	}
	return dir, nil
}

func (r *Result) fill(ctx context.Context, cfg Config) error {
	disk := func(string) string { return "" }
	if cfg.Dir != "" {
		snapshot, err := r.configuration(cfg.Dir)
		if err != nil {
			return err
		}
		r.Report.Clusters, r.Report.Nodes = len(snapshot.Clusters()), len(snapshot.Nodes)
		disk = func(name string) string {
			if n, found := snapshot.Node(name); found {
				return n.BlockDevice
			}
			return ""
		}
	}
	if cfg.Dump != "" {
		if err := r.database(ctx, cfg, disk); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return r.report()
}

// configuration makes the files of the server in the staging directory, which is empty still.
func (r *Result) configuration(dir string) (*config.Snapshot, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, wording.Bare(err))
	}
	defer root.Close()
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	draft, err := folder{fs: root.FS(), path: absolute}.draft(&r.Report)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	place := r.out
	if place == "" {
		place = "OUTDIR"
	}
	snapshot, err := draft.settle(r.staging, place)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	for _, f := range draft.files {
		r.Files = append(r.Files, f.name)
	}
	r.Files = append(r.Files, slices.Sorted(maps.Keys(draft.extra))...)
	return snapshot, nil
}

// database makes the descriptions and the book of rights.
func (r *Result) database(ctx context.Context, cfg Config, disk func(string) string) error {
	var d *database
	err := opened(ctx, cfg.Dump, cfg.Stdin, func(in io.Reader, name string) (err error) {
		d, err = readDatabase(in, name, &r.Report)
		return err
	})
	if err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(r.staging, "environments"), 0o700); err != nil {
		return err
	}
	files := d.descriptions(&r.Report)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := r.write(name, files[name]); err != nil {
			return err
		}
	}
	book, err := d.book(cfg.Now, disk).Encode()
	if err != nil {
		return err
	}
	if err := r.write(rightsFile, book); err != nil {
		return err
	}
	_, err = rights.Load(filepath.Join(r.staging, rightsFile))
	return err
}

// rightsFile is what a server takes over into its database when it finds it in its state directory.
const rightsFile = "rights.json"

func (r *Result) write(name string, text []byte) error {
	if err := os.WriteFile(filepath.Join(r.staging, name), text, 0o600); err != nil {
		return fmt.Errorf("%s cannot be written: %w", name, wording.Bare(err))
	}
	r.Files = append(r.Files, name)
	return nil
}

// Commit puts the directory in its place.
func (r *Result) Commit() error {
	_, err := os.Lstat(r.out) // it may have come meanwhile, and a rename would replace an empty one
	if err == nil {
		err = os.ErrExist
	} else {
		err = os.Rename(r.staging, r.out)
	}
	if err != nil {
		r.Discard()
		return fmt.Errorf("%s cannot be made: %w", r.out, wording.Bare(err))
	}
	return nil
}

// Discard removes what was made.
func (r *Result) Discard() { _ = os.RemoveAll(r.staging) }

// opened gives a dump to read, and what to call it.
func opened(ctx context.Context, dump string, stdin io.Reader, read func(in io.Reader, name string) error) error {
	if dump == "-" {
		return read(&until{ctx, stdin}, "standard input")
	}
	f, err := os.Open(dump)
	if err != nil {
		return fmt.Errorf("%s: %w", dump, wording.Bare(err))
	}
	defer f.Close()
	return read(&until{ctx, f}, dump)
}

// until ends a stream when its context does.
type until struct {
	ctx context.Context
	r   io.Reader
}

func (u *until) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := u.r.Read(p)
	return n, wording.Bare(err)
}
