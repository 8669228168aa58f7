package config

import (
	"errors"
	"slices"
	"strings"

	"github.com/kadeploy/kadeploy/internal/workflow"
)

// maxRetries bounds the extra tries of a micro-step.
const maxRetries = 100

// defaultMacrosteps are the automata of Kadeploy3 when none is configured; its retries are one less than our tries.
func defaultMacrosteps() []string {
	return []string{
		"SetDeploymentEnv|SetDeploymentEnvUntrusted:3:200",
		"BroadcastEnv|BroadcastEnvKascade:3:300",
		"BootNewEnv|BootNewEnvClassical:1:150,BootNewEnvHardReboot:2:120",
	}
}

// setMacrostep adds instances to a macro-step; the first line of a more specific file replaces those of the others.
func setMacrostep(t *target, v value) error {
	macro, specs, err := workflow.ParseMacrostep(v.text)
	var syntax *workflow.SyntaxError
	if errors.As(err, &syntax) {
		return faultf(syntax.Offset, "%s", syntax.Msg)
	}
	if err != nil {
		return err
	}
	if !t.fresh[string(macro)] {
		t.fresh[string(macro)] = true
		t.settings.Macrosteps[macro] = nil
	}
	// A fresh array: the settings of other nodes may share the one there is.
	t.settings.Macrosteps[macro] = slices.Concat(t.settings.Macrosteps[macro], specs)
	return nil
}

// setStepRetries reads MICRO:N,MICRO:N.
func setStepRetries(t *target, v value) error {
	t.settings.StepRetries = map[workflow.Micro]int{}
	for _, item := range v.list(",") {
		name, digits, found := strings.Cut(item.text, ":")
		if !found {
			return item.at(faultf(0, "%q is not MICRO-STEP:NUMBER", item.text))
		}
		if err := choice(name, microNames()...); err != nil {
			hint := didYouMean(name, microNames())
			return item.at(&fault{msg: "unknown micro-step " + name, hint: hint})
		}
		n, err := parseInt(strings.TrimSpace(digits), 0, maxRetries)
		if err != nil {
			return item.at(&fault{offset: len(name) + 1, msg: err.Error()})
		}
		t.settings.StepRetries[workflow.Micro(name)] = n
	}
	return nil
}

func microNames() []string {
	var names []string
	for _, micro := range workflow.Micros() {
		names = append(names, string(micro))
	}
	return names
}
