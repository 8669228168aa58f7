package daemon_test

import (
	"log/slog"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"

	"github.com/kadeploy/kadeploy/cmd/kadeploy-server/daemon"
	"github.com/kadeploy/kadeploy/config"
)

var _ = Describe("the configuration that is read again", func() {
	var dir string
	var log *gbytes.Buffer
	var started *config.Snapshot

	write := func(name, text string) {
		GinkgoHelper()
		Expect(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)).To(Succeed())
	}
	reread := func() *config.Snapshot {
		GinkgoHelper()
		fresh, err := daemon.Reread(started, slog.New(slog.NewTextHandler(log, nil)))
		Expect(err).NotTo(HaveOccurred())
		return fresh
	}

	BeforeEach(func() {
		dir, log = GinkgoT().TempDir(), gbytes.NewBuffer()
		write("deploy.conf", "")
		write("nodes.conf", "node-1.demo 127.1.0.1 blue\n")
		write("cluster-blue.conf", "power = sandbox\nblock_device = /dev/sda\ndeploy_part = 3\ndeploy_kernel = k\ndeploy_initrd = i\n")
		var problems config.Diagnostics
		started, problems = config.Load(dir)
		Expect(problems.HasErrors()).To(BeFalse(), problems.Error())
	})

	It("keeps the running values of what needs a restart, names it, and takes the rest", func() {
		write("deploy.conf", `
kadeploy_server_port = 4711
agents_listen = 127.0.0.9:4712
tftp_listen = 127.0.0.9:4713
tftp_repository = elsewhere
tftp_images_path = k
tftp_cfg = p
pxe_profile_name = ip
kadeploy_cache_dir = c
log_to_file = l
image_cache = i
upload_dir = u
reboot_window = 7
minnodes = 50%
`)
		fresh := reread()
		want := started.Global
		want.RebootWindow, want.MinNodes = 7, "50%"
		Expect(fresh.Global).To(Equal(want))
		Expect(log).To(gbytes.Say(`level=WARN msg="these changes need a restart \(kadeploy-server restart\)" keys="kadeploy_server, kadeploy_server_port, ` +
			`agents_listen, tftp_listen, tftp_repository, tftp_images_path, tftp_cfg, pxe_profile_name, kadeploy_cache_dir, log_to_file, image_cache, upload_dir"\n`))
	})

	It("says each time what still waits, and nothing once it was set back", func() {
		write("deploy.conf", "agents_listen = 127.0.0.9:4712")
		reread()
		Expect(log).To(gbytes.Say("keys=agents_listen"))
		reread()
		Expect(log).To(gbytes.Say("keys=agents_listen"))
		write("deploy.conf", "")
		Expect(reread().Global).To(Equal(started.Global))
		Expect(log).NotTo(gbytes.Say("restart"))
	})

	It("does not advise a restart that would not find the daemon: state_dir is where it is looked for", func() {
		write("deploy.conf", "state_dir = run")
		Expect(reread().Global).To(Equal(started.Global))
		Expect(log).To(gbytes.Say(`need a restart \(set state_dir back to ` + dir + `/var, kadeploy-server stop, change state_dir, kadeploy-server start: .*keys="state_dir, `))
		Expect(log.Contents()).NotTo(ContainSubstring("kadeploy-server restart"))
	})
})
