package config

import (
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/kadeploy/kadeploy/internal/workflow"
)

// readYAML reads {MACRO: {MICRO: {pre-ops|substitute|post-ops: [operation...]}}}.
func (c *customDraft) readYAML() {
	top := c.yamlDocument()
	if top == nil {
		return
	}
	c.entries(top, func(macro, key *yaml.Node) {
		c.entries(key, func(micro, content *yaml.Node) {
			customs, ok := c.place(macro.Value, micro.Value, c.yamlPosition(micro))
			if ok {
				c.yamlCustoms(&customs, content)
				c.all = append(c.all, customs)
			}
		})
	})
}

// entries gives each entry of a mapping whose keys are places of the workflow.
func (c *customDraft) entries(n *yaml.Node, read func(key, content *yaml.Node)) {
	if n = resolved(n); n.Kind != yaml.MappingNode {
		c.report.add(Error, c.yamlPosition(n), "write MACRO-STEP: MICRO-STEP: pre-ops, each on a line of its own", "a mapping (name: value) is wanted here")
		return
	}
	seen := map[string]int{} // known keys are few: without repetitions aliases cannot multiply
	for i := 0; i+1 < len(n.Content) && !c.tooMuch(); i += 2 {
		key := n.Content[i]
		if line := seen[key.Value]; line > 0 {
			c.report.add(Error, c.yamlPosition(key), "", "%s is already on line %d", key.Value, line)
			continue
		}
		seen[key.Value] = key.Line
		read(key, n.Content[i+1])
	}
}

// tooMuch ends the reading of what is refused anyway.
func (c *customDraft) tooMuch() bool {
	return c.operations() > maxCustoms || c.report.count[Error] > maxSuggestions
}

func (c *customDraft) yamlCustoms(customs *workflow.Customs, n *yaml.Node) {
	c.yamlMapping(n, []string{"pre-ops", "post-ops", "substitute", "override"}, func(name string, _, content *yaml.Node) {
		switch name {
		case "pre-ops":
			customs.Pre = c.yamlOperations(content)
		case "post-ops":
			customs.Post = c.yamlOperations(content)
		case "substitute":
			customs.Substitute = c.yamlOperations(content)
		default:
			c.report.add(Note, c.yamlPosition(content), "", "ignored: override: what a user asks for is done beside what the site does")
		}
	})
}

func (c *customDraft) yamlOperations(n *yaml.Node) (ops []workflow.Custom) {
	list := resolved(n)
	if list.Kind != yaml.SequenceNode {
		c.report.add(Error, c.yamlPosition(n), "write - name: NAME, and below it action: exec, send or run", "a list of operations is wanted here")
		return nil
	}
	for _, item := range list.Content[:min(len(list.Content), maxCustoms+1)] {
		op := workflow.Custom{}
		c.yamlMapping(item, []string{"name", "action", "command", "file", "destination", "params", "timeout", "retries", "scattering"},
			func(name string, _, content *yaml.Node) { c.yamlOperation(&op, name, content) })
		if op.Name == "" {
			op.Name = string(op.Do)
		}
		if err := checkCustom(op); err != nil {
			c.report.fault(c.yamlPosition(item), "custom operation", err)
		}
		ops = append(ops, op)
	}
	return ops
}

func (c *customDraft) yamlOperation(op *workflow.Custom, name string, n *yaml.Node) {
	text, ok := c.yamlScalar(n)
	if !ok {
		return
	}
	var err error
	switch name {
	case "name":
		op.Name = text.text
	case "action":
		op.Do = workflow.Doing(text.text)
	case "command":
		op.Command = text.text
	case "file":
		op.File, err = locate(c.dir, text.text)
	case "destination":
		op.Destination = text.text
	case "params":
		op.Params = text.text
	case "timeout":
		var seconds int
		seconds, err = parseInt(text.text, 0, 7*24*3600)
		op.Timeout = time.Duration(seconds) * time.Second
	case "retries":
		op.Retries, err = parseInt(text.text, 0, maxRetries)
	}
	if err != nil {
		c.report.fault(text.at, name, err)
	}
}
