package config

import (
	"slices"
	"strings"

	"github.com/kadeploy/kadeploy/internal/disklayout"
)

// layoutRoles are the keys that a layout takes the place of.
var layoutRoles = map[string]disklayout.Role{
	"deploy_part": disklayout.Deploy, "prod_part": disklayout.Prod, "tmp_part": disklayout.Tmp, "swap_part": disklayout.Swap,
}

// checkParts makes sure that there is something to deploy, and takes the parts of the disk from the layout when that is what
// partition_file holds.
func (b *builder) checkParts(s *Settings, o origin) {
	at := func(key string) position { return o.layers.place(b.schema.byName[key]) }
	said := func(key string) bool { return len(o.layers.inForce(b.schema.byName[key])) > 0 }
	switch {
	case s.PartitionKind != disklayout.Kind && !said("deploy_part"):
		b.missing(b.schema.byName["deploy_part"], o.layers, o.entry.cluster)
		return
	case s.PartitionKind != disklayout.Kind:
		return
	case s.PartitionFile == "":
		b.report.add(Error, at("partition_creation_kind"), "set partition_file = layout.hcl", "partition_creation_kind is layout, but there is no partition_file")
		return
	}
	layout := b.layout(s.PartitionFile)
	if layout == nil {
		return
	}
	s.Layout = layout
	for _, key := range []string{"deploy_part", "prod_part", "tmp_part", "swap_part"} {
		field := s.part(key)
		part := layout.Part(layoutRoles[key])
		if said(key) && *field != part {
			b.report.add(Error, at(key), "leave "+key+" out", "%s contradicts %s, where the role %s is that of %s",
				key, s.PartitionFile, layoutRoles[key], orNone(part))
		}
		*field = part
	}
	if len(layout.Disks) > 0 && !slices.Contains(layout.Disks, s.BlockDevice) {
		b.report.add(Error, at("block_device"), "", "block_device %s is not one of the disks of %s: %s", s.BlockDevice, s.PartitionFile, strings.Join(layout.Disks, ", "))
	}
}

func (s *Settings) part(key string) *string {
	return map[string]*string{"deploy_part": &s.DeployPart, "prod_part": &s.ProdPart, "tmp_part": &s.TmpPart, "swap_part": &s.SwapPart}[key]
}

func orNone(part string) string {
	if part == "" {
		return "nothing"
	}
	return part
}

// layout reads a file once for all nodes that have it; nil when something is wrong with it, which is reported.
func (b *builder) layout(path string) *disklayout.Layout {
	l, known := b.layouts[path]
	if !known {
		l = readLayout(path, b.report)
		b.layouts[path] = l
	}
	return l
}

// maxLayout bounds the text of a layout, in bytes.
const maxLayout = 256 << 10

// readLayout reads a disk layout, which is HCL with plain values.
func readLayout(path string, r *report) *disklayout.Layout {
	text, err := readFile(path, maxLayout)
	if err != nil {
		r.add(Error, position{source: &source{path: path}}, "", "%v", err)
		return nil
	}
	reader := &layoutReader{src: newSource(path, text), report: r, layout: &disklayout.Layout{Label: "gpt"}}
	body := parseHCL(reader.src, r)
	if body == nil {
		return nil
	}
	reader.top(body)
	if reader.wrong { // what is missing for that reason is no news
		return nil
	}
	problems := reader.layout.Check()
	for _, p := range problems {
		r.add(Error, position{source: reader.src, line: p.Place.Line, column: p.Place.Column}, "", "%s", p.Text)
	}
	if len(problems) > 0 {
		return nil
	}
	return reader.layout
}
