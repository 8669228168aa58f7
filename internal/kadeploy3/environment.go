package kadeploy3

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

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
func (d *database) takeEnvironment(row mysqldump.Row, place Place) {
	e, err := d.environment(row, place)
	if err != nil {
		d.report.lost(place, "environment %q of %s: %v", e.Name, e.owner, err)
		return
	}
	id := fmt.Sprintf("%s\x00%s\x00%d", e.owner, e.Name, e.Version)
	if d.names[id] {
		d.report.lost(place, "environment %q of %s, version %d, is there twice: the first row was taken", e.Name, e.owner, e.Version)
		return
	}
	d.names[id] = true
	d.envs = append(d.envs, e)
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

// image reads FILE|KIND|MD5.
func (e *environment) image(text string) error {
	parts := strings.Split(text, "|")
	if len(parts) != 2 && len(parts) != 3 {
		return fmt.Errorf("tarball %.80q is not FILE|KIND|CHECKSUM%s", text, full(text))
	}
	kind, compression, err := imageKind(parts[1])
	if err != nil {
		return err
	}
	e.Image = config.Image{Path: location(parts[0]), Kind: kind, Compression: compression}
	if len(parts) == 3 && parts[2] != "" {
		e.sums = append(e.sums, "image "+parts[2])
	}
	return nil
}

// archives reads the preinstall and the postinstalls.
func (e *environment) archives(pre, post string) error {
	if pre != "" && pre != "none" {
		a, err := e.archive("preinstall", pre)
		if err != nil {
			return err
		}
		e.PreInstall = &a
	}
	if post == "" || post == "none" {
		return nil
	}
	for item := range strings.SplitSeq(post, ",") {
		a, err := e.archive("postinstall", item)
		if err != nil {
			return fmt.Errorf("%w%s", err, full(post))
		}
		e.PostInstall = append(e.PostInstall, a)
	}
	return nil
}

// archive reads FILE|KIND|CHECKSUM|SCRIPT; the checksum may be empty, and is not there at all in some rows of 2009.
func (e *environment) archive(what, text string) (config.Archive, error) {
	parts := strings.Split(text, "|")
	if len(parts) == 3 {
		parts = slices.Insert(parts, 2, "")
	}
	if len(parts) != 4 {
		return config.Archive{}, fmt.Errorf("%s %.80q is not FILE|KIND|CHECKSUM|SCRIPT", what, text)
	}
	kind, compression, err := imageKind(parts[1])
	if err != nil || kind != "tar" {
		return config.Archive{}, fmt.Errorf("%s: %.20q is no kind of archive", what, parts[1])
	}
	if parts[2] != "" {
		e.sums = append(e.sums, what+" "+parts[2])
	}
	script := strings.TrimSpace(parts[3])
	if script == "" {
		script = "none"
	}
	return config.Archive{Path: location(parts[0]), Compression: compression, Script: script}, nil
}

// full explains a value that ends early: the columns held 512 characters, and MySQL cut the rest silently.
func full(text string) string {
	if len([]rune(text)) >= 512 {
		return ": it was cut at 512 characters when it was recorded"
	}
	return ""
}

// imageKind splits the short names of Kadeploy3.
func imageKind(short string) (kind, compression string, err error) {
	for _, k := range [...][3]string{
		{"tgz", "tar", "gzip"}, {"tbz2", "tar", "bzip2"}, {"txz", "tar", "xz"}, {"ddgz", "dd", "gzip"}, {"ddbz2", "dd", "bzip2"}, {"ddxz", "dd", "xz"},
	} {
		if short == k[0] {
			return k[1], k[2], nil
		}
	}
	if strings.HasPrefix(short, "fsa") {
		return "", "", errors.New("fsa images need fsarchiver on the nodes, which this version does not have: convert the image to tar or dd")
	}
	return "", "", fmt.Errorf("%.20q is no kind of image", short)
}

// location takes the scheme off the names of the server's and the client's own files.
func location(name string) string {
	name = strings.TrimSpace(name)
	for _, scheme := range []string{"server://", "local://", "file://"} {
		if rest, found := strings.CutPrefix(name, scheme); found {
			name = rest
		}
	}
	if strings.HasPrefix(name, "/") {
		return path.Clean(name)
	}
	return name
}

func absolute(file string) error {
	if strings.HasPrefix(file, "/") || strings.HasPrefix(file, "http://") || strings.HasPrefix(file, "https://") {
		return nil
	}
	return fmt.Errorf("the file %.80q starts at a directory that the database does not name", file)
}
