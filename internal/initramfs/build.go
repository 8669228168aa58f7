package initramfs

import (
	"bytes"
	"cmp"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kadeploy/kadeploy/internal/initramfs/layout"
)

// Config is what a deployment system is made of. The zero value of all but Agent is a default.
type Config struct {
	Agent   string   // file, the static program that is /init
	Kernel  string   // file; "": the newest /boot/vmlinuz-VERSION that has modules
	Modules string   // directory; "": /lib/modules/VERSION of the kernel
	Extra   []string // modules beside the usual ones; that one is not there is an error
	Tools   []string // programs beside the usual ones, by name or path; that one is not there is an error
	Keys    []byte   // authorized_keys of root; nil: nobody can log in
	Shell   bool     // a shell on the console
	Root    string   // of the machine that programs, modules and kernel are taken from; "": /
}

// System is a deployment system.
type System struct {
	Tree   *Tree
	Kernel string // file
	Report Report
}

// Build collects everything. Errors are one line and name the file, or the packages that are missing.
func Build(ctx context.Context, c Config) (*System, error) {
	s := newSystem(c.Root)
	kernelFile, k, err := s.findKernel(c.Kernel, c.Modules)
	if err != nil {
		return nil, err
	}
	b := &builder{Config: c, system: s, kernel: k, tree: NewTree(), report: Report{Version: k.version}}
	for _, part := range []struct {
		size *int64
		add  func(context.Context) error
	}{
		{&b.report.Other, b.skeleton}, {&b.report.Agent, b.agent}, {&b.report.Modules, b.modules},
		{&b.report.Tools, b.tools}, {&b.report.Grub, b.grub},
	} {
		before := b.tree.Size()
		if err := part.add(ctx); err != nil {
			return nil, err
		}
		*part.size = b.tree.Size() - before
	}
	if err := b.tree.check(); err != nil {
		return nil, err
	}
	return &System{Tree: b.tree, Kernel: kernelFile, Report: b.report}, nil
}

// builder is a Build under way.
type builder struct {
	Config
	system *system
	kernel *kernel
	tree   *Tree
	report Report
}

// skeleton is the tree without programs. The kernel opens /dev/console before anything is mounted.
func (b *builder) skeleton(context.Context) error {
	t := b.tree
	for _, dir := range []string{"bin", "sbin", "lib", "lib64"} {
		t.Link("/"+dir, "usr/"+dir)
		t.Dir("/usr/"+dir, 0o755)
	}
	for _, dir := range []string{"/dev", "/proc", "/sys", "/run", "/mnt", "/etc", "/var", "/usr/lib/kadeploy"} {
		t.Dir(dir, 0o755)
	}
	t.Dir("/tmp", 0o1777)
	t.Dir("/root", 0o700)
	t.Link("/var/run", "/run")
	t.Device("/dev/console", 0o600, 5, 1)
	t.Device("/dev/null", 0o666, 1, 3)
	t.File("/etc/passwd", 0o644, []byte("root:x:0:0:root:/root:/bin/sh\n"))
	t.File("/etc/group", 0o644, []byte("root:x:0:\ntty:x:5:\ndisk:x:6:\n"))
	t.File("/etc/hosts", 0o644, []byte("127.0.0.1 localhost\n::1 localhost\n"))
	t.Link("/etc/mtab", "/proc/mounts")
	t.File("/etc/filesystems", 0o644, []byte("ext4\nxfs\nbtrfs\nvfat\niso9660\n*\n")) // that mount tries, so that their modules are loaded
	if b.Shell {
		t.File(layout.ShellMarker, 0o644, nil)
	}
	if len(b.Keys) > 0 {
		t.Dir("/root/.ssh", 0o700)
		t.File(layout.Keys, 0o600, b.Keys)
	}
	return nil
}

// agent is /init, and what the kernel calls when it wants a module.
func (b *builder) agent(context.Context) error {
	data, err := os.ReadFile(b.Agent)
	if err != nil {
		return fmt.Errorf("the agent: %w", err)
	}
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("the agent: %s is not a program: %w", b.Agent, err)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("the agent: %s is not static; build it with CGO_ENABLED=0", b.Agent)
		}
	}
	b.tree.File(layout.Init, 0o755, data)
	for _, link := range []string{"/usr/bin/kadeploy-agent", layout.Modprobe, layout.SSHD} {
		b.tree.Link(link, layout.Init)
	}
	return nil
}

func (b *builder) modules(context.Context) error {
	files, unknown := b.kernel.choose(slices.Concat(defaultModules, b.Extra))
	for _, name := range unknown {
		if slices.Contains(b.Extra, name) {
			return fmt.Errorf("module %s: kernel %s has none of that name in %s", name, b.kernel.version, b.kernel.dir)
		}
	}
	if len(unknown) > 0 {
		b.report.leave("modules that this kernel does not have: %s", strings.Join(unknown, " "))
	}
	b.report.ModuleCount = len(files)
	return b.kernel.install(b.tree, files, b.firmware)
}

