package config_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/config"
)

var _ = Describe("Diagnostics", func() {
	It("are an error of their errors only, one a line, with the hints", func() {
		ds := config.Diagnostics{
			{Severity: config.Note, File: "a", Line: 1, Column: 1, Summary: "by the way"},
			{Severity: config.Error, File: "a", Line: 2, Column: 3, Summary: "wrong", Hint: "right"},
			{Severity: config.Warning, File: "b", Summary: "odd"},
			{Severity: config.Error, File: "b", Summary: "gone"},
		}
		Expect(ds.HasErrors()).To(BeTrue())
		Expect(ds.Error()).To(Equal("a:2:3: error: wrong (right)\nb: error: gone"))
		Expect(ds[:1].HasErrors()).To(BeFalse())
		Expect(ds[2].String()).To(Equal("b: warning: odd"))
	})

	It("put the caret under the column, whatever the characters", func() {
		var text bytes.Buffer
		ds := config.Diagnostics{{File: "a", Line: 1, Column: len("\té = ") + 1, Source: "\té = x", Summary: "here"}}
		Expect(ds.WriteText(&text)).To(Succeed())
		Expect(text.String()).To(Equal("a:1:7: error: here\n     é = x\n         ^\n"))
	})

	It("do not let a file speak to the terminal", func() {
		var text bytes.Buffer
		ds := config.Diagnostics{{File: "a", Line: 1, Column: 99, Source: "\x1b[2J\xff", Summary: "x\x07\ny", Hint: "\x1b]0;z"}}
		Expect(ds.WriteText(&text)).To(Succeed())
		Expect(text.String()).NotTo(ContainSubstring("\x1b"))
		Expect(text.String()).NotTo(ContainSubstring("\x07"))
		Expect(strings.Count(text.String(), "\n")).To(Equal(4))
	})

	It("pass on the error of the writer", func() {
		Expect(config.Diagnostics{{File: "a"}}.WriteText(broken{})).To(MatchError("no space"))
	})

	It("stop at a number that people read, errors first", func() {
		f := minimal().and("deploy.conf", strings.Repeat("nonsense\n", 5000))
		_, ds := config.Load(f.write())
		Expect(ds).To(HaveLen(1001))
		Expect(ds[1000].String()).To(HaveSuffix("deploy.conf: error: 4000 more like these are not shown"))
	})
})

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space") }

