package config

import (
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kadeploy/kadeploy/internal/disklayout"
)

// layoutReader makes a layout of blocks. What it does not look at, disklayout checks.
type layoutReader struct {
	src    *source
	report *report
	layout *disklayout.Layout
	wrong  bool
}

// layoutExamples are how the blocks are written.
var layoutExamples = map[string]string{
	"partition":    `partition "swap" { size = "2GiB" }, partition "raid" "md0" { size = "rest" } or partition "lvm" "vg0" { size = "rest" }`,
	"raid":         `raid "md0" "deploy" { level = 1 } or raid "md0" "lvm" "vg0" { level = 1 }`,
	"volume_group": `volume_group "vg0" { ... }`,
	"volume":       `volume "root" "deploy" { size = "10GiB" }`,
}

func (l *layoutReader) top(body *hclsyntax.Body) {
	for _, a := range inOrder(body) {
		switch a.Name {
		case "label":
			v, _ := l.value(a, text)
			l.layout.Label = v.text
		case "disks":
			v, _ := l.value(a, list)
			for _, item := range v.list(",") {
				l.layout.Disks = append(l.layout.Disks, item.text)
			}
		default:
			l.unknown(a, "label", "disks")
		}
	}
	for _, block := range body.Blocks {
		if known := []string{"partition", "raid", "volume_group"}; !slices.Contains(known, block.Type) {
			l.add(l.src.position(block.TypeRange.Start), didYouMean(block.Type, known), "unknown block %q", block.Type)
			continue
		}
		l.block(block)
	}
}

func (l *layoutReader) block(block *hclsyntax.Block) {
	at := l.place(block)
	switch {
	case block.Type == "partition" && l.labels(block, 1, 2):
		l.layout.Partitions = append(l.layout.Partitions, disklayout.Partition{Role: disklayout.Role(block.Labels[0]), Of: l.label(block, 1), Size: l.size(block), Place: at})
	case block.Type == "raid" && l.labels(block, 2, 3):
		l.layout.Arrays = append(l.layout.Arrays, disklayout.Array{Name: block.Labels[0], Role: disklayout.Role(block.Labels[1]), Of: l.label(block, 2), Level: l.level(block), Place: at})
	case block.Type == "volume_group" && l.labels(block, 1, 1):
		l.layout.Groups = append(l.layout.Groups, disklayout.Group{Name: block.Labels[0], Volumes: l.volumes(block), Place: at})
	}
}

func (l *layoutReader) volumes(group *hclsyntax.Block) (all []disklayout.Volume) {
	for _, a := range inOrder(group.Body) {
		l.unknown(a)
	}
	for _, block := range group.Body.Blocks {
		if block.Type != "volume" {
			l.add(l.src.position(block.TypeRange.Start), "write "+layoutExamples["volume"], "unknown block %q", block.Type)
			continue
		}
		if l.labels(block, 2, 2) {
			all = append(all, disklayout.Volume{Name: block.Labels[0], Role: disklayout.Role(block.Labels[1]), Size: l.size(block), Place: l.place(block)})
		}
	}
	return all
}

// labels checks how many a block has.
func (l *layoutReader) labels(block *hclsyntax.Block, least, most int) bool {
	n := len(block.Labels)
	if n < least || n > most {
		l.add(l.src.position(block.TypeRange.Start), "write "+layoutExamples[block.Type], "block %s has %d labels", block.Type, n)
	}
	return n >= least && n <= most
}

func (l *layoutReader) label(block *hclsyntax.Block, i int) string {
	if i < len(block.Labels) {
		return block.Labels[i]
	}
	return ""
}

func (l *layoutReader) size(block *hclsyntax.Block) disklayout.Size {
	a := l.only(block, "size")
	if a == nil {
		return disklayout.Size{}
	}
	v, ok := l.value(a, text)
	size, err := disklayout.ParseSize(v.text)
	if ok && err != nil {
		l.add(valuePosition(a.Expr, l.src), "", "%v", err)
	}
	return size
}

func (l *layoutReader) level(block *hclsyntax.Block) int {
	a := l.only(block, "level")
	if a == nil {
		return 0
	}
	v, ok := l.value(a, number)
	level, err := parseInt(v.text, 0, 1)
	if ok && err != nil {
		l.add(valuePosition(a.Expr, l.src), "write level = 0 or level = 1", "level %v", err)
	}
	return level
}

// only is the one attribute of a block, which must have it and nothing else.
func (l *layoutReader) only(block *hclsyntax.Block, name string) *hclsyntax.Attribute {
	for _, a := range inOrder(block.Body) {
		if a.Name != name {
			l.unknown(a, name)
		}
	}
	for _, inner := range block.Body.Blocks {
		l.add(l.src.position(inner.TypeRange.Start), "", "unknown block %q", inner.Type)
	}
	a := block.Body.Attributes[name]
	if a == nil {
		l.add(l.src.position(block.TypeRange.Start), "write "+layoutExamples[block.Type], "block %s has no %s", block.Type, name)
	}
	return a
}

func (l *layoutReader) value(a *hclsyntax.Attribute, want form) (value, bool) {
	v, ok := evaluateHCL(&key{name: a.Name, form: want}, a.Expr, l.src, nil, l.report)
	l.wrong = l.wrong || !ok
	return v, ok
}

func (l *layoutReader) unknown(a *hclsyntax.Attribute, known ...string) {
	l.add(l.src.position(a.NameRange.Start), didYouMean(a.Name, known), "unknown argument %q", a.Name)
}

func (l *layoutReader) add(at position, hint, format string, args ...any) {
	l.wrong = true
	l.report.add(Error, at, hint, format, args...)
}

func (l *layoutReader) place(block *hclsyntax.Block) disklayout.Place {
	at := l.src.position(block.TypeRange.Start)
	return disklayout.Place{Line: at.line, Column: at.column}
}
