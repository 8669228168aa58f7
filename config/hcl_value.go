package config

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// expressionAssignment gives k the value of an HCL expression, computed when it is asked for.
func expressionAssignment(k *key, expr hclsyntax.Expression, src *source) assignment {
	return assignment{
		at:      valuePosition(expr, src),
		perNode: len(expr.Variables()) > 0,
		opaque:  !isLiteral(expr),
		compute: func(ctx *hcl.EvalContext, r *report) (value, bool) { return evaluateHCL(k, expr, src, ctx, r) },
	}
}

// valuePosition is where the text of an expression begins: after the quote of a literal.
func valuePosition(expr hclsyntax.Expression, src *source) position {
	at := src.position(expr.Range().Start)
	if isLiteral(expr) {
		at.column++
	}
	return at
}

// isLiteral says that an expression is a text in quotes without anything to compute.
func isLiteral(expr hclsyntax.Expression) bool {
	template, ok := expr.(*hclsyntax.TemplateExpr)
	return ok && template.IsStringLiteral()
}

func evaluateHCL(k *key, expr hclsyntax.Expression, src *source, ctx *hcl.EvalContext, r *report) (value, bool) {
	result, diagnostics := expr.Value(ctx)
	r.hcl(src, diagnostics)
	if diagnostics.HasErrors() {
		return value{}, false
	}
	v, err := fromCty(k, result)
	if err != nil {
		r.fault(src.position(expr.Range().Start), k.name, err)
		return value{}, false
	}
	return v, true
}

// fromCty takes a value of HCL for what the key wants. The library would turn numbers into text silently: a forgotten
// pair of quotes is an error here.
func fromCty(k *key, v cty.Value) (value, error) {
	if v.IsNull() || !v.IsWhollyKnown() || v.IsMarked() {
		return value{}, faultf(0, "has no value")
	}
	t := v.Type()
	switch {
	case t == cty.String:
		return value{text: v.AsString()}, nil
	case t == cty.Number && (k.form == number || k.form == count):
		return value{text: numberText(v)}, nil
	case t == cty.Number:
		return value{}, &fault{msg: "wants text, not a number", hint: fmt.Sprintf("write %q", numberText(v))}
	case t == cty.Bool && k.form == boolean:
		return value{text: fmt.Sprint(v.True())}, nil
	case (t.IsTupleType() || t.IsListType() || t.IsSetType()) && (k.form == list || k.form == command):
		items, err := texts(v)
		return value{items: items, isList: true}, err
	case (t.IsObjectType() || t.IsMapType()) && k.form == namedList:
		return value{items: named(v, k.joint), isList: true}, nil
	}
	return value{}, faultf(0, "wants %s, not %s", k.form, kindOf(t))
}

func (f form) String() string {
	return [...]string{"text", "true or false", "a number", "a number or a percentage", "a list of texts", "an object or text", "a list of texts or one text"}[f]
}

// kindOf names a type of HCL for people.
func kindOf(t cty.Type) string {
	switch {
	case t == cty.String:
		return "text"
	case t == cty.Number:
		return "a number"
	case t == cty.Bool:
		return "true or false"
	case t.IsObjectType() || t.IsMapType():
		return "an object"
	case t == cty.DynamicPseudoType:
		return "null"
	}
	return "a list"
}

// numberText writes a number as the classic syntax has it. 1e999999999 would be a gigabyte of digits, and is no value
// of any key: it is written by its size alone, which no key can read.
func numberText(v cty.Value) string {
	f := v.AsBigFloat()
	if exponent := f.MantExp(nil); exponent < -200 || exponent > 200 {
		return fmt.Sprintf("2^%d", exponent)
	}
	return f.Text('f', -1)
}

func texts(v cty.Value) ([]string, error) {
	items := make([]string, 0, v.LengthInt())
	for it := v.ElementIterator(); it.Next(); {
		_, element := it.Element()
		if element.IsNull() || element.Type() != cty.String {
			return nil, faultf(0, "wants texts in the list: item %d is %s", len(items)+1, kindOf(element.Type()))
		}
		items = append(items, element.AsString())
	}
	return items, nil
}

// named writes an object as NAME joint ITEM; what is neither text nor number is refused by the key itself, as an
// item that it cannot read.
func named(v cty.Value, joint string) []string {
	var items []string
	for it := v.ElementIterator(); it.Next(); {
		name, element := it.Element()
		text := kindOf(element.Type())
		switch {
		case element.IsNull():
		case element.Type() == cty.String:
			text = element.AsString()
		case element.Type() == cty.Number:
			text = numberText(element)
		}
		items = append(items, name.AsString()+joint+text)
	}
	return items
}
