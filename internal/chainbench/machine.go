package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// machine says on what the numbers were made.
type machine struct {
	CPU    string  `json:"cpu"`
	Cores  int     `json:"cores"`
	Kernel string  `json:"kernel"`
	Load   float64 `json:"load_before"` // of the last minute: what else it had to do
	Files  string  `json:"files"`       // where, and on which file system
}

func thisMachine(dir string) machine {
	m := machine{CPU: "unknown", Cores: runtime.NumCPU(), Files: fileSystem(dir) + " (" + dir + ")"}
	info, _ := os.ReadFile("/proc/cpuinfo") // unknown is no reason not to measure
	if _, rest, ok := strings.Cut(string(info), "model name"); ok {
		model, _, _ := strings.Cut(rest, "\n")
		m.CPU = strings.Trim(model, "\t :")
	}
	load, _ := os.ReadFile("/proc/loadavg")
	fmt.Sscan(string(load), &m.Load)
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = "Linux " + unix.ByteSliceToString(u.Release[:])
	}
	return m
}

// fileSystem names the kind that path is on.
func fileSystem(path string) string {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return "unknown"
	}
	names := map[int64]string{unix.TMPFS_MAGIC: "tmpfs", unix.EXT4_SUPER_MAGIC: "ext4", unix.XFS_SUPER_MAGIC: "xfs",
		unix.BTRFS_SUPER_MAGIC: "btrfs", unix.OVERLAYFS_SUPER_MAGIC: "overlayfs"}
	if name := names[int64(st.Type)]; name != "" {
		return name
	}
	return fmt.Sprintf("file system %#x", st.Type)
}

// enough says what is missing when size bytes do not fit into dir.
func enough(dir string, size int64) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	if free := int64(st.Bavail) * st.Bsize; free < size {
		return fmt.Errorf("%s: %d MiB are free and the hosts' files need %d: name another directory with -dir", dir, free/mib, size/mib)
	}
	return nil
}
