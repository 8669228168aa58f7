package kadeploy3

import (
	"fmt"
	"strings"
)

// clusterReasons say why other parts of a cluster's file have no place here.
var clusterReasons = []reason{
	{path: "boot/install_bootloader", lost: true, text: "the kernel of the image is booted over the network; with bootloader = chainload_pxe GRUB is installed, or what bootloader_script names"},
	{path: "bootloader", lost: true, text: "the kernel of the image is booted over the network; with bootloader = chainload_pxe GRUB is installed, or what bootloader_script names"},
	{path: "localops", lost: true, text: "commands for the broadcast are not run: the broadcast is the built-in chain"},
	{path: "pxe/headers", text: "boot profiles need no header; the serial console is one of the kernel's arguments"},
	{path: "kexec", text: "kernels for kexec come from the server and the image: there is no repository"},
	{path: "hooks/use_ip_to_deploy", text: "nodes are reached by the address of nodes.conf"},
	{path: "automata/macrosteps", lost: true, text: "this version knows type, retries and timeout of an instance, and retries of its micro-steps", each: true},
}

// cluster is the file of one cluster under way.
type cluster struct {
	folder
	doc       *document
	out       *file
	draft     *draft
	name      string
	connector string
	counted   bool // retries are tries: 3.1.5

	partitionFile *leaf // what clusters.conf says of it, nil for nothing
}

// read translates the file.
func (c *cluster) read() {
	c.partitions()
	c.kernels()
	c.keys()
	c.remote()
	c.archives("preinstall", "admin_pre_install")
	c.archives("postinstall", "admin_post_install")
	c.macrosteps()
	c.doc.leftovers(c.draft.report, clusterReasons)
}

// set sets a key to the first of these values that is there.
func (c *cluster) set(key string, paths ...string) {
	if l := c.doc.take(paths...); l != nil {
		c.out.set(key, l.text, l.at)
	}
}

func (c *cluster) keys() {
	c.set("timeout_reboot_classical", "timeouts/reboot")
	c.set("timeout_reboot_kexec", "timeouts/kexec")
	c.set("sleep_time_before_ping", "boot/sleep_time_before_ping")
}

// partitions reads the disk: which partitions it has, and the script that makes them.
func (c *cluster) partitions() {
	c.set("block_device", "partitioning/block_device")
	for _, name := range []string{"deploy", "prod", "tmp", "swap"} {
		l := c.doc.take("partitioning/partitions/" + name)
		if l == nil {
			continue
		}
		value := l.value()
		if value == "-1" || name == "swap" && c.doc.byPath["partitioning/disable_swap"].yes() {
			value = "none"
		}
		c.out.set(name+"_part", value, l.at)
	}
	c.doc.take("partitioning/disable_swap")
	c.table()
}

// table reads what makes the partitions: a script, or until 3.1.6 a file of clusters.conf, of a kind that was said.
func (c *cluster) table() {
	kind, script := c.doc.take("partitioning/kind"), c.doc.take("partitioning/script")
	if script == nil {
		script = c.partitionFile
	}
	if script == nil {
		c.draft.report.lost(Place{File: c.doc.file}, "cluster %s has no partitioning.script: its disks stay as they are", c.name)
		return
	}
	if kind != nil {
		c.out.set("partition_creation_kind", kind.text, kind.at)
	} else {
		c.out.set("partition_creation_kind", "parted", script.at)
	}
	name, inside := c.inside(script.value())
	if !inside {
		c.out.set("partition_file", script.value(), script.at)
		return
	}
	text, err := c.folder.read(name)
	if err != nil {
		c.draft.report.lost(script.at, "partition table %s: %v: the disks of cluster %s stay as they are", script.value(), err, c.name)
		return
	}
	c.draft.extra["partition_file_"+c.name] = text
}

// kernels reads the deployment system and the arguments of the deployed one.
func (c *cluster) kernels() {
	for _, k := range [][2]string{{"vmlinuz", "deploy_kernel"}, {"initrd", "deploy_initrd"}} {
		if l := c.doc.take("boot/kernels/deploy/"+k[0], "kernels/deploy/"+k[0]); l != nil {
			c.out.set(k[1], c.draft.bootFile(l.value(), l.at), l.at)
		}
	}
	if l := c.doc.take("boot/kernels/nfsroot/vmlinuz", "kernels/nfsroot/vmlinuz"); l != nil {
		c.out.set("nfsroot_kernel", c.draft.bootFile(l.value(), l.at), l.at)
	}
	for _, k := range [][2]string{{"deploy", "deploy_kernel_args"}, {"user", "kernel_params"}, {"nfsroot", "nfsroot_params"}} {
		if l := c.doc.take("boot/kernels/"+k[0]+"/params", "kernels/"+k[0]+"/params"); l != nil {
			c.out.set(k[1], strings.Join(strings.Fields(l.text), " "), l.at)
		}
	}
	c.set("drivers", "boot/kernels/deploy/drivers", "kernels/deploy/drivers")
	if l := c.doc.take("boot/kernels/deploy/supported_fs", "kernels/deploy/supported_fs"); l != nil {
		c.out.set("supported_fs", strings.Join(strings.FieldsFunc(l.text, func(r rune) bool { return r == ',' || r <= ' ' }), ","), l.at)
	}
}

// remote reads the commands that switch power: remoteops/reboot[]{name, cmd, group} and so on.
func (c *cluster) remote() {
	for _, op := range []string{"reboot", "power_on", "power_off", "power_status", "console"} {
		seen := map[string]bool{}
		for i := range c.doc.sizes["remoteops/"+op] {
			item := fmt.Sprintf("remoteops/%s[%d]/", op, i)
			level, cmd, group := c.doc.take(item+"name"), c.doc.take(item+"cmd"), c.doc.take(item+"group")
			if cmd == nil {
				continue
			}
			key := "cmd_" + op
			if op == "reboot" || op == "power_on" || op == "power_off" {
				key = "cmd_" + level.value() + "_" + op
			}
			if seen[key] {
				c.draft.report.lost(cmd.at, "remoteops.%s: only the first command is used", op)
				continue
			}
			seen[key] = true
			text, err := c.yamlCommand(c.draft, cmd.text, c.connector, group.value())
			if err != nil {
				c.draft.report.lost(cmd.at, "remoteops.%s: %v", op, err)
				continue
			}
			c.out.set(key, text, cmd.at)
		}
	}
}

// archives reads preinstall or postinstall/files[]{file, format, script}.
func (c *cluster) archives(part, key string) {
	var items []string
	var at Place
	for i := range c.doc.sizes[part+"/files"] {
		item := fmt.Sprintf("%s/files[%d]/", part, i)
		name, format, script := c.doc.take(item+"file"), c.doc.take(item+"format"), c.doc.take(item+"script")
		if name == nil || format == nil {
			continue
		}
		if at.Line == 0 {
			at = name.at
		}
		run := script.value()
		if run == "" {
			run = "none"
		}
		if strings.ContainsAny(name.value()+format.value()+run, ",|") {
			c.draft.report.lost(name.at, "%s: , and | cannot be written in %s", part, key)
			continue
		}
		items = append(items, c.outside(name.value())+"|"+format.value()+"|"+run)
	}
	c.out.set(key, strings.Join(items, ","), at)
}
