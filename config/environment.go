package config

// Environment is the description of an operating system image, whatever syntax it was written in
// (2009 `key : value`, Kadeploy3 YAML, HCL).
type Environment struct {
	Name        string
	Version     int
	Versioned   bool // the description says its version; else it is the default of its syntax
	Description string
	Author      string
	Visibility  string // private, shared, public
	Destructive bool
	OS          string // linux, xen, other

	PhoneHome *bool // the system itself says which image it is, or the node is not OK; nil: as the site says

	Image       Image
	PreInstall  *Archive // nil when none; replaces the first macro-step's instances
	PostInstall []Archive

	Kernel           string // path in the image
	Initrd           string
	KernelParams     string
	KernelParamsOnly bool // 2009: replace the cluster's parameters; YAML: follow them
	Hypervisor       string
	HypervisorParams string

	PartitionType string // hexadecimal text: "83"
	Filesystem    string

	Format string // of the description: classic, yaml, hcl
}

// Files are the paths and URLs of everything outside of the description that it needs, in the order image, preinstall, postinstalls.
func (e *Environment) Files() []string {
	files := []string{e.Image.Path}
	if e.PreInstall != nil {
		files = append(files, e.PreInstall.Path)
	}
	for _, a := range e.PostInstall {
		files = append(files, a.Path)
	}
	return files
}

// Image says where the image is and what it is.
type Image struct {
	Path        string // absolute path or URL
	Kind        string // tar or dd
	Compression string // name for compress.Open
	SHA256      string // hexadecimal; "" when the description names no digest
	MD5         string // the stored form of 2009
}