var _ = Describe("Files of a configuration", func() {
	problems := func(dir string) string {
		GinkgoHelper()
		s, ds := config.Load(dir)
		Expect(s).To(BeNil())
		return ds.Error()
	}

	It("are not there in a directory that is not there", func() {
		Expect(problems(filepath.Join(GinkgoT().TempDir(), "none"))).To(ContainSubstring("deploy.conf: error: no such file"))
	})

	It("are refused when they are directories", func() {
		dir := minimal().without("deploy.conf").write()
		Expect(os.Mkdir(filepath.Join(dir, "deploy.conf"), 0o700)).To(Succeed())
		Expect(problems(dir)).To(ContainSubstring("deploy.conf: error: is a directory"))
	})

	It("are refused when reading them would wait for ever", func() {
		dir := minimal().without("cluster-c.conf").write()
		Expect(syscall.Mkfifo(filepath.Join(dir, "cluster-c.conf"), 0o600)).To(Succeed())
		Expect(problems(dir)).To(ContainSubstring("cluster-c.conf: error: is not a regular file"))
	})

	It("are refused when they lead nowhere", func() {
		dir := minimal().write()
		Expect(os.Symlink("nowhere", filepath.Join(dir, "cmd"))).To(Succeed())
		Expect(problems(dir)).To(ContainSubstring("cmd: error: no such file"))
	})

	It("are refused beyond their bound", func() {
		dir := minimal().write()
		Expect(os.Truncate(filepath.Join(dir, "nodes.conf"), 17<<20)).To(Succeed())
		Expect(problems(dir)).To(ContainSubstring("nodes.conf: error: larger than"))
	})

	It("are refused when they are not text", func() {
		Expect(minimal().and("deploy.conf", "\xff\xfe").problems()).To(ContainSubstring("deploy.conf: error: not a text file"))
	})

	It("do not include what is outside of the directory", func() {
		f := minimal().without("deploy.conf")
		f["deploy.hcl"] = `kernel_params = file("link")`
		dir := f.write()
		Expect(os.Symlink("/etc/hostname", filepath.Join(dir, "link"))).To(Succeed())
		Expect(problems(dir)).To(ContainSubstring("path escapes from parent"))
	})

	It("do not include more than they may", func() {
		f := minimal().without("deploy.conf")
		f["deploy.hcl"] = `kernel_params = file("big")` + "\n" + `log_to_file = file("binary")` + "\n" + `rambin_path = file("none")`
		f["big"], f["binary"] = strings.Repeat("x", 1<<20+1), "\xff"
		Expect(problems(f.write())).To(And(ContainSubstring("big is not a file of at most"), ContainSubstring("binary: not a text file"), ContainSubstring("none: no such file")))
	})

	It("may not nest HCL beyond the stack", func() {
		f := minimal().without("deploy.conf")
		f["deploy.hcl"] = "kernel_params = " + strings.Repeat("!", 10_001) + "true"
		Expect(problems(f.write())).To(ContainSubstring("nested too deeply"))
	})

	It("hold at most a hundred thousand nodes", func() {
		f := minimal()
		f["nodes.conf"] = "n[1-65536] 127.1.[0-255].[0-255] c\nm[1-65536] 127.2.[0-255].[0-255] c\n"
		Expect(f.problems()).To(ContainSubstring("more than 100000 nodes"))
	})

	It("may set a path that is there but cannot be read", func() {
		f := minimal().and("cluster-c.conf", "partition_file = .")
		Expect(f.problems()).To(ContainSubstring("partition_file:"))
	})

	It("bound the description that kadeploy start deploys", func() {
		f := minimal().and("deploy.conf", "environment = big.env")
		f["big.env"] = strings.Repeat("# nothing\n", 1<<15)
		Expect(f.problems()).To(ContainSubstring("big.env: error: larger than"))
	})

	It("find a partition file beside a cluster's, or say what is wrong with it", func() {
		dir := minimal().write()
		Expect(os.Mkdir(filepath.Join(dir, "partition_file_c"), 0o700)).To(Succeed())
		Expect(problems(dir)).To(ContainSubstring("partition_file_c: is a directory"))
	})
})

var _ = Describe("ParseEnvironment", func() {
	It("refuses what is too large or not text", func() {
		_, ds := config.ParseEnvironment(bytes.Repeat([]byte("#"), 300<<10), "a.env")
		Expect(ds.Error()).To(ContainSubstring("at most"))
		_, ds = config.ParseEnvironment([]byte("\xff"), "a.env")
		Expect(ds.Error()).To(ContainSubstring("not a text file"))
	})

	It("takes relative files from the directory of the description", func() {
		e, ds := config.ParseEnvironment([]byte("name: x\nos: other\nimage: {file: ../img.dd, kind: dd}\n"), "/srv/env/x.yaml")
		Expect(ds).To(BeEmpty())
		Expect(e.Image).To(Equal(config.Image{Path: "/srv/img.dd", Kind: "dd", Compression: "none"}))
	})

	It("does not write out numbers that are a gigabyte of digits", func() {
		for _, version := range []string{"1e99999999", "1e-99999999"} {
			_, ds := config.ParseEnvironment([]byte("version = "+version+"\n"), "x.hcl")
			Expect(ds.Error()).To(ContainSubstring("is not a whole number"))
			Expect(len(ds.Error())).To(BeNumerically("<", 1000))
		}
	})

	It("bounds the number of postinstalls", func() {
		text := "name: x\nos: other\nimage: {file: a, kind: dd}\npostinstalls:\n" + strings.Repeat("- {archive: a, compression: gzip}\n", 65)
		_, ds := config.ParseEnvironment([]byte(text), "x.yaml")
		Expect(ds.Error()).To(ContainSubstring("more than 64 postinstalls"))
	})

	It("is not blown up by aliases", func() {
		text := "a: &a [x,x,x,x,x,x,x,x,x]\n"
		for c := 'b'; c < 'z'; c++ {
			before := string(c - 1)
			text += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+before+",", 9) + "]\n"
		}
		_, ds := config.ParseEnvironment([]byte(text), "x.yaml")
		Expect(ds.HasErrors()).To(BeTrue())
	})
})
