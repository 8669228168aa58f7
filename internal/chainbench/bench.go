package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// bench runs scenarios and remembers what it has measured.
type bench struct {
	options
	chains  chains
	files   string              // directory of this run
	images  map[int64]*image    // by size
	entries map[string][]*entry // by the scenario's id
}

// open makes the directory of this run: in memory if it can, unless the options name a place.
func open(o options) (*bench, error) {
	parent := o.dir
	if parent == "" {
		parent = os.TempDir()
		if fileSystem("/dev/shm") == "tmpfs" {
			parent = "/dev/shm"
		}
	}
	dir, err := os.MkdirTemp(parent, "chainbench-")
	var key [32]byte
	rand.Read(key[:])
	return &bench{
		options: o, files: dir, chains: chains{agent: o.agent, key: hex.EncodeToString(key[:])},
		images: make(map[int64]*image), entries: make(map[string][]*entry),
	}, err
}

// close leaves nothing but, if they are to be kept, the logs.
func (b *bench) close() {
	if !b.keep {
		os.RemoveAll(b.files)
		return
	}
	for _, img := range b.images {
		os.Remove(img.path)
	}
	fmt.Fprintln(os.Stderr, "chainbench: the logs are in", b.files)
}

// run prints a table of each scenario as it is done, or all of them as JSON in the end.
func (b *bench) run(ctx context.Context, scenarios []scenario) error {
	r := report{Machine: thisMachine(b.files), Repetitions: b.times}
	text := io.Writer(os.Stdout)
	if b.json {
		text = io.Discard
	}
	r.printHead(text)
	for _, s := range scenarios {
		fmt.Fprintf(text, "\n%s: %s\n", s.id, s.title)
		rows, err := b.measure(ctx, s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.id, err)
		}
		printTable(text, s.columns, rows)
		r.Rows = append(r.Rows, rows...)
	}
	if b.json {
		return r.printJSON(os.Stdout)
	}
	return nil
}

// entry is a contestant in a scenario.
type entry struct {
	contestant contestant
	missing    need // the program that is not installed; zero when none is
	outcomes   []outcome
}

// hangs says that a run did not end by itself: the others would not either, and each costs the limit.
func (e *entry) hangs() bool { return slices.ContainsFunc(e.outcomes, outcome.late) }

// measure runs a scenario, unless it has been run, and the one that it is compared with.
func (b *bench) measure(ctx context.Context, s scenario) ([]row, error) {
	entries, err := b.entriesOf(ctx, s)
	if err != nil || s.against == "" {
		return rows(s, entries, nil), err
	}
	base, err := b.entriesOf(ctx, scenarioOf(s.against))
	return rows(s, entries, base), err
}

func (b *bench) entriesOf(ctx context.Context, s scenario) ([]*entry, error) {
	if done, ok := b.entries[s.id]; ok {
		return done, nil
	}
	var entries []*entry
	for _, c := range s.who(b.chains) {
		if b.who.MatchString(c.name) {
			missing, _ := c.missing()
			entries = append(entries, &entry{contestant: c, missing: missing})
		}
	}
	for range b.times { // everybody once, then everybody again: so a bad minute of the machine hits all
		for _, e := range entries {
			if e.missing.command != "" || e.hangs() {
				continue
			}
			o, err := b.once(ctx, s, e.contestant)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", e.contestant.name, err)
			}
			e.outcomes = append(e.outcomes, o)
		}
	}
	b.entries[s.id] = entries
	return entries, nil
}

// once makes a place for one run, and leaves nothing of it but the logs.
func (b *bench) once(ctx context.Context, s scenario, c contestant) (outcome, error) {
	if c.single {
		s.hosts = 1
	}
	img, err := b.image(s.size)
	if err != nil {
		return outcome{}, err
	}
	logs := filepath.Join(b.files, s.id)
	files := filepath.Join(logs, "files")
	if err := os.MkdirAll(files, 0o700); err != nil {
		return outcome{}, err
	}
	defer os.RemoveAll(files)
	if err := enough(files, int64(s.hosts)*s.size); err != nil {
		return outcome{}, err
	}
	p := onLoopback(img, files, s.hosts)
	if !s.loopback {
		if p, err = inNamespaces(img, files, s.hosts, s.rate); err != nil {
			return outcome{}, err
		}
	}
	r := &race{contestant: c, place: p, fault: s.fault, memory: s.memory, limit: s.limit, logs: logs}
	o, err := r.run(ctx)
	return o, errors.Join(err, p.close())
}

func (b *bench) image(size int64) (*image, error) {
	if img := b.images[size]; img != nil {
		return img, nil
	}
	img, err := makeImage(b.files, size)
	if err == nil {
		b.images[size] = img
	}
	return img, err
}
