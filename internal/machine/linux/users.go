package linux

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// usersOf names the processes whose root, working directory, program or an open file is one of the paths or below one (as fuser -m does).
func usersOf(paths ...string) []string {
	processes, _ := filepath.Glob("/proc/[0-9]*")
	var users []string
	for _, p := range processes {
		links, _ := filepath.Glob(p + "/fd/*")
		for _, link := range append(links, p+"/cwd", p+"/root", p+"/exe") {
			to, err := os.Readlink(link)
			if err != nil || !slices.ContainsFunc(paths, func(path string) bool { return to == path || strings.HasPrefix(to, path+"/") }) {
				continue
			}
			name, _ := os.ReadFile(p + "/comm")
			users = append(users, fmt.Sprintf("%s (process %s, %s)", strings.TrimSpace(string(name)), filepath.Base(p), to))
			break
		}
	}
	if len(users) == 0 {
		return []string{"the kernel itself (a loop device, a swap file, an export?)"}
	}
	return users
}
