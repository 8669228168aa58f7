package main

import (
	"fmt"
	"strconv"
	"strings"
)

// byState is the seconds of the machine that was longest in it for each state, in the order in which they were entered, of a deployment's
// events as labsite.Site.Events has them: SetDeploymentEnv: reboot 0.3, wait_reboot 11.2; BroadcastEnv: ... A state of several tries is the
// sum of them.
func byState(events string) string {
	type entered struct {
		state string // MACRO: MICRO; "" of a machine that is in none
		at    float64
	}
	var order []string
	now := make(map[string]entered)             // by machine
	took := make(map[string]map[string]float64) // by state and machine
	for line := range strings.Lines(events) {
		words := strings.Fields(line)
		if len(words) < 3 {
			continue
		}
		at, err := strconv.ParseFloat(strings.TrimSuffix(words[0], "s"), 64)
		if err != nil {
			continue
		}
		machine, next := words[1], entered{at: at}
		if macro, _, ok := strings.Cut(words[2], "/"); ok && len(words) > 3 {
			next.state = macro + ": " + words[3]
			if took[next.state] == nil {
				took[next.state], order = make(map[string]float64), append(order, next.state)
			}
		}
		if was := now[machine]; was.state != "" {
			took[was.state][machine] += at - was.at
		}
		now[machine] = next
	}
	var text, macro string
	for _, state := range order {
		longest := 0.0
		for _, seconds := range took[state] {
			longest = max(longest, seconds)
		}
		of, micro, _ := strings.Cut(state, ": ")
		separator := ", "
		if of != macro {
			separator = "; " + of + ": "
		}
		text, macro = text+separator+fmt.Sprintf("%s %.1f", micro, longest), of
	}
	return strings.TrimPrefix(text, "; ")
}
