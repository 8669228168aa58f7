package config

import (
	"fmt"
	"regexp"
	"time"
)

// chainDaemonKeys are what every broadcast of the daemon has in common.
func chainDaemonKeys() []*key {
	return []*key{
		{name: "chain_rate", form: number, initial: one("0"), set: setRate(func(t *target) *int64 { return &t.global.ChainRate }),
			doc: "most that the server sends in one broadcast, in MiB a second or with a unit; 0 is no limit"},
		{name: "chain_rate_total", form: number, initial: one("0"), set: setRate(func(t *target) *int64 { return &t.global.ChainRateTotal }),
			doc: "most that the server sends in all broadcasts, which share it fairly, in MiB a second or with a unit; 0 is no limit"},
		{name: "chain_stall", form: number, initial: one("2"), set: setStall,
			doc: "silence after which a link of the broadcast is taken for dead, in seconds"},
	}
}

// chainNodeKeys are what a node is as a link of the chain, and where it stands in the network.
func chainNodeKeys() []*key {
	return []*key{
		{name: "chain_ring", scope: clusterScope, form: number, initial: one("64MiB"),
			set: setSizeWithin(func(t *target) *int64 { return &t.settings.ChainRing }, "1MiB", "4GiB"),
			doc: "memory of the node for the part of the image that its disk or the next node has not taken yet, in MiB or with a unit"},
		{name: "chain_slow_disk", scope: clusterScope, form: number, initial: one("2"), set: setSeconds(func(t *target) *time.Duration { return &t.settings.SlowDisk }),
			doc: "how long a node's own disk may hold up the chain before the node leaves it and is fed at the end, in seconds; 0 is for ever"},
		{name: "chain_tls", scope: clusterScope, form: boolean, initial: one("false"), set: setBool(func(t *target) *bool { return &t.settings.ChainTLS }),
			doc: "encrypt the broadcast; one such node is enough for all that are in a broadcast with it"},
		{name: "phone_home", scope: clusterScope, form: boolean, initial: one("false"), set: setBool(func(t *target) *bool { return &t.settings.PhoneHome }),
			doc: "a node is OK only when the deployed system itself has called the HTTP server and said which image it is; needs http_listen"},
		{name: "verify_image", scope: clusterScope, form: boolean, initial: one("false"), set: setBool(func(t *target) *bool { return &t.settings.VerifyImage }),
			doc: "read a dd image back from the disk after it was written, and compare; a tar image cannot be compared: what its files are on the disk is the file system's business"},
		{name: "switch", scope: clusterScope, initial: one(""), set: setPlace("switch", func(t *target) *string { return &t.settings.Switch }),
			doc: "switch that the node is plugged into; the broadcast crosses the uplink of each switch once"},
		{name: "rack", scope: clusterScope, initial: one(""), set: setPlace("rack", func(t *target) *string { return &t.settings.Rack }),
			doc: "rack that the node stands in; the broadcast goes through one rack after the other"},
	}
}

// minRate is one frame of the chain a second: with less, frames would come further apart than heartbeats.
const minRate = 64 << 10

// setRate stores bytes a second; a bare number counts MiB.
func setRate(field func(*target) *int64) setter {
	size := setSize(field, 1<<20)
	return func(t *target, v value) error {
		if err := size(t, v); err != nil {
			return err
		}
		if n := *field(t); n != 0 && n < minRate {
			return &fault{msg: fmt.Sprintf("%d bytes a second is less than 64KiB", n), hint: "write 100MiB for 100 MiB a second, or 0 for no limit"}
		}
		return nil
	}
}

// setStall refuses times in which a busy machine is silent, too.
func setStall(t *target, v value) error {
	if err := setSeconds(func(t *target) *time.Duration { return &t.global.ChainStall })(t, v); err != nil {
		return err
	}
	if t.global.ChainStall < 100*time.Millisecond {
		return faultf(0, "must be at least 0.1 seconds")
	}
	return nil
}

var place = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}$`)

// setPlace stores the name of a thing of the network, or nothing.
func setPlace(what string, field func(*target) *string) setter {
	return func(t *target, v value) error {
		*field(t) = v.text
		if v.text != "" && !place.MatchString(v.text) {
			return &fault{msg: fmt.Sprintf("%q is not the name of a %s", v.text, what), hint: "write letters and digits, with _ . : / - among them"}
		}
		return nil
	}
}
