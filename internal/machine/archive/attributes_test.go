package archive_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/machine/archive"
)

const (
	aclAccess  = "system.posix_acl_access"
	aclDefault = "system.posix_acl_default"
)

var _ = Describe("What only root may set", func() {
	var target string
	at := func(name string) string { return filepath.Join(target, name) }
	unpack := func(archived []byte) archive.Stats {
		GinkgoHelper()
		stats, err := archive.Extract(context.Background(), bytes.NewReader(archived), archive.Options{Dir: target, Owners: true, Devices: archive.SkipDevices})
		Expect(err).NotTo(HaveOccurred())
		return stats
	}

	BeforeEach(func() {
		if os.Geteuid() != 0 {
			Skip("needs root")
		}
		target = workDir()
	})

	DescribeTable("is such that GNU tar makes the same archive of it again",
		func(args ...string) {
			source := workDir()
			owned(source)
			pack := func(dir string) []byte {
				return run(dir, append([]string{"tar", "-c", "--format=posix", "--pax-option=delete=atime,delete=ctime"}, append(args, ".")...)...)
			}
			archived := pack(source)
			Expect(unpack(archived).Skipped).To(BeZero())
			Expect(headers(pack(target))).To(Equal(headers(archived)))
		},
		Entry("owners"),
		Entry("ACLs", "--acls"),
		Entry("labels", "--selinux"),
		Entry("all attributes, raw", "--xattrs", "--xattrs-include=*"),
		Entry("all, ACLs and labels in text, too", "--acls", "--selinux", "--xattrs", "--xattrs-include=*"),
	)

	It("is a file capability, after the owner that would drop it", func() {
		source := workDir()
		owned(source)
		unpack(run(source, "tar", "-c", "--xattrs", "--xattrs-include=security.*", "."))
		Expect(xattr(at("usr/bin/ping"), "security.capability")).To(Equal(netRaw))
		var st unix.Stat_t
		Expect(unix.Stat(at("usr/bin/ping"), &st)).To(Succeed())
		Expect([]uint32{st.Uid, st.Gid}).To(Equal([]uint32{1234, 5678}))
	})

	DescribeTable("is an ACL, as tools write it",
		func(text string, want string) {
			f := file("f", "x")
			f.PAXRecords = map[string]string{"SCHILY.acl.access": text}
			Expect(unpack(pack(f)).Skipped).To(BeZero())
			Expect(xattr(at("f"), aclAccess)).To(Equal(want))
		},
		Entry("GNU tar", "user::rw-\nuser:1234:r--\ngroup::r--\nmask::rw-\nother::---\n", acl(u(6), user(1234, 4), g(4), m(6), o(0))),
		Entry("star, with numbers behind the names", "user::rw-,user:ada:r-x:1234,group::r--,group:wheel:rwx:10,mask::rwx,other::r--",
			acl(u(6), user(1234, 5), g(4), group(10, 7), m(7), o(4))),
		Entry("bsdtar, in its own order", "user::rwx,group::r-x,other::r-x,user:ada:rwx:1234,group:wheel:r--:10,mask::rwx",
			acl(u(7), user(1234, 7), g(5), group(10, 4), m(7), o(5))),
		Entry("people", "# file: f\nu::rw-\nu:1235:rwx\t#effective:r--\nu:1234:r--\ng::r--\nm::r--\no::r--\n",
			acl(u(6), user(1234, 4), user(1235, 7), g(4), m(4), o(4))),
	)

	DescribeTable("is counted when it is no ACL that can be told",
		func(text string) {
			f := file("f", "x")
			f.PAXRecords = map[string]string{"SCHILY.acl.access": text}
			Expect(unpack(pack(f)).Skipped).To(Equal(1))
			Expect(xattr(at("f"), aclAccess)).To(BeEmpty())
		},
		Entry("a name without its number", "user::rw-\nuser:ada:r--\ngroup::r--\nmask::rw-\nother::---\n"),
		Entry("nothing", ""),
		Entry("no tag", "user::rw-,all::rw-,group::r--,other::r--"),
		Entry("other permissions", "user::rw-,user:1:rwz,group::r--,mask::rwx,other::r--"),
		Entry("too few permissions", "user::rw,group::r--,other::r--"),
		Entry("permissions in another order", "user::wr-,group::r--,other::r--"),
		Entry("too large a number", "user::rw-,user:4294967295:rwx,group::r--,mask::rwx,other::r--"),
		Entry("no mask", "user::rw-,user:1:rwx,group::r--,other::r--"),
		Entry("a part alone", "user"),
	)

	It("is taken from the raw attribute when the text has names only", func() {
		want := acl(u(6), user(1234, 4), g(4), m(6), o(0))
		f := file("f", "x")
		f.PAXRecords = map[string]string{
			"SCHILY.acl.access": "user::rw-\nuser:ada:r--\ngroup::r--\nmask::rw-\nother::---\n", "SCHILY.xattr." + aclAccess: want,
		}
		Expect(unpack(pack(f)).Skipped).To(BeZero())
		Expect(xattr(at("f"), aclAccess)).To(Equal(want))
	})

	It("is not inherited by what another try makes", func() {
		inherited := map[string]string{"SCHILY.acl.default": "user::rwx\nuser:1234:rwx\ngroup::r-x\nmask::rwx\nother::r-x\n"}
		top, d := dir(".", 0o755), dir("d", 0o755)
		top.PAXRecords, d.PAXRecords = inherited, inherited
		archived := pack(top, d, file("d/f", "x"), dir("e", 0o755), file("g", "x"))
		for range 2 {
			Expect(unpack(archived).Skipped).To(BeZero())
			for _, name := range []string{"d/f", "g", "e"} {
				Expect(xattr(at(name), aclAccess)).To(BeEmpty(), name)
			}
			for name, has := range map[string]bool{".": true, "d": true, "e": false} {
				Expect(xattr(at(name), aclDefault) != "").To(Equal(has), name)
			}
			Expect(os.Remove(at("g"))).To(Succeed())
		}
	})
})

