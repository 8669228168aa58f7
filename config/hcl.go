package config

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Bounds of HCL text: its parser recurses, and a stack that is too deep would end the process.
const (
	maxNesting = 100
	maxChained = 10_000 // ! - and ? of a whole file
)

// parseHCL returns the body of a file; nil when it cannot be read, which is reported.
func parseHCL(src *source, r *report) *hclsyntax.Body {
	if at, deep := tooDeep(src); deep {
		r.add(Error, at, "", "expressions are nested too deeply")
		return nil
	}
	file, diagnostics := hclsyntax.ParseConfig(src.text, src.path, hcl.InitialPos)
	r.hcl(src, diagnostics)
	if diagnostics.HasErrors() {
		return nil
	}
	return file.Body.(*hclsyntax.Body)
}

// tooDeep finds where a file nests beyond the bounds. It only cuts the text into tokens, which never recurses.
func tooDeep(src *source) (position, bool) {
	tokens, _ := hclsyntax.LexConfig(src.text, src.path, hcl.InitialPos)
	depth, chained := 0, 0
	for _, token := range tokens {
		switch token.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc,
			hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			depth++
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc,
			hclsyntax.TokenTemplateSeqEnd:
			depth--
		case hclsyntax.TokenBang, hclsyntax.TokenMinus, hclsyntax.TokenQuestion:
			chained++
		}
		if depth > maxNesting || chained > maxChained {
			return src.position(token.Range.Start), true
		}
	}
	return position{}, false
}

// position converts a place of HCL, which counts characters in a line, to ours, which counts bytes.
func (s *source) position(at hcl.Pos) position {
	start := bytes.LastIndexByte(s.text[:min(at.Byte, len(s.text))], '\n') + 1
	return position{source: s, line: at.Line, column: 1 + at.Byte - start}
}

// hcl reports what the HCL library found, in our voice.
func (r *report) hcl(src *source, diagnostics hcl.Diagnostics) {
	for _, d := range diagnostics {
		at := position{source: src}
		if d.Subject != nil {
			at = src.position(d.Subject.Start)
		}
		severity, hint := Error, ""
		if d.Severity == hcl.DiagWarning {
			severity = Warning
		}
		switch d.Summary {
		case "Unknown variable", "Variables not allowed", "Invalid expression", "Unsupported operator":
			hint = `text is written in quotes: "text"`
		}
		r.add(severity, at, hint, "%s", sentence(d.Summary+": "+d.Detail))
	}
}

// sentence puts a text of several lines and sentences on one line that starts in lower case.
func sentence(text string) string {
	text = strings.TrimRight(strings.Join(strings.Fields(text), " "), ".: ")
	first, size := utf8.DecodeRuneInString(text)
	if second, _ := utf8.DecodeRuneInString(text[size:]); unicode.IsUpper(second) {
		return text
	}
	return string(unicode.ToLower(first)) + text[size:]
}

// inOrder lists the attributes of a body as they are written.
func inOrder(body *hclsyntax.Body) []*hclsyntax.Attribute {
	var list []*hclsyntax.Attribute
	for _, a := range body.Attributes {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b *hclsyntax.Attribute) int {
		return cmp.Compare(a.NameRange.Start.Byte, b.NameRange.Start.Byte)
	})
	return list
}
