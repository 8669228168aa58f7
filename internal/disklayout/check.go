package disklayout

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/kadeploy/kadeploy/internal/blockdev"
)

// Problem is what is wrong with a layout, and where.
type Problem struct {
	Place Place
	Text  string
}

const (
	maxPrimary    = 4   // partitions of a dos label that need no extended one
	maxPartitions = 128 // of a GPT as everybody makes it
	maxParts      = 64  // disks, arrays, groups, and volumes of a group
)

var (
	arrayName = regexp.MustCompile(`^md(0|[1-9][0-9]{0,2})$`)               // 512 and more have other numbers in the kernel, but the same names
	lvmName   = regexp.MustCompile(`^[A-Za-z0-9_+.][A-Za-z0-9_+.-]{0,63}$`) // lvm(8), "valid names"
)

// Check finds all that is wrong with a layout but for what only the machine knows: how large its disks are.
func (l *Layout) Check() []Problem {
	c := &check{Layout: l, roles: map[Role]int{}}
	if c.table(); len(l.Partitions) > maxPartitions || len(l.Disks) > maxParts || len(l.Arrays) > maxParts || len(l.Groups) > maxParts {
		return c.problems // nobody wants to read on
	}
	c.partitions()
	c.arrays()
	c.groups()
	if c.roles[Deploy] == 0 {
		c.add(Place{}, "no partition, array or volume has the role deploy")
	}
	return c.problems
}

type check struct {
	*Layout
	roles    map[Role]int // how often each is given, of those that one part can have
	problems []Problem
}

func (c *check) add(at Place, format string, args ...any) {
	c.problems = append(c.problems, Problem{at, fmt.Sprintf(format, args...)})
}

func (c *check) table() {
	if c.Label != "gpt" && c.Label != "dos" {
		c.add(Place{}, "label %q: want gpt or dos", c.Label)
	}
	for i, disk := range c.Disks[:min(len(c.Disks), maxParts)] {
		if err := blockdev.Check(disk); err != nil {
			c.add(Place{}, "disks: %q: %v", disk, err)
		}
		if slices.Contains(c.Disks[:i], disk) {
			c.add(Place{}, "disk %s is named twice", disk)
		}
	}
	switch n := len(c.Partitions); {
	case n == 0:
		c.add(Place{}, "there is no partition")
	case n > maxPartitions:
		c.add(c.Partitions[maxPartitions].Place, "there are %d partitions; a disk can have %d", n, maxPartitions)
	case c.Label == "dos" && n > maxPrimary:
		c.add(c.Partitions[maxPrimary].Place, "a dos label has %d partitions at most: use label = \"gpt\"", maxPrimary)
	}
	if len(c.Disks) > maxParts || len(c.Arrays) > maxParts || len(c.Groups) > maxParts {
		c.add(Place{}, "there are more than %d disks, arrays or volume groups", maxParts)
	}
}

func (c *check) partitions() {
	sizes := make([]Size, len(c.Partitions))
	for i, p := range c.Partitions {
		sizes[i] = p.Size
		if _, known := partitionTypes[p.Role]; !known {
			c.add(p.Place, "role %q of a partition: want deploy, prod, tmp, swap, esp, bios_grub, none, raid or lvm", p.Role)
		}
		if p.Role == BIOSGrub && c.Label == "dos" {
			c.add(p.Place, "a dos label needs no bios_grub: GRUB is put before the first partition")
		}
		c.part(p.Place, p.Role, p.Of)
	}
	c.sizes(sizes, func(i int) Place { return c.Partitions[i].Place })
}

// part checks what a part of any kind is for.
func (c *check) part(at Place, role Role, of string) {
	switch role {
	case Raid:
		if !slices.ContainsFunc(c.Arrays, func(a Array) bool { return a.Name == of }) {
			c.add(at, "there is no raid %q", of)
		}
	case LVM:
		if !slices.ContainsFunc(c.Groups, func(g Group) bool { return g.Name == of }) {
			c.add(at, "there is no volume_group %q", of)
		}
	default:
		if of != "" {
			c.add(at, "role %s is part of nothing: leave %q out", role, of)
		}
	}
	if slices.Contains([]Role{Deploy, Prod, Tmp, Swap}, role) {
		if c.roles[role]++; c.roles[role] == 2 {
			c.add(at, "a second part has the role %s", role)
		}
	}
}

