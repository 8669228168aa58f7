package archive

import (
	"archive/tar"
	"strings"
)

const (
	xattrPrefix = "SCHILY.xattr."     // raw, as GNU tar and bsdtar write them
	otherPrefix = "LIBARCHIVE.xattr." // bsdtar's, beside the raw ones
	maxXattr    = 64 << 10            // XATTR_SIZE_MAX of Linux

	aclAccess  = "system.posix_acl_access"
	aclDefault = "system.posix_acl_default"
	label      = "security.selinux"
)

// attributes are the extended attributes that the records of a member mean, as Linux names and keeps them. The value of one that cannot be
// told is nil. What a record says of an attribute whose raw value is there, too, does not count.
func attributes(h *tar.Header) map[string][]byte {
	var all map[string][]byte
	for key, value := range h.PAXRecords {
		name, v, raw := attribute(key, value)
		if _, known := all[name]; name == "" || known && !raw {
			continue
		}
		if all == nil {
			all = make(map[string][]byte)
		}
		all[name] = v
	}
	return all
}

// attribute is what one record means; "": no attribute.
func attribute(key, value string) (name string, v []byte, raw bool) {
	if name, ok := strings.CutPrefix(key, xattrPrefix); ok {
		return name, []byte(value), true
	}
	if name, ok := strings.CutPrefix(key, otherPrefix); ok {
		return name, nil, false
	}
	switch key {
	case "SCHILY.acl.access":
		return aclAccess, encodeACL(value), false
	case "SCHILY.acl.default":
		return aclDefault, encodeACL(value), false
	case "RHT.security.selinux":
		return label, append([]byte(value), 0), false // with its end, as libselinux writes it
	}
	if strings.HasPrefix(key, "SCHILY.acl.") || strings.HasPrefix(key, "RHT.security.") {
		return key, nil, false
	}
	return "", nil, false
}

// setAttributes has the extended attributes set that our rights allow, and counts the others.
func setAttributes(h *tar.Header, owners bool, set func(name string, value []byte) error) (skipped int) {
	for name, value := range attributes(h) {
		if value == nil || len(value) > maxXattr || !allowed(name, owners) || set(name, value) != nil {
			skipped++
		}
	}
	return skipped
}

// allowed: ACLs, labels, file capabilities and trusted attributes mean something only with their owner.
func allowed(name string, owners bool) bool {
	if strings.HasPrefix(name, "user.") {
		return true
	}
	switch name {
	case aclAccess, aclDefault, label, "security.capability":
		return owners
	}
	return owners && strings.HasPrefix(name, "trusted.")
}
