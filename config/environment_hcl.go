package config

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// readHCL reads a description with the fields of the YAML syntax: attributes, and the blocks image, boot, preinstall and
// any number of postinstall. It may come from any user, so values are plain: nothing is computed.
func (d *draft) readHCL() {
	body := parseHCL(d.src, d.report)
	if body == nil {
		d.unreadable = true
		return
	}
	blocks := []string{"image", "boot", "preinstall", "postinstall"}
	d.hclFields(body, "", blocks)
	seen := map[string]bool{}
	for _, block := range body.Blocks {
		at := d.src.position(block.TypeRange.Start)
		switch {
		case !slices.Contains(blocks, block.Type):
			d.report.add(Error, at, didYouMean(block.Type, blocks), "unknown block %q", block.Type)
		case seen[block.Type] && block.Type != "postinstall":
			d.report.add(Error, at, "", "block %s is there twice", block.Type)
		case len(block.Labels) > 0 || len(block.Body.Blocks) > 0:
			d.report.add(Error, at, "write "+block.Type+" { ... }", "block %s has neither labels nor blocks in it", block.Type)
		case block.Type == "preinstall":
			d.pre = append(d.pre, d.hclArchive(block))
		case block.Type == "postinstall":
			d.post = append(d.post, d.hclArchive(block))
		default:
			d.hclFields(block.Body, block.Type, nil)
		}
		seen[block.Type] = true
	}
}

// hclFields reads the attributes of a group; more are the names to suggest beside them.
func (d *draft) hclFields(body *hclsyntax.Body, group string, more []string) {
	fields := fieldsOf(group)
	for _, attribute := range inOrder(body) {
		f, known := fields[attribute.Name]
		if !known {
			names := slices.Sorted(maps.Keys(fields))
			d.unknown(attribute.Name, d.src.position(attribute.NameRange.Start), append(names, more...))
			continue
		}
		text, ok := d.hclValue(attribute, f.form)
		if !ok {
			d.wrong[f.full()] = true
			continue
		}
		d.set(f.full(), text.text, text.at)
	}
}

func (d *draft) hclValue(attribute *hclsyntax.Attribute, want form) (field, bool) {
	at := valuePosition(attribute.Expr, d.src)
	if !isPlain(attribute.Expr) {
		d.report.add(Error, at, `text is written in quotes: "text"`, "%s: a description holds plain values, nothing to compute", attribute.Name)
		return field{}, false
	}
	v, ok := evaluateHCL(&key{name: attribute.Name, form: want}, attribute.Expr, d.src, nil, d.report)
	return field{v.text, at}, ok
}

// isPlain says that an expression is a literal.
func isPlain(expr hclsyntax.Expression) bool {
	template, isTemplate := expr.(*hclsyntax.TemplateExpr)
	if !isTemplate {
		_, literal := expr.(*hclsyntax.LiteralValueExpr)
		return literal
	}
	for _, part := range template.Parts {
		if _, literal := part.(*hclsyntax.LiteralValueExpr); !literal {
			return false
		}
	}
	return true
}

func (d *draft) hclArchive(block *hclsyntax.Block) archiveDraft {
	archive := archiveDraft{at: d.src.position(block.TypeRange.Start), script: field{text: "none"}}
	for _, attribute := range inOrder(block.Body) {
		var place *field
		switch attribute.Name {
		case "archive":
			place = &archive.file
		case "compression":
			place = &archive.compression
		case "script":
			place = &archive.script
		default:
			d.unknown(attribute.Name, d.src.position(attribute.NameRange.Start), []string{"archive", "compression", "script"})
			continue
		}
		if text, ok := d.hclValue(attribute, text); ok {
			*place = text
		}
	}
	return archive
}
