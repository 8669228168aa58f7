package kadeploy3

import (
	"fmt"
	"regexp"
	"strings"
)

var stepType = regexp.MustCompile(`^[A-Za-z0-9_]+$`)

// macrosteps reads automata/macrosteps/MACRO[]{type, retries, timeout, microsteps[]{name, retries}}. Retries come after the first
// try, since 3.1.6.
func (c *cluster) macrosteps() {
	extra := map[string]int{} // of micro-steps
	var names []string
	var at Place
	for _, macro := range []string{"SetDeploymentEnv", "BroadcastEnv", "BootNewEnv"} {
		for i := range c.doc.sizes["automata/macrosteps/"+macro] {
			item := fmt.Sprintf("automata/macrosteps/%s[%d]/", macro, i)
			c.instance(macro, item)
			for j := range c.doc.sizes[item+"microsteps"] {
				step := fmt.Sprintf("%smicrosteps[%d]/", item, j)
				name, retries := c.doc.take(step+"name"), c.doc.take(step+"retries")
				n, err := retries.number(0)
				switch {
				case err != nil:
					c.draft.report.lost(retries.at, "retries of a micro-step: %v", err)
				case name == nil || n <= 0:
				case extra[name.value()] > 0 && extra[name.value()] != n:
					c.draft.report.lost(retries.at, "retries of %s: they are the same in every instance here; %d was taken", name.value(), extra[name.value()])
				case extra[name.value()] == 0:
					extra[name.value()] = n
					names = append(names, fmt.Sprintf("%s:%d", name.value(), n))
					if at.Line == 0 {
						at = retries.at
					}
				}
			}
		}
	}
	c.out.set("retries", strings.Join(names, ","), at)
}

// instance reads one instance of a macro-step; each gets its own line, so that one that is refused costs only itself.
func (c *cluster) instance(macro, item string) {
	name := c.doc.take(item + "type")
	retries, timeout := c.doc.take(item+"retries"), c.doc.take(item+"timeout")
	if name == nil {
		return
	}
	tries, err := retries.number(0)
	seconds, errTime := timeout.number(0)
	if err != nil || errTime != nil || !stepType.MatchString(name.value()) {
		c.draft.report.lost(name.at, "%s %q: a type and whole numbers of retries and seconds are wanted", macro, name.value())
		return
	}
	if !c.counted {
		tries++
	}
	c.out.set("macrostep", fmt.Sprintf("%s|%s%s:%d:%d", macro, macro, strings.TrimPrefix(name.value(), macro), tries, seconds), name.at)
}