// sizes checks that there is a rest once, where it is left.
func (c *check) sizes(sizes []Size, place func(int) Place) {
	percent := 0
	for i, s := range sizes {
		switch percent += s.Percent; {
		case !s.valid():
			c.add(place(i), "its size is neither bytes nor a share")
		case s.Rest() && i < len(sizes)-1:
			c.add(place(i), "size = \"rest\" leaves nothing for what follows: put it last")
		case percent > 100 && percent-s.Percent <= 100:
			c.add(place(i), "the shares are more than 100%%")
		}
	}
}

func (c *check) arrays() {
	for i, a := range c.Arrays {
		members := 0
		for _, p := range c.Partitions {
			if p.Role == Raid && p.Of == a.Name {
				members++
			}
		}
		switch {
		case !arrayName.MatchString(a.Name):
			c.add(a.Place, "raid %q: want a name such as md0", a.Name)
		case slices.ContainsFunc(c.Arrays[:i], func(o Array) bool { return o.Name == a.Name }):
			c.add(a.Place, "a second raid has the name %s", a.Name)
		case len(c.Disks) < 2:
			c.add(a.Place, "raid %s needs two disks: write disks = [\"/dev/sda\", \"/dev/sdb\"]", a.Name)
		case members != 1:
			c.add(a.Place, "%d partitions have the role raid for %s: want one, which is taken of each disk", members, a.Name)
		}
		if a.Level != 0 && a.Level != 1 {
			c.add(a.Place, "raid level %d: want 0 or 1", a.Level)
		}
		c.made(a.Place, a.Role, LVM)
		c.part(a.Place, a.Role, a.Of)
	}
}

// made checks the role of what is made anew each time, so that nothing can be kept in it.
func (c *check) made(at Place, role Role, more ...Role) {
	if !slices.Contains(append(more, Deploy, Tmp, Swap, None), role) {
		c.add(at, "role %q: an array or a volume, which is made anew each time, can be deploy, tmp, swap, none, and an array lvm", role)
	}
}

func (c *check) groups() {
	for i, g := range c.Groups {
		switch {
		case !validLVM(g.Name):
			c.add(g.Place, "volume_group %q: want letters, digits and _ + . -", g.Name)
		case slices.ContainsFunc(c.Groups[:i], func(o Group) bool { return o.Name == g.Name }):
			c.add(g.Place, "a second volume_group has the name %s", g.Name)
		case !slices.ContainsFunc(c.Partitions, func(p Partition) bool { return p.Role == LVM && p.Of == g.Name }) &&
			!slices.ContainsFunc(c.Arrays, func(a Array) bool { return a.Role == LVM && a.Of == g.Name }):
			c.add(g.Place, "volume_group %s is on nothing: no partition and no raid has the role lvm for it", g.Name)
		}
		c.volumes(g)
	}
}

func (c *check) volumes(g Group) {
	if len(g.Volumes) == 0 || len(g.Volumes) > maxParts {
		c.add(g.Place, "volume_group %s has %d volumes: want 1 to %d", g.Name, len(g.Volumes), maxParts)
		return
	}
	sizes := make([]Size, len(g.Volumes))
	for i, v := range g.Volumes {
		sizes[i] = v.Size
		switch {
		case !validLVM(v.Name):
			c.add(v.Place, "volume %q: want letters, digits and _ + . -", v.Name)
		case slices.ContainsFunc(g.Volumes[:i], func(o Volume) bool { return o.Name == v.Name }):
			c.add(v.Place, "a second volume of %s has the name %s", g.Name, v.Name)
		}
		c.made(v.Place, v.Role)
		c.part(v.Place, v.Role, "")
	}
	c.sizes(sizes, func(i int) Place { return g.Volumes[i].Place })
}

func validLVM(name string) bool { return lvmName.MatchString(name) && name != "." && name != ".." }
