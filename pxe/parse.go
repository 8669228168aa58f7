package pxe

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// entry is one LABEL of a profile as it is read.
type entry struct {
	kernel, append, initrd string
	hasAppend              bool
	local                  bool
	drive                  int
}

// Parse reads the part of PXELINUX's language that Render writes and sites add to by hand: DEFAULT, LABEL, KERNEL,
// LINUX, COM32, APPEND (global too), INITRD, LOCALBOOT. Other words are passed over, as the real loader passes over the
// settings of a screen. It returns what the default entry boots, without header.
//
// The text is at most 64 KiB. An error says which line cannot be understood, or what the default entry lacks.
func Parse(text string) (Profile, error) {
	if len(text) > maxProfile {
		return Profile{}, fmt.Errorf("boot profile: longer than %d bytes", maxProfile)
	}
	var (
		def    string
		global entry
		labels = map[string]*entry{}
		at     = &global
	)
	number := 0
	for line := range strings.Lines(text) {
		number++
		word, rest := keyword(line)
		switch word {
		case "default":
			def = rest
		case "label":
			at = &entry{}
			labels[rest] = at
		default:
			if err := at.read(word, rest); err != nil {
				return Profile{}, fmt.Errorf("boot profile: line %d: %w", number, err)
			}
		}
	}
	if def == "" {
		return Profile{}, errors.New("boot profile: no DEFAULT")
	}
	chosen, ok := labels[def]
	if !ok {
		return Profile{}, fmt.Errorf("boot profile: DEFAULT names %q, which is no LABEL", def)
	}
	if !chosen.hasAppend {
		chosen.append = global.append
	}
	p, err := chosen.profile()
	if err != nil {
		return Profile{}, err
	}
	return p, p.check()
}

func (e *entry) read(word, rest string) (err error) {
	switch word {
	case "kernel", "linux", "com32":
		e.kernel = rest
	case "append":
		e.append, e.hasAppend = rest, true
		if rest == "-" {
			e.append = ""
		}
	case "initrd":
		e.initrd = rest
	case "localboot":
		e.local = true
		if e.drive, err = number(rest); err != nil {
			return fmt.Errorf("LOCALBOOT %q is not a number", rest)
		}
	}
	return nil
}

func (e *entry) profile() (Profile, error) {
	switch {
	case e.local:
		return Profile{Kind: LocalBoot, Drive: e.drive}, nil
	case e.kernel == "":
		return Profile{}, errors.New("boot profile: the default entry has neither KERNEL nor LOCALBOOT")
	case isNamed(e.kernel, "chain.c32"):
		return parseChain(e.append)
	case isNamed(e.kernel, "mboot.c32"):
		return parseXen(e.append)
	case isModule(e.kernel):
		return Profile{}, fmt.Errorf("boot profile: %s is a module this loader does not have", e.kernel)
	}
	p := Profile{Kind: Kernel, Kernel: e.kernel}
	initrds := e.initrd
	var args []string
	for word := range strings.FieldsSeq(e.append) {
		if v, ok := strings.CutPrefix(word, "initrd="); ok {
			initrds = v // the last one counts, as in PXELINUX
			continue
		}
		args = append(args, word)
	}
	p.Args = strings.Join(args, " ")
	if initrds != "" {
		p.Initrds = strings.Split(initrds, ",")
	}
	return p, nil
}

func parseChain(line string) (Profile, error) {
	words := strings.Fields(line)
	if len(words) == 0 || len(words) > 2 || !strings.HasPrefix(words[0], "hd") {
		return Profile{}, fmt.Errorf("boot profile: chain.c32 wants hdN [PARTITION], not %q", line)
	}
	p := Profile{Kind: Chainload}
	var err error
	if p.Disk, err = strconv.Atoi(words[0][2:]); err != nil {
		return Profile{}, fmt.Errorf("boot profile: chain.c32: %q is not hdN", words[0])
	}
	if len(words) == 2 {
		if p.Partition, err = strconv.Atoi(words[1]); err != nil {
			return Profile{}, fmt.Errorf("boot profile: chain.c32: %q is not the number of a partition", words[1])
		}
	}
	return p, nil
}

func parseXen(line string) (Profile, error) {
	var modules [][]string
	for part := range strings.SplitSeq(" "+line+" ", " --- ") {
		words := strings.Fields(part)
		if len(words) == 0 {
			return Profile{}, fmt.Errorf("boot profile: mboot.c32 has an empty module in %q", line)
		}
		modules = append(modules, words)
	}
	if len(modules) < 2 || len(modules) > 3 {
		return Profile{}, fmt.Errorf("boot profile: mboot.c32 wants HYPERVISOR --- KERNEL [--- INITRD], not %q", line)
	}
	p := Profile{
		Kind:       Xen,
		Hypervisor: modules[0][0], HypervisorArgs: strings.Join(modules[0][1:], " "),
		Kernel: modules[1][0], Args: strings.Join(modules[1][1:], " "),
	}
	if len(modules) == 3 {
		p.Initrds = modules[2][:1]
	}
	return p, nil
}

// keyword splits a line into its first word in lower case and the rest; comments and blank lines have no word.
func keyword(line string) (word, rest string) {
	line = strings.TrimSpace(line)
	if strings.HasPrefix(line, "#") {
		return "", ""
	}
	i := strings.IndexAny(line, " \t")
	if i < 0 {
		return strings.ToLower(line), ""
	}
	return strings.ToLower(line[:i]), strings.TrimSpace(line[i:])
}

func number(s string) (int, error) {
	n, err := strconv.ParseInt(s, 0, 32) // 0x80 and 128 alike
	return int(n), err
}

func isNamed(kernel, module string) bool {
	return kernel == module || strings.HasSuffix(kernel, "/"+module)
}

func isModule(kernel string) bool { return strings.HasSuffix(kernel, ".c32") }
