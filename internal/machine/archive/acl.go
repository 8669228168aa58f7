package archive

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// aclEntry is one line of a POSIX ACL, as Linux numbers its parts (linux/posix_acl_xattr.h).
type aclEntry struct {
	tag, perm uint16
	id        uint32 // of a named user or group; noID for the others
}

const (
	aclVersion = 2
	noID       = 1<<32 - 1

	aclUserObj, aclUser, aclGroupObj, aclGroup, aclMask, aclOther = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
)

// encodeACL makes the extended attribute of an ACL in text (acl(5)): entries TAG:WHO:rwx, separated by newlines or commas. WHO is a number, or a
// name with the number after the permissions, as star and bsdtar write it. nil: it is none, or has a name alone, as of GNU tar, whose number only
// the system knew that packed it.
func encodeACL(text string) []byte {
	var entries []aclEntry
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == ',' }) {
		part, _, _ = strings.Cut(part, "#")
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		e, ok := parseACLEntry(strings.Split(part, ":"))
		if !ok {
			return nil
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return nil
	}
	slices.SortFunc(entries, func(a, b aclEntry) int { return cmp.Or(cmp.Compare(a.tag, b.tag), cmp.Compare(a.id, b.id)) }) // the kernel wants this order
	b := binary.LittleEndian.AppendUint32(nil, aclVersion)
	for _, e := range entries {
		b = binary.LittleEndian.AppendUint16(b, e.tag)
		b = binary.LittleEndian.AppendUint16(b, e.perm)
		b = binary.LittleEndian.AppendUint32(b, e.id)
	}
	return b
}

func parseACLEntry(fields []string) (e aclEntry, ok bool) {
	if len(fields) < 3 || len(fields) > 4 {
		return e, false
	}
	who := fields[1]
	switch fields[0] {
	case "user", "u":
		e.tag = aclUserObj
	case "group", "g":
		e.tag = aclGroupObj
	case "mask", "m":
		e.tag = aclMask
	case "other", "o":
		e.tag = aclOther
	}
	e.id = noID
	if who != "" && (e.tag == aclUserObj || e.tag == aclGroupObj) {
		e.tag *= 2 // aclUser, aclGroup
		if len(fields) == 4 {
			who = fields[3]
		}
		id, err := strconv.ParseUint(who, 10, 32)
		if err != nil || id == noID {
			return e, false
		}
		e.id = uint32(id)
	}
	for i, c := range fields[2] {
		switch at := strings.IndexRune("rwx", c); {
		case i > 2, c != '-' && at != i:
			return e, false
		case at == i:
			e.perm |= 4 >> i
		}
	}
	return e, e.tag != 0 && len(fields[2]) == 3
}

// removeACLs takes the ACLs of an open directory away.
func removeACLs(fd int) {
	for _, name := range []string{aclAccess, aclDefault} {
		_ = unix.Fremovexattr(fd, name) // most have none, and some file systems know none
	}
}
