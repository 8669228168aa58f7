package config

import (
	"strconv"
	"strings"
	"time"
)

// sandboxKeys describe nodes without hardware.
func sandboxKeys() []*key {
	return []*key{
		{name: "sandbox_boot_delay", scope: clusterScope, form: number, initial: one("0.2"), set: setSeconds(func(t *target) *time.Duration { return &t.settings.Sandbox.BootDelay }),
			doc: "time that firmware and kernel of a sandbox node take, in seconds"},
		{name: "sandbox_disk_size", scope: clusterScope, form: number, initial: one("0"), set: setSize(func(t *target) *int64 { return &t.settings.Sandbox.DiskSize }, 1),
			doc: "size of a sandbox node's disk, in bytes or with a unit; 0 is unlimited"},
		{name: "sandbox_in_process", scope: clusterScope, form: boolean, initial: one("false"), set: setBool(func(t *target) *bool { return &t.settings.Sandbox.InProcess }),
			doc: "run the agents of sandbox nodes inside the process that has the machines"},
		{name: "sandbox_seed", scope: clusterScope, form: number, initial: one("0"), set: setSeed,
			doc: "seed of what sandbox nodes do by chance"},
		{name: "sandbox_fault", scope: clusterScope, form: list, appends: true, set: setFaults,
			doc: "misbehaviour of sandbox nodes: KIND[:ARGUMENT][@PROBABILITY], separated by commas"},
	}
}

func setSeed(t *target, v value) error {
	seed, err := strconv.ParseUint(v.text, 10, 64)
	if err != nil {
		return faultf(0, "%q is not a whole number between 0 and 2^64-1", v.text)
	}
	t.settings.Sandbox.Seed = seed
	return nil
}

func setFaults(t *target, v value) error {
	for _, item := range v.list(",") {
		f, err := parseFault(item.text)
		if err != nil {
			return item.at(err)
		}
		t.settings.Sandbox.Faults = append(t.settings.Sandbox.Faults, f)
	}
	return nil
}

// parseFault reads KIND[:ARGUMENT][@PROBABILITY]; see Fault for the kinds.
func parseFault(text string) (Fault, error) {
	f := Fault{Probability: 1}
	spec, odds, hasOdds := strings.Cut(text, "@")
	if hasOdds {
		p, err := strconv.ParseFloat(odds, 64)
		if err != nil || !(p > 0 && p <= 1) {
			return f, faultf(len(spec)+1, "probability %q is not above 0 and at most 1", odds)
		}
		f.Probability = p
	}
	f.Kind, f.Arg, _ = strings.Cut(spec, ":")
	if err := choice(f.Kind, "boot-fails", "never-boots", "disk-full", "slow-disk", "agent-crash", "slow-boot", "never-calls", "hung-order"); err != nil {
		return f, err
	}
	if err := checkFault(f); err != nil {
		return f, item{offset: min(len(f.Kind)+1, len(spec))}.at(err)
	}
	return f, nil
}

func checkFault(f Fault) (err error) {
	if f.Arg == "" && f.Kind != "never-boots" && f.Kind != "never-calls" {
		return faultf(0, "%s needs an argument: %s:...", f.Kind, f.Kind)
	}
	switch f.Kind {
	case "boot-fails":
		_, err = parseInt(f.Arg, 1, 1000)
	case "disk-full":
		_, err = parseSize(f.Arg, 1)
	case "slow-disk":
		_, err = f.Rate()
	case "agent-crash", "hung-order":
		if choice(f.Arg, microNames()...) != nil {
			err = &fault{msg: "unknown micro-step " + strconv.Quote(f.Arg), hint: didYouMean(f.Arg, microNames())}
		}
	case "slow-boot":
		_, err = parseSeconds(f.Arg)
	default:
		if f.Arg != "" {
			err = faultf(0, "%s takes no argument", f.Kind)
		}
	}
	return err
}
