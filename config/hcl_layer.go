package config

import (
	"fmt"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// hclReader reads bodies of one file into layers.
type hclReader struct {
	src    *source
	file   scope
	schema *schema
	report *report
}

// hclLayer reads deploy.hcl or a cluster file: attributes with the names of the classic keys, and the blocks macrostep,
// command and sandbox. Nil when the text is not HCL.
func hclLayer(src *source, file scope, s *schema, r *report) *layer {
	body := parseHCL(src, r)
	if body == nil {
		return nil
	}
	reader := &hclReader{src, file, s, r}
	l := newLayer(src)
	reader.attributes(l, body, "", nil)
	reader.blocks(l, body.Blocks, nil)
	return l
}

// attributes assigns every attribute of a body; prefix completes its name, except says which are read elsewhere.
func (h *hclReader) attributes(l *layer, body *hclsyntax.Body, prefix string, except []string) {
	for _, attribute := range inOrder(body) {
		if choice(attribute.Name, except...) == nil {
			continue
		}
		at := h.src.position(attribute.NameRange.Start)
		if k := h.schema.find(prefix+attribute.Name, h.file, at, h.report); k != nil {
			l.assign(k, expressionAssignment(k, attribute.Expr, h.src))
		}
	}
}

// blocks reads the blocks that stand for keys; more are the names of blocks that the caller reads.
func (h *hclReader) blocks(l *layer, blocks []*hclsyntax.Block, more []string) {
	for _, block := range blocks {
		switch {
		case block.Type == "sandbox" && h.labels(block, 0, "sandbox { ... }"):
			h.noBlocks(block.Body)
			h.attributes(l, block.Body, "sandbox_", nil)
		case block.Type == "command" && h.labels(block, 1, `command "reboot_soft" { argv = ["..."] }`):
			h.command(l, block)
		case block.Type == "macrostep" && h.labels(block, 1, `macrostep "BroadcastEnv" { instance "Chain" { ... } }`):
			h.macrostep(l, block)
		case choice(block.Type, append([]string{"sandbox", "command", "macrostep"}, more...)...) != nil:
			known := append([]string{"sandbox", "command", "macrostep"}, more...)
			h.report.add(Error, h.src.position(block.TypeRange.Start), didYouMean(block.Type, known), "unknown block %q", block.Type)
		}
	}
}

// labels checks how many labels a block has.
func (h *hclReader) labels(block *hclsyntax.Block, want int, example string) bool {
	if len(block.Labels) == want {
		return true
	}
	h.report.add(Error, h.src.position(block.TypeRange.Start), "write "+example, "block %s has %d labels instead of %d", block.Type, len(block.Labels), want)
	return false
}

func (h *hclReader) noBlocks(body *hclsyntax.Body) {
	for _, block := range body.Blocks {
		h.report.add(Error, h.src.position(block.TypeRange.Start), "", "unknown block %q", block.Type)
	}
}

// only reports the attributes of a block that it cannot have.
func (h *hclReader) only(body *hclsyntax.Body, known ...string) {
	for _, attribute := range inOrder(body) {
		if choice(attribute.Name, known...) != nil {
			h.report.add(Error, h.src.position(attribute.NameRange.Start), didYouMean(attribute.Name, known), "unknown argument %q", attribute.Name)
		}
	}
}

// command reads command "KIND" { argv = [...] group = FILE }.
func (h *hclReader) command(l *layer, block *hclsyntax.Block) {
	h.only(block.Body, "argv", "group")
	h.noBlocks(block.Body)
	at := h.src.position(block.LabelRanges[0].Start).shift(1)
	k := h.schema.commandKey(block.Labels[0])
	argv := block.Body.Attributes["argv"]
	switch {
	case k == nil:
		h.report.add(Error, at, didYouMean(block.Labels[0], commandKinds()), "unknown kind of command %q", block.Labels[0])
		return
	case argv == nil:
		h.report.add(Error, at, `write argv = ["program", "argument"]`, "command %q has no argv", block.Labels[0])
		return
	}
	a := expressionAssignment(k, argv.Expr, h.src)
	if group := block.Body.Attributes["group"]; group != nil {
		arguments := a.compute
		a.perNode = a.perNode || len(group.Expr.Variables()) > 0
		a.compute = func(ctx *hcl.EvalContext, r *report) (value, bool) {
			v, ok := arguments(ctx, r)
			file, fileOK := evaluateHCL(&key{name: "group"}, group.Expr, h.src, ctx, r)
			v.group = file.text
			return v, ok && fileOK
		}
	}
	l.assign(k, a)
}

// macrostep reads macrostep "MACRO" { instance "NAME" { tries = N timeout = SECONDS } ... }; every instance becomes one
// line of the classic syntax.
func (h *hclReader) macrostep(l *layer, block *hclsyntax.Block) {
	h.only(block.Body)
	if len(block.Body.Blocks) == 0 {
		h.report.add(Error, h.src.position(block.TypeRange.Start), `write instance "Chain" { tries = 2 }`, "macrostep %q has no instance", block.Labels[0])
	}
	for _, instance := range block.Body.Blocks {
		if instance.Type != "instance" {
			h.report.add(Error, h.src.position(instance.TypeRange.Start), didYouMean(instance.Type, []string{"instance"}), "unknown block %q", instance.Type)
			continue
		}
		if !h.labels(instance, 1, `instance "Chain" { tries = 2 }`) {
			continue
		}
		h.only(instance.Body, "tries", "timeout")
		h.noBlocks(instance.Body)
		tries, timeout := instance.Body.Attributes["tries"], instance.Body.Attributes["timeout"]
		l.assign(h.schema.byName["macrostep"], assignment{
			at:      h.src.position(instance.LabelRanges[0].Start).shift(1),
			opaque:  true,
			perNode: tries != nil && len(tries.Expr.Variables()) > 0 || timeout != nil && len(timeout.Expr.Variables()) > 0,
			compute: func(ctx *hcl.EvalContext, r *report) (value, bool) {
				n, ok := h.tries(tries, ctx, r)
				seconds, timeoutOK := h.timeout(timeout, ctx, r)
				text := fmt.Sprintf("%s|%s:%s:%d", block.Labels[0], instance.Labels[0], n, seconds)
				return value{text: text}, ok && timeoutOK
			},
		})
	}
}

// tries is one when it is not given.
func (h *hclReader) tries(a *hclsyntax.Attribute, ctx *hcl.EvalContext, r *report) (string, bool) {
	if a == nil {
		return "1", true
	}
	v, ok := evaluateHCL(&key{name: "tries", form: number}, a.Expr, h.src, ctx, r)
	return v.text, ok
}

// timeout is in whole seconds; none when it is not given.
func (h *hclReader) timeout(a *hclsyntax.Attribute, ctx *hcl.EvalContext, r *report) (int64, bool) {
	if a == nil {
		return 0, true
	}
	v, ok := evaluateHCL(&key{name: "timeout", form: number}, a.Expr, h.src, ctx, r)
	if !ok {
		return 0, false
	}
	d, err := parseSeconds(v.text)
	if err == nil && d%time.Second != 0 {
		err = faultf(0, "%v is not a whole number of seconds", d)
	}
	if err != nil {
		r.fault(valuePosition(a.Expr, h.src), "timeout", err)
		return 0, false
	}
	return int64(d / time.Second), true
}

// nodeContext adds what an expression may know of its node.
func nodeContext(base *hcl.EvalContext, e *entry) *hcl.EvalContext {
	node := &Node{Name: e.name}
	about := map[string]cty.Value{
		"name": cty.StringVal(e.name), "short": cty.StringVal(node.ShortName()), "index": cty.NumberIntVal(int64(e.index)),
	}
	if e.addr.IsValid() {
		about["address"] = cty.StringVal(e.addr.String())
	}
	ctx := base.NewChild()
	ctx.Variables = map[string]cty.Value{"node": cty.ObjectVal(about)}
	if e.cluster != "" {
		ctx.Variables["cluster"] = cty.ObjectVal(map[string]cty.Value{"name": cty.StringVal(e.cluster)})
	}
	return ctx
}
