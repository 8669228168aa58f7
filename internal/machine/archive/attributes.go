package archive

import (
	"archive/tar"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	xattrPrefix = "SCHILY.xattr." // raw, as GNU tar and bsdtar write them
	maxXattr    = 64 << 10        // XATTR_SIZE_MAX of Linux
)

// otherAttributes are the records that other tools use for what is not restored here.
var otherAttributes = []string{"SCHILY.acl.", "RHT.security.", "LIBARCHIVE.xattr."}

// setAttributes sets the extended attributes that our rights allow and counts the others.
func setAttributes(fd int, h *tar.Header, owners bool) (skipped int) {
	skipped = countAttributes(h)
	for key, value := range h.PAXRecords {
		name, ok := strings.CutPrefix(key, xattrPrefix)
		if ok && allowed(name, owners) && len(value) <= maxXattr && unix.Fsetxattr(fd, name, []byte(value), 0) == nil {
			skipped--
		}
	}
	return skipped
}

// allowed: file capabilities and trusted attributes mean something only with their owner.
func allowed(name string, owners bool) bool {
	if strings.HasPrefix(name, "user.") {
		return true
	}
	return owners && (name == "security.capability" || strings.HasPrefix(name, "trusted."))
}

func countAttributes(h *tar.Header) int {
	n := 0
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, xattrPrefix) {
			n++
		}
		for _, prefix := range otherAttributes {
			if strings.HasPrefix(key, prefix) {
				n++
			}
		}
	}
	return n
}
