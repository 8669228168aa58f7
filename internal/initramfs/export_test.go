package initramfs

// CompareVersions orders names of kernels.
var CompareVersions = compareVersions

// DefaultToolNames are those of the programs that are taken when they are there.
func DefaultToolNames() []string {
	names := make([]string, len(defaultTools))
	for i, t := range defaultTools {
		names[i] = t.name
	}
	return names
}