// firmware brings what the hardware of a module may want. Many a driver names more files than anybody has, and needs one, or none.
func (b *builder) firmware(module string, data []byte) error {
	names := firmwareOf(data)
	missing, err := b.system.addFirmware(b.tree, names)
	if missing > 0 {
		b.report.leave("firmware of %s: %d of %d files, which are not in %s", module, missing, len(names), firmwareDir)
	}
	return err
}

// tools collects programs. Required ones that are missing are one error, with the packages that have them.
func (b *builder) tools(ctx context.Context) error {
	var missing, packages []string
	for _, tool := range defaultTools {
		place, err := b.system.lookup(tool.name)
		switch {
		case err == nil:
			if err := b.system.addProgram(b.tree, place); err != nil {
				return err
			}
			b.report.ToolCount++
		case tool.required:
			missing, packages = append(missing, tool.name), append(packages, tool.pkg)
		default:
			b.report.leave("%s: not on this machine (package %s)", tool.name, tool.pkg)
		}
	}
	if len(missing) > 0 {
		slices.Sort(packages)
		return fmt.Errorf("programs that a deployment needs are not on this machine: %s; on Debian: apt-get install %s",
			strings.Join(missing, " "), strings.Join(slices.Compact(packages), " "))
	}
	for _, name := range b.Tools {
		place, err := b.system.lookup(name)
		if err == nil {
			err = b.system.addProgram(b.tree, place)
		}
		if err != nil {
			return fmt.Errorf("--tool %s: %w", name, err)
		}
		b.report.ToolCount++
	}
	b.data()
	return b.shell(ctx)
}

// data is what tools open that no program names.
func (b *builder) data() {
	if text, err := os.ReadFile(b.system.at("/etc/mke2fs.conf")); err == nil {
		b.tree.File("/etc/mke2fs.conf", 0o644, text)
	}
	for _, dir := range b.system.libraries {
		place := filepath.Join(dir, loaderLibrary)
		if _, err := os.Stat(b.system.at(place)); err != nil {
			continue
		}
		if err := b.system.addObject(b.tree, place, place); err != nil {
			b.report.leave("%s: %v", loaderLibrary, err)
		}
		return
	}
}

// shell adds busybox under the names of all its programs that are not there already.
func (b *builder) shell(ctx context.Context) error {
	place, err := b.system.lookup(shell.name)
	if err != nil {
		b.report.leave("%s: not on this machine (package %s): there is no /bin/sh, so scripts of pre- and post-installs cannot run", shell.name, shell.pkg)
		return nil
	}
	if err := b.system.addProgram(b.tree, place); err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, b.system.at(place), "--list-full").Output()
	if err != nil {
		return fmt.Errorf("%s --list-full: %w", place, err)
	}
	applets := strings.Fields(string(out))
	slices.Sort(applets)
	for _, applet := range applets {
		name := "/usr/" + strings.TrimPrefix(strings.TrimPrefix(applet, "usr/"), "/")
		if slices.Contains(notApplets, filepath.Base(name)) || b.has(filepath.Base(name)) {
			continue
		}
		b.tree.Link(name, place)
		b.report.AppletCount++
	}
	if !b.has("sh") {
		return errors.New(place + " has no shell in it")
	}
	return nil
}

// has says whether there is a program of that name, in whichever directory.
func (b *builder) has(name string) bool {
	return b.tree.Has("/usr/bin/"+name) || b.tree.Has("/usr/sbin/"+name)
}

func (b *builder) grub(ctx context.Context) error {
	left, err := b.system.addGRUB(ctx, b.tree)
	for _, what := range left {
		b.report.leave("%s", what)
	}
	return err
}

// findKernel settles which kernel and which modules, of the same version.
func (s *system) findKernel(file, modules string) (string, *kernel, error) {
	if file == "" {
		files, _ := filepath.Glob(s.at("/boot/vmlinuz-*"))
		slices.SortFunc(files, func(a, b string) int { return compareVersions(b, a) })
		for _, f := range files {
			dir := cmp.Or(modules, s.at("/lib/modules/"+strings.TrimPrefix(filepath.Base(f), "vmlinuz-")))
			if _, err := os.Stat(filepath.Join(dir, "modules.dep")); err == nil {
				return s.findKernel(f, dir)
			}
		}
		return "", nil, fmt.Errorf("no kernel: none of /boot/vmlinuz-VERSION (there are %d) has its /lib/modules/VERSION/modules.dep; on Debian: apt-get install linux-image-amd64, or give --kernel and --modules", len(files))
	}
	version, err := kernelVersion(file)
	if err != nil {
		return "", nil, err
	}
	k, err := readKernel(cmp.Or(modules, s.at("/lib/modules/"+version)))
	if err != nil {
		return "", nil, err
	}
	if k.version != version {
		return "", nil, fmt.Errorf("%s is kernel %s, and %s has the modules of %s", file, version, k.dir, k.version)
	}
	return file, k, nil
}
