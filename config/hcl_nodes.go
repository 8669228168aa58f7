package config

import (
	"net/netip"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kadeploy/kadeploy/internal/nodeset"
)

// hclNodes reads nodes.hcl: node "name-[1-4]" { address = "10.0.0.[1-4]" cluster = "blue" ... }. Expressions know
// node.name, node.short and node.index (from 0 within the block), then cluster.name, then node.address.
func hclNodes(src *source, base *hcl.EvalContext, s *schema, c *census) {
	body := parseHCL(src, c.report)
	if body == nil {
		return
	}
	h := &hclReader{src, nodeScope, s, c.report}
	for _, attribute := range inOrder(body) {
		c.report.add(Error, src.position(attribute.NameRange.Start), `write node "NAME" { ... }`, "%s stands outside of a node", attribute.Name)
	}
	for _, block := range body.Blocks {
		switch {
		case block.Type != "node":
			c.report.add(Error, src.position(block.TypeRange.Start), `write node "NAME" { ... }`, "unknown block %q", block.Type)
		case h.labels(block, 1, `node "NAME" { ... }`):
			h.node(block, base, c)
		}
	}
}

// node reads one block, which may stand for several nodes.
func (h *hclReader) node(block *hclsyntax.Block, base *hcl.EvalContext, c *census) {
	l := newLayer(h.src)
	h.attributes(l, block.Body, "", []string{"address", "cluster", "mac"})
	h.blocks(l, block.Body.Blocks, nil)

	at := h.src.position(block.LabelRanges[0].Start).shift(1)
	names := expand(word{block.Labels[0], 0}, "node", at, h.report)
	for i, name := range names {
		e := &entry{name: name, at: at, layer: l, index: i}
		var ok bool
		if e.cluster, ok = h.fact(block, "cluster", e, base); ok && !clusterName.MatchString(e.cluster) {
			h.report.add(Error, at, "", "%q is not the name of a cluster", e.cluster)
			ok = false
		}
		address, addressOK := h.fact(block, "address", e, base)
		if !ok || !addressOK {
			continue
		}
		var err error
		if e.addr, err = pick(address, i, len(names)); err != nil {
			h.report.fault(h.src.position(block.Body.Attributes["address"].Expr.Range().Start), "address", err)
		}
		if block.Body.Attributes["mac"] != nil {
			mac, _ := h.fact(block, "mac", e, base)
			if e.mac, err = parseMAC(mac); err != nil {
				h.report.fault(h.src.position(block.Body.Attributes["mac"].Expr.Range().Start), "mac", err)
			}
		}
		c.admit(e)
	}
}

// fact is a text that every node has.
func (h *hclReader) fact(block *hclsyntax.Block, name string, e *entry, base *hcl.EvalContext) (string, bool) {
	attribute := block.Body.Attributes[name]
	if attribute == nil {
		h.report.add(Error, e.at, "", "node %s has no %s", block.Labels[0], name)
		return "", false
	}
	v, ok := evaluateHCL(&key{name: name}, attribute.Expr, h.src, nodeContext(base, e), h.report)
	return v.text, ok
}

// pick is the address of node i of n: its own, or its part of a range for all of them.
func pick(address string, i, n int) (netip.Addr, error) {
	list, err := nodeset.Expand(address)
	if err != nil {
		return netip.Addr{}, faultf(0, "%s: %v", address, err)
	}
	switch len(list) {
	case 1:
		return parseAddress(list[0])
	case n:
		return parseAddress(list[i])
	}
	return netip.Addr{}, faultf(0, "%d addresses for %d nodes", len(list), n)
}
