package demoimage

import (
	"archive/tar"
	"embed"
	"fmt"
	"path"
	"strings"
	"time"
)

// DeployKernelMagic is the first line of a deployment system's kernel.
const DeployKernelMagic = "kadeploy sandbox deployment kernel\n"

// KernelMagic is the first line of the demonstration system's own kernel.
const KernelMagic = "kadeploy sandbox kernel\n"

// Release is the version in the names of the demonstration system's kernel.
const Release = "6.12.0-demo"

//go:embed seed
var seeds embed.FS

// file is one member of an archive. Its content is text, or size bytes drawn from its name.
type file struct {
	name   string // without leading slash; directories end in one
	mode   int64
	uid    int
	gid    int
	link   string // target of a symbolic link, or with hard of a hard link
	hard   bool
	text   string // starts the content
	size   int    // bytes of the content
	offset time.Duration
}

// built is when everything was made, so that times do not change with the clock. A part of a second is in it, which
// only a PAX header can keep.
func built() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.UTC) }

func dir(name string, mode int64) file { return file{name: name + "/", mode: mode} }

func bin(name string, size int) file {
	return file{name: name, mode: 0o755, text: "\x7fELF", size: size}
}

func text(name, content string) file {
	return file{name: name, mode: 0o644, text: content, size: len(content)}
}

func symlink(name, target string) file { return file{name: name, mode: 0o777, link: target} }

func hardlink(name, target string) file {
	return file{name: name, mode: 0o755, link: target, hard: true}
}

// system is the demonstration's root file system.
func system() []file {
	var t []file
	t = append(t, directories()...)
	t = append(t, boot()...)
	t = append(t, etc()...)
	t = append(t, programs()...)
	t = append(t, oddities()...)
	return t
}

func directories() []file {
	var t []file
	for _, name := range strings.Fields(`boot dev etc etc/cron.d etc/default etc/network home mnt opt proc run srv sys
		usr usr/bin usr/lib usr/lib/systemd usr/lib/modules usr/sbin usr/share usr/share/doc usr/local usr/local/bin
		var var/cache var/lib var/lib/dpkg var/log var/spool`) {
		t = append(t, dir(name, 0o755))
	}
	demo := dir("home/demo", 0o750)
	demo.uid, demo.gid = 1000, 1000
	return append(t, dir("root", 0o700), dir("tmp", 0o1777), dir("var/tmp", 0o1777), demo,
		symlink("bin", "usr/bin"), symlink("lib", "usr/lib"), symlink("sbin", "usr/sbin"))
}

func boot() []file {
	kernel, initrd := "boot/vmlinuz-"+Release, "boot/initrd.img-"+Release
	return []file{
		{name: kernel, mode: 0o644, text: KernelMagic, size: 3 << 20},
		{name: initrd, mode: 0o600, text: "070701", size: 2 << 20},
		text("boot/config-"+Release, "CONFIG_KADEPLOY_DEMO=y\n"),
		symlink("vmlinuz", kernel),
		symlink("initrd.img", initrd),
		symlink("boot/vmlinuz", "vmlinuz-"+Release),
		symlink("boot/initrd.img", "/"+initrd), // absolute, as some images have it
	}
}

func etc() []file {
	var t []file
	entries, err := seeds.ReadDir("seed/etc")
	if err != nil {
		panic(err) // embedded: it is there or the program does not build
	}
	for _, e := range entries {
		f := text("etc/"+e.Name(), seed("etc/"+e.Name()))
		switch e.Name() {
		case "shadow":
			f.mode, f.gid = 0o640, 42
		case "sudoers":
			f.mode = 0o440
		}
		t = append(t, f)
	}
	return append(t, symlink("etc/mtab", "../proc/self/mounts"), text("usr/share/doc/README", seed("doc/README")))
}

func programs() []file {
	t := []file{
		bin("usr/lib/systemd/systemd", 96<<10),
		symlink("usr/sbin/init", "../lib/systemd/systemd"),
		bin("usr/bin/sh", 120<<10),
		bin("usr/bin/perl", 3<<20),
		hardlink("usr/bin/perl5.36.0", "usr/bin/perl"),
		bin("usr/bin/gzip", 96<<10),
		hardlink("usr/bin/gunzip", "usr/bin/gzip"),
	}
	for _, name := range []string{"usr/bin/passwd", "usr/bin/sudo", "usr/bin/mount"} {
		f := bin(name, 64<<10)
		f.mode = 0o4755
		t = append(t, f)
	}
	chage := bin("usr/bin/chage", 72<<10)
	chage.mode, chage.gid = 0o2755, 42
	t = append(t, chage)
	for i := range 140 {
		t = append(t, bin(fmt.Sprintf("usr/bin/tool-%03d", i), 8<<10+i*700))
	}
	for i := range 60 {
		name := fmt.Sprintf("usr/lib/libdemo%02d.so", i)
		t = append(t, bin(name+".1.0", 100<<10+i*3000), symlink(name+".1", path.Base(name)+".1.0"), symlink(name, path.Base(name)+".1"))
	}
	modules := "usr/lib/modules/" + Release
	t = append(t, dir(modules, 0o755), text(modules+"/modules.dep", ""))
	for i := range 40 {
		t = append(t, bin(fmt.Sprintf("%s/module%02d.ko", modules, i), 40<<10+i*1500))
	}
	return t
}

// oddities are what breaks careless unpackers.
func oddities() []file {
	deep := "usr/share/" + strings.Repeat("a-directory-with-a-long-name/", 9) // over 255 bytes with what is in it
	mail := text("home/demo/mail", "nothing new\n")
	mail.mode, mail.uid, mail.gid = 0o600, 1000, 1000
	www := text("srv/index.html", "<p>It works.</p>\n")
	www.uid, www.gid, www.offset = 33, 33, 12345*time.Nanosecond
	cache := dir("var/cache/www", 0o2775)
	cache.gid = 33
	return []file{
		text("usr/share/doc/"+strings.Repeat("long-name-", 12)+"copyright", "Free.\n"),
		text(deep+"file-at-the-end-of-a-path-longer-than-255-bytes", "Found.\n"),
		text("usr/share/doc/naïve – naming ☃.txt", "UTF-8.\n"),
		text("usr/share/doc/with blanks and 'quotes'", "Quoted.\n"),
		{name: "var/lib/demo.db", mode: 0o600, uid: 65534, gid: 65534, size: 6 << 20},
		dir("var/lib/empty", 0o555),
		symlink("etc/dangling", "/nowhere/at/all"),
		mail, www, cache,
	}
}

func seed(name string) string {
	b, err := seeds.ReadFile("seed/" + name)
	if err != nil {
		panic(err) // embedded: it is there or the program does not build
	}
	return string(b)
}

func (f file) header() *tar.Header {
	h := &tar.Header{
		Name: f.name, Mode: f.mode, Uid: f.uid, Gid: f.gid, Linkname: f.link,
		ModTime: built().Add(f.offset), Format: tar.FormatPAX, Typeflag: tar.TypeReg,
	}
	switch {
	case strings.HasSuffix(f.name, "/"):
		h.Typeflag = tar.TypeDir
	case f.hard:
		h.Typeflag = tar.TypeLink
	case f.link != "":
		h.Typeflag = tar.TypeSymlink
	default:
		h.Size = int64(f.size)
	}
	return h
}
