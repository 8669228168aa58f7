package config

import (
	"errors"
	"os"
	"slices"
	"strings"
)

// commandKeys are the power and console commands. The kind is the name that Settings.Commands knows.
func commandKeys() []*key {
	var keys []*key
	add := func(kind, name, doc string, aliases ...string) {
		keys = append(keys, &key{name: name, aliases: aliases, scope: clusterScope, form: command, doc: doc, set: setCommand(kind)})
	}
	add("reboot_soft", "cmd_soft_reboot", "command of a soft reboot; HOSTNAME_FQDN and HOSTNAME_SHORT are the node", "cmd_soft_reboot_ssh")
	add("reboot_hard", "cmd_hard_reboot", "command of a hard reboot")
	add("reboot_very_hard", "cmd_very_hard_reboot", "command of a very hard reboot, when nothing else helped")
	for _, op := range []string{"on", "off"} {
		for _, level := range []string{"soft", "hard", "very_hard"} {
			add("power_"+op+"_"+level, "cmd_"+level+"_power_"+op, "command of a "+strings.ReplaceAll(level, "_", " ")+" power "+op)
		}
	}
	add("power_status", "cmd_power_status", "command that tells whether the node is on")
	add("console", "cmd_console", "command that opens the console of the node")
	return keys
}

// commandKey finds the key behind a kind in any of its spellings: reboot_soft, reboot_soft_ssh, reboot_veryhard,
// cmd_soft_reboot.
func (s *schema) commandKey(kind string) *key {
	name := strings.NewReplacer("veryhard", "very_hard", "_ssh", "").Replace(kind)
	for _, op := range []string{"reboot_", "power_on_", "power_off_"} {
		if level, found := strings.CutPrefix(name, op); found {
			name = "cmd_" + level + "_" + strings.TrimSuffix(op, "_")
		}
	}
	if name == "console" || name == "power_status" {
		name = "cmd_" + name
	}
	if k := s.byName[name]; k != nil && k.form == command && k.ignored == "" {
		return k
	}
	return nil
}

// commandKinds are the kinds to suggest.
func commandKinds() []string {
	return []string{"reboot_soft", "reboot_hard", "reboot_very_hard", "power_on_soft", "power_on_hard", "power_on_very_hard",
		"power_off_soft", "power_off_hard", "power_off_very_hard", "power_status", "console"}
}

func setCommand(kind string) setter {
	return func(t *target, v value) error {
		c, err := parseCommand(t.dir, v)
		if err != nil {
			return err
		}
		if len(c.Argv) == 0 {
			delete(t.settings.Commands, kind)
			return nil
		}
		t.settings.Commands[kind] = c
		return nil
	}
}

// parseCommand cuts a command into its arguments; there is no shell. The file of node groups that may follow after a
// comma (Kadeploy3 2010: cmd_hard_reboot = COMMAND,GROUPFILE) is taken as one when it exists or is an absolute path.
func parseCommand(dir string, v value) (Command, error) {
	group := v.group
	if group != "" {
		group = absolute(dir, group)
		if _, err := readableFile(group); err != nil {
			return Command{}, err
		}
	}
	if v.isList {
		return Command{Argv: slices.Clone(v.items), Group: group}, checkArguments(v.items)
	}
	line := v.text
	if group == "" {
		var err error
		if line, group, err = cutGroup(dir, v.text); err != nil {
			return Command{}, err
		}
	}
	list, shell, err := words(line)
	if err != nil {
		return Command{}, err
	}
	if shell >= 0 {
		return Command{}, &fault{offset: shell, msg: "a command is run without a shell, to which " + line[shell:shell+1] + " would be special",
			hint: `quote it with '...', or write sh -c '...'`}
	}
	var argv []string
	for _, w := range list {
		argv = append(argv, w.text)
	}
	return Command{Argv: argv, Group: group}, checkArguments(argv)
}

func checkArguments(argv []string) error {
	if len(argv) > 0 && argv[0] == "" {
		return errors.New("the command is empty")
	}
	for _, arg := range argv {
		if strings.ContainsRune(arg, 0) {
			return errors.New("an argument holds a zero byte")
		}
	}
	return nil
}

func cutGroup(dir, text string) (line, group string, err error) {
	comma := strings.LastIndexByte(text, ',')
	if comma < 0 {
		return text, "", nil
	}
	file := strings.TrimSpace(text[comma+1:])
	if file == "" || strings.ContainsAny(file, " \t'\"") {
		return text, "", nil
	}
	path := absolute(dir, file)
	if _, err := os.Stat(path); err != nil && path != file {
		return text, "", nil
	}
	if _, err := readableFile(path); err != nil {
		return "", "", item{offset: comma + 1}.at(err)
	}
	return text[:comma], path, nil
}
