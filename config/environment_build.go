package config

import (
	"regexp"
	"strconv"
	"strings"
)

// build judges the draft and makes the environment of it, with the defaults of its generation.
func (d *draft) build() *Environment {
	e := &Environment{
		Name:             d.text("name", ""),
		Description:      d.text("description", d.old("no description")),
		Author:           d.text("author", d.old("no author")),
		Visibility:       d.text("visibility", "private"),
		OS:               d.text("os", ""),
		Kernel:           d.text("boot.kernel", ""),
		Initrd:           d.text("boot.initrd", ""),
		KernelParams:     d.text("boot.kernel_params", ""),
		Hypervisor:       d.text("boot.hypervisor", ""),
		HypervisorParams: d.text("boot.hypervisor_params", ""),
		Filesystem:       d.text("filesystem", ""),
	}
	if d.of2009 {
		e.Visibility = d.text("visibility", "shared")
		_, e.KernelParamsOnly = d.fields["boot.kernel_params"]
	}
	e.Version, e.Versioned = d.version(), d.has("version")
	e.Format = d.format
	e.Destructive = d.destructive()
	e.PartitionType = d.partitionType()
	e.Image = d.image()
	e.PhoneHome = d.phoneHome(e)
	e.PreInstall, e.PostInstall = d.archives()
	d.checkWords(e)
	d.checkMandatory(e)
	return e
}

// old is a default that only 2009 had.
func (d *draft) old(text string) string {
	if d.of2009 {
		return text
	}
	return ""
}

// text is a field on one line; only a description may have more.
func (d *draft) text(name, missing string) string {
	f, found := d.fields[name]
	if !found {
		return missing
	}
	if name != "description" {
		d.check(name, singleLine(f.text))
	}
	return f.text
}

// check reports what is wrong with a field that was written.
func (d *draft) check(name string, err error) {
	if err != nil {
		d.report.fault(d.fields[name].at, d.label(name), err)
	}
}

// label is a field's name in the syntax of the description.
func (d *draft) label(name string) string {
	if !d.of2009 {
		return name
	}
	for _, f := range descriptionFields() {
		if f.full() == name && f.classic != "" {
			return f.classic
		}
	}
	return "tarball"
}

func (d *draft) version() int {
	f, found := d.fields["version"]
	switch {
	case !found && d.of2009:
		return 0
	case !found:
		return 1
	}
	n, err := parseInt(f.text, 0, 1<<31-1)
	d.check("version", err)
	return n
}

// destructive is a boolean; in 2009 it was a count of failures, 10000 for always.
func (d *draft) destructive() bool {
	f, found := d.fields["destructive"]
	if !found {
		return false
	}
	if d.of2009 {
		n, err := parseInt(f.text, 0, 1<<31-1)
		d.check("destructive", err)
		return n > 0
	}
	yes, err := parseBool(f.text)
	d.check("destructive", err)
	return yes
}

// phoneHome is nil when the description leaves it to the site.
func (d *draft) phoneHome(e *Environment) *bool {
	f, found := d.fields["phone_home"]
	if !found {
		return nil
	}
	yes, err := parseBool(f.text)
	if err == nil && yes && e.Image.Kind == "dd" && e.Filesystem == "" {
		err = &fault{msg: "nobody can lay a file into a raw image without a file system", hint: "name its filesystem, or leave this to the site"}
	}
	d.check("phone_home", err)
	return &yes
}

var partitionTypeHex = regexp.MustCompile(`^[0-9a-fA-F]{1,2}$`)

// partitionType is hexadecimal text, but a number in YAML.
func (d *draft) partitionType() string {
	f, found := d.fields["partition_type"]
	switch {
	case !found:
		return "0"
	case d.of2009 || strings.HasSuffix(d.src.path, ".hcl"):
		if !partitionTypeHex.MatchString(f.text) {
			d.report.add(Error, f.at, "write 83 for Linux", "partition type %q is not hexadecimal", f.text)
		}
		return strings.ToLower(f.text)
	}
	n, err := strconv.ParseUint(f.text, 0, 8)
	if err != nil {
		d.report.add(Error, f.at, "write 0x83 for Linux", "partition type %q is not a number up to 0xff", f.text)
	} else if f.text == "83" || f.text == "82" {
		d.report.add(Warning, f.at, "write 0x"+f.text, "partition type %s is hexadecimal %x", f.text, n)
	}
	return strconv.FormatUint(n, 16)
}

var fileSystem = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,15}$`)

func (d *draft) checkWords(e *Environment) {
	d.check("visibility", choice(e.Visibility, "private", "shared", "public"))
	if _, found := d.fields["os"]; found {
		err := choice(e.OS, "linux", "xen", "other")
		if f, isFault := err.(*fault); isFault && f.hint == "" {
			f.hint = "other is for every system that is neither Linux nor Xen"
		}
		d.check("os", err)
	}
	if e.Filesystem != "" && !fileSystem.MatchString(e.Filesystem) {
		d.check("filesystem", faultf(0, "%q is not the name of a file system", e.Filesystem))
	}
	if f, found := d.fields["multipart"]; found {
		if yes, err := parseBool(f.text); err != nil || yes {
			d.check("multipart", faultf(0, "images of several partitions cannot be deployed by this version"))
		}
	}
}

// checkMandatory reports the fields that this kind of environment cannot do without (Kadeploy3 1.2, 2.5).
func (d *draft) checkMandatory(e *Environment) {
	system := e.OS == "linux" || e.OS == "xen"
	if !d.of2009 {
		system = e.Image.Kind == "tar"
	}
	d.need(true, "name")
	d.need(true, "image.file")
	d.need(d.has("image.file"), "image.kind")
	d.need(true, "os")
	d.need(d.of2009, "partition_type")
	d.need(system, "boot.kernel")
	d.need(system, "filesystem")
	d.need(e.OS == "xen" && system, "boot.hypervisor")
}

func (d *draft) has(name string) bool { return d.fields[name].text != "" }

func (d *draft) need(wanted bool, name string) {
	if !wanted || d.has(name) || d.wrong[name] {
		return
	}
	at := position{source: d.src}
	if f, found := d.fields[name]; found {
		at = f.at
	}
	d.report.add(Error, at, "", "%s is missing", d.label(name))
}