// netRaw is what file systems keep of CAP_NET_RAW, permitted and effective.
const netRaw = "\x01\x00\x00\x02\x00\x20\x00\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// owned makes a tree of what has owners, ACLs, labels and capabilities.
func owned(top string) {
	GinkgoHelper()
	at := func(name string) string { return filepath.Join(top, name) }
	set := func(name, attribute, value string) {
		Expect(unix.Lsetxattr(at(name), attribute, []byte(value), 0)).To(Succeed(), name)
	}
	Expect(os.MkdirAll(at("usr/bin"), 0o755)).To(Succeed())
	Expect(os.MkdirAll(at("srv/shared"), 0o2775)).To(Succeed())
	Expect(os.WriteFile(at("usr/bin/ping"), []byte("ping"), 0o755)).To(Succeed())
	Expect(os.WriteFile(at("srv/shared/notes"), []byte("notes"), 0o640)).To(Succeed())
	Expect(os.Symlink("usr/bin", at("bin"))).To(Succeed())
	for _, name := range []string{"usr/bin/ping", "srv/shared", "srv/shared/notes", "bin"} {
		Expect(os.Lchown(at(name), 1234, 5678)).To(Succeed())
	}
	set("usr/bin/ping", "security.capability", netRaw)
	set("usr/bin/ping", "trusted.note", "of root's")
	set("srv/shared", aclAccess, acl(u(7), user(1235, 7), g(7), m(7), o(0)))
	set("srv/shared", aclDefault, acl(u(7), user(1235, 7), g(5), m(7), o(0)))
	set("srv/shared/notes", aclAccess, acl(u(6), user(1235, 6), g(4), group(4321, 4), m(6), o(0)))
	for _, name := range []string{"usr", "usr/bin/ping", "bin"} {
		set(name, "security.selinux", "system_u:object_r:bin_t:s0\x00")
	}
}

// headers are those of an archive, by the names of its members.
func headers(archived []byte) map[string]tar.Header {
	GinkgoHelper()
	all := make(map[string]tar.Header)
	for r := tar.NewReader(bytes.NewReader(archived)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		Expect(err).NotTo(HaveOccurred())
		all[h.Name] = *h
	}
}

type aclEntry struct {
	tag, perm uint16
	id        uint32
}

// acl is the attribute that Linux keeps of an ACL (linux/posix_acl_xattr.h).
func acl(entries ...aclEntry) string {
	b := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range entries {
		b = binary.LittleEndian.AppendUint16(b, e.tag)
		b = binary.LittleEndian.AppendUint16(b, e.perm)
		b = binary.LittleEndian.AppendUint32(b, e.id)
	}
	return string(b)
}

func u(perm uint16) aclEntry                { return aclEntry{0x01, perm, 0xffffffff} }
func user(id uint32, perm uint16) aclEntry  { return aclEntry{0x02, perm, id} }
func g(perm uint16) aclEntry                { return aclEntry{0x04, perm, 0xffffffff} }
func group(id uint32, perm uint16) aclEntry { return aclEntry{0x08, perm, id} }
func m(perm uint16) aclEntry                { return aclEntry{0x10, perm, 0xffffffff} }
func o(perm uint16) aclEntry                { return aclEntry{0x20, perm, 0xffffffff} }

// xattr is an extended attribute of an entry itself; "": it has none.
func xattr(path, name string) string {
	GinkgoHelper()
	b := make([]byte, 1<<10)
	n, err := unix.Lgetxattr(path, name, b)
	if errors.Is(err, unix.ENODATA) {
		return ""
	}
	Expect(err).NotTo(HaveOccurred())
	return string(b[:n])
}
