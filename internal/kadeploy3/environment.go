package kadeploy3

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/mysqldump"
)

// environment is one row of environments.
type environment struct {
	config.Environment
	owner string
	place Place
	early bool     // of a table from before 3.1.7
	sums  []string // "image 0123...", as Kadeploy3 recorded them: MD5 or the ETag of a URL
}

// demolishing is how often an environment had to fail in 2009 to count as destructive (demolishing_env_threshold of the shipped conf).
const demolishing = 2

// takeEnvironment adds the environment of a row, or reports why not.
func (d *database) takeEnvironment(row mysqldump.Row, place Place) error {
	if len(d.envs) == maxEnvironments {
		return fmt.Errorf("more than %d environments", maxEnvironments)
	}
	if err := d.keep(row); err != nil {
		return err
	}
	e, err := d.environment(row, place)
	if err != nil {
		d.report.lost(place, "environment %q of %s: %v", e.Name, e.owner, err)
		return nil
	}
	id := fmt.Sprintf("%s\x00%s\x00%d", e.owner, e.Name, e.Version)
	if d.names[id] {
		d.report.lost(place, "environment %q of %s, version %d, is there twice: the first row was taken", e.Name, e.owner, e.Version)
		return nil
	}
	d.names[id] = true
	d.envs = append(d.envs, e)
	return nil
}

// environment makes the model of a row. Columns: db/db_creation.sql of 3.0 to 3.3; multipart and options came with 3.1.7.
func (d *database) environment(row mysqldump.Row, place Place) (environment, error) {
	text := func(column string) string { return d.text(row, column, place) }
	e := environment{owner: text("user"), place: place}
	e.Name, e.Description, e.Author = text("name"), text("description"), text("author")
	e.Visibility, e.OS, e.Filesystem = text("visibility"), text("environment_kind"), text("filesystem")
	e.Kernel, e.Initrd, e.KernelParams = text("kernel"), text("initrd"), text("kernel_params")
	e.Hypervisor, e.HypervisorParams = text("hypervisor"), text("hypervisor_params")
	var err error
	if e.Version, err = strconv.Atoi(text("version")); err != nil {
		return e, fmt.Errorf("version %.20q is no number", text("version"))
	}
	if n, err := strconv.Atoi(text("multipart")); err == nil && n != 0 {
		return e, errors.New("images of several partitions cannot be deployed by this version")
	}
	if e.PartitionType, err = partitionType(text("fdisk_type")); err != nil {
		return e, err
	}
	if e.Destructive, err = d.destructive(row, place); err != nil {
		return e, err
	}
	if err := e.image(text("tarball")); err != nil {
		return e, err
	}
	if err := e.archives(text("preinstall"), text("postinstall")); err != nil {
		return e, err
	}
	for _, file := range e.Files() {
		if err := absolute(file); err != nil {
			return e, err
		}
	}
	e.early = !row.Table.Has("multipart")
	return e, nil
}

// partitionType is hexadecimal in the table, whatever the generation.
func partitionType(text string) (string, error) {
	if text == "" {
		return "0", nil
	}
	n, err := strconv.ParseUint(text, 16, 8)
	if err != nil {
		return "", fmt.Errorf("fdisk_type %.10q is not hexadecimal", text)
	}
	return strconv.FormatUint(n, 16), nil
}

// destructive is a flag since 3.1.6 and was a count of failures before, 10000 for always.
func (d *database) destructive(row mysqldump.Row, place Place) (bool, error) {
	v := row.Get("demolishing_env")
	if v.Null || v.Text == "" {
		return false, nil
	}
	n, err := strconv.Atoi(v.Text)
	switch {
	case err != nil:
		return false, fmt.Errorf("demolishing_env %.20q is no number", v.Text)
	case row.Table.Type("demolishing_env") == "int" && n > 0 && n < demolishing:
		d.report.note(place, "environment %q failed once, which does not make it destructive", row.Get("name").Text)
		return false, nil
	}
	return n > 0, nil
}
