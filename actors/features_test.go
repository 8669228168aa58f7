package actors_test

import (
	"archive/tar"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors/message"
)

// foreign are the records of a file whose ACL no node can restore: it has a name that only the system knew which packed it.
var foreign = map[string]string{"SCHILY.acl.access": "user::rw-\nuser:nobody-knows:r--\ngroup::r--\nmask::r--\nother::r--\n"}

var _ = Describe("A deployment with more than an image", func() {
	It("puts the user's key into the new system", func() {
		s := newSite(blueprint{nodes: 1})
		r := s.deployment()
		r.Key = []byte("ssh-ed25519 AAAA ada@example\n")
		Expect(s.run(r).ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK))
		Expect(s.disk("node-1", "root/.ssh/authorized_keys")).To(Equal("ssh-ed25519 AAAA ada@example\n"))
	})

	It("runs the post-installs of the site and of the image on the new system, in this order", func() {
		s := newSite(blueprint{nodes: 1, cluster: map[string]string{"admin_post_install": "post.tgz|tgz|post.sh site"}})
		script := "#!/bin/sh\necho \"$1 $KADEPLOY_ENV $KADEPLOY_NODE\" >> \"$KADEPLOY_ENV_EXTRACTION_DIR/etc/installed\"\n"
		s.file("post.tgz", string(gzipped(tarOf(entry{name: "post.sh", content: script}))))
		s.file("image.env", description("image.tar|tar", "postinstall : post.tgz|tgz|post.sh image"))
		o := s.run(s.deployment())
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.report("node-1").GetCause())
		Expect(s.disk("node-1", "etc/installed")).To(Equal("site tiny node-1\nimage tiny node-1\n"))
	})

	It("says of a node that is OK how much of the image it could not restore, also later", func() {
		s := newSite(blueprint{nodes: 1, memory: true})
		s.file("images/image.tar", string(tarOf(append(contents(), entry{name: "srv/a", records: foreign}, entry{name: "srv/b", records: foreign})...)))
		o := s.run(s.deployment())
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.GetText())
		const lost = "attributes, ACLs or device nodes of the image that were not restored: 2"
		Expect(o.report("node-1").GetCause()).To(Equal(lost))
		Expect(s.client().shown(o.id).GetResults()[0].GetCause()).To(Equal(lost))
	})

	It("says so after restarts of the server, too: of a node that was OK, and of one on its way into the new system", func() {
		s := slowSecond(func(b *blueprint) { b.lasting = true })
		s.file("images/image.tar", string(tarOf(append(contents(), entry{name: "srv/a", records: foreign})...)))
		o := s.begin(s.deployment())
		ok, leaves := false, false
		o.until("node-1 OK, and node-2 on its way", func(e *message.Event) bool {
			n := e.GetNode()
			ok = ok || n.GetNode() == "node-1" && n.GetPhase() == message.NodePhase_OK
			leaves = leaves || n.GetNode() == "node-2" && n.GetMacro() == "BootNewEnv" && n.GetMicro() == "wait_reboot"
			return ok && leaves
		})
		for range 2 {
			s.restart()
			o = s.resumed(o)
		}
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		for _, node := range s.names() {
			Expect(o.report(node).GetCause()).To(Equal("attributes, ACLs or device nodes of the image that were not restored: 1"))
		}
	})

	It("takes an image that has device nodes, as every Debian has; a machine that can make none says so", func() {
		s := newSite(blueprint{nodes: 1})
		null, pipe := entry{name: "dev/null", kind: tar.TypeChar}, entry{name: "run/initctl", kind: tar.TypeFifo}
		s.file("images/image.tar", string(tarOf(append(contents(), null, pipe)...)))
		o := s.run(s.deployment())
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.GetText())
		Expect(o.report("node-1").GetCause()).To(Equal("attributes, ACLs or device nodes of the image that were not restored: 1"))
	})

	It("says what a post-install said that failed", func() {
		s := newSite(blueprint{nodes: 1})
		s.file("bad.tgz", string(gzipped(tarOf(entry{name: "post.sh", content: "#!/bin/sh\necho the licence server is away\nexit 3\n"}))))
		s.file("image.env", description("image.tar|tar", "postinstall : bad.tgz|tgz|post.sh"))
		ko := s.run(s.deployment()).report("node-1")
		Expect(ko.GetState()).To(Equal("BroadcastEnv/Chain/manage_user_post_install"))
		Expect(ko.GetCause()).To(ContainSubstring("exit status 3"))
		Expect(ko.GetEvidence()).To(ContainSubstring("the licence server is away"))
	})

	It("prepares the disk with the image's preinstall alone when it has one", func() {
		s := newSite(blueprint{nodes: 1})
		s.file("pre.tgz", string(gzipped(tarOf(entry{name: "pre.sh", content: "#!/bin/sh\necho no raid on $KADEPLOY_BLOCK_DEVICE of $KADEPLOY_NODE\nexit 1\n"}))))
		s.file("image.env", description("image.tar|tar", "preinstall : pre.tgz|tgz|pre.sh"))
		o := s.run(s.deployment())
		ko := o.report("node-1")
		Expect(ko.GetState()).To(Equal("SetDeploymentEnv/UntrustedCustomPreInstall/manage_admin_pre_install"))
		Expect(ko.GetEvidence()).To(ContainSubstring("no raid on /dev/sda of node-1"))
		Expect(o.retriesOf("node-1")).To(Equal(1))
		for _, e := range o.events {
			Expect(e.GetNode().GetMicro()).NotTo(Equal("create_partition_table"))
		}
	})

	It("lets a disk start the kernel of a dd image, and looks for that of a tar image before a machine is touched", func() {
		s := newSite(blueprint{nodes: 1, cluster: map[string]string{"bootloader": "chainload_pxe"}})
		r := s.deployment()
		r.Environment = []byte(description("image.tar|dd"))
		o := s.run(r)
		Expect(o.report("node-1").GetState()).To(HavePrefix("BroadcastEnv/Chain/"), o.ended.GetText())

		s.file("bare.tar", string(tarOf(entry{name: "etc/os-release", content: "ID=bare\n"})))
		r = s.deployment()
		r.Environment = []byte(description("bare.tar|tar"))
		o = s.run(r)
		Expect(o.ended.GetText()).To(Equal("image bare.tar has no /vmlinuz (wanted by kernel)"))
		Expect(o.report("node-1").GetCause()).To(ContainSubstring("not touched"))
	})

	It("deploys the site's default environment when it brings none", func() {
		s := plannedSite(GinkgoT().TempDir(), blueprint{nodes: 1, global: map[string]string{"environment": "image.env", "minnodes": "1"}})
		s.write()
		s.start()
		DeferCleanup(s.close)
		r := s.deployment()
		r.Environment, r.EnvironmentPath = nil, ""
		o := s.run(r)
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.GetText())
		Expect(o.events[0].GetStarted().GetMinNodes()).To(BeEquivalentTo(1))
		Expect(s.state("node-1").GetEnvironment()).To(Equal("tiny:7"))
	})
})

var _ = Describe("A deployment that is looked into", func() {
	It("stops at its breakpoint, and nobody takes the node for one with the new system", func() {
		s := newSite(blueprint{nodes: 2})
		r := s.deployment()
		r.Breakpoint = "BootNewEnv"
		o := s.run(r)
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK))
		Expect(o.ended.GetText()).To(Equal("all 2 nodes stand at the breakpoint"))
		Expect(o.report("node-1").GetStopped()).To(BeTrue())
		Expect(o.report("node-1").GetState()).To(Equal("BootNewEnv/Classical/switch_pxe"))
		Expect(s.state("node-1").GetState()).To(Equal("deploy_env"))
		Expect(s.state("node-1").GetEnvironment()).To(BeEmpty())
	})

	It("stops behind a post-install whose script is called breakpoint", func() {
		s := newSite(blueprint{nodes: 1})
		s.file("tools.tgz", string(gzipped(tarOf(entry{name: "tool", content: "x"}))))
		s.file("image.env", description("image.tar|tar", "postinstall : tools.tgz|tgz|breakpoint"))
		Expect(s.run(s.deployment()).report("node-1").GetState()).To(Equal("BroadcastEnv/Chain/check_kernel_files"))
	})

	It("refuses a breakpoint that no node comes to", func() {
		s := newSite(blueprint{nodes: 1})
		r := s.deployment()
		r.Breakpoint = "BroadcastEnv:send_key"
		Expect(s.client().refused(r).GetText()).To(ContainSubstring("no way of these nodes comes there"))
	})

	It("does custom operations around its steps: files, command lines, programs", func() {
		s := newSite(blueprint{nodes: 1})
		s.file("motd", "welcome\n")
		s.file("prog", "#!/bin/sh\necho \"$1 $KADEPLOY_NODE\" > $KADEPLOY_ENV_EXTRACTION_DIR/etc/prog\n")
		r := s.deployment()
		r.CustomOperationsPath = s.path("steps.yaml")
		r.CustomOperations = []byte(`
BroadcastEnvChain:
  sync:
    pre-ops:
      - {action: send, file: motd, destination: $KADEPLOY_ENV_EXTRACTION_DIR/etc}
      - {action: exec, command: "cp $KADEPLOY_ENV_EXTRACTION_DIR/etc/motd $KADEPLOY_ENV_EXTRACTION_DIR/etc/issue"}
    post-ops:
      - {action: run, file: prog, params: hello}
`)
		o := s.run(r)
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.report("node-1").GetCause())
		Expect(s.disk("node-1", "etc/issue")).To(Equal("welcome\n"))
		Expect(s.disk("node-1", "etc/prog")).To(Equal("hello node-1\n"))
	})

	It("fails the node whose custom operation fails, after its retries, with what it said", func() {
		s := newSite(blueprint{nodes: 1, cluster: map[string]string{"macrostep": "SetDeploymentEnv|Untrusted:1:20"}})
		r := s.deployment()
		r.CustomOperationsPath = s.path("steps.yaml")
		r.CustomOperations = []byte(`
SetDeploymentEnv:
  format_deploy_part:
    substitute:
      - {name: own mkfs, action: exec, command: "echo x >> again; wc -l < again; exit 4", retries: 2}
`)
		ko := s.run(r).report("node-1")
		Expect(ko.GetState()).To(Equal("SetDeploymentEnv/Untrusted/custom_sub"))
		Expect(ko.GetCause()).To(ContainSubstring("own mkfs: "))
		Expect(ko.GetCause()).To(ContainSubstring("exit status 4: 3"))
	})
})

var _ = Describe("A reboot", func() {
	It("boots what was deployed and leaves it there", func() {
		s := newSite(blueprint{})
		Expect(s.run(s.deployment()).ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK))
		for _, level := range []string{"soft", "hard", "very_hard"} {
			o := s.run(&message.Submit{ClientId: level, User: "eve", Operation: message.Operation_REBOOT, RebootLevel: level, Nodes: s.names()})
			Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.GetText())
			Expect(o.retriesOf("node-1")).To(Equal(0))
			Expect(s.state("node-1").GetState()).To(Equal("rebooted"))
			Expect(s.state("node-1").GetUser()).To(Equal("eve"))
			Expect(s.state("node-1").GetEnvironment()).To(Equal("tiny:7"))
		}
		answer := s.client().ask(&message.StatusRequest{ClientId: "all"}).(*message.Status)
		Expect(answer.GetOperations()).To(HaveLen(4))
		for _, op := range answer.GetOperations() {
			Expect(op.GetRunning()).To(BeFalse())
			Expect(op.GetOk()).To(BeEquivalentTo(3))
		}
	})

	It("into the deployment system leaves the node there, for who has the key", func() {
		s := newSite(blueprint{nodes: 1})
		o := s.run(&message.Submit{ClientId: "d", User: "eve", Operation: message.Operation_REBOOT, RebootLevel: "soft", RebootKind: "DeployEnv",
			Nodes: s.names(), Key: []byte("ssh-ed25519 AAAA ada@example\n")})
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.GetText())
		Expect(s.state("node-1").GetState()).To(Equal("deploy_env"))
		Expect(o.entered("node-1", "send_key_in_deploy_env")).To(BeTrue())
	})

	It("into a recorded environment boots its kernel from the partition that has it", func() {
		s := newSite(blueprint{nodes: 1})
		Expect(s.run(s.deployment()).ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK))
		r := s.deployment()
		r.ClientId, r.Operation, r.RebootLevel, r.RebootKind = "again", message.Operation_REBOOT, "hard", "RecordedEnv"
		o := s.run(r)
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.report("node-1").GetCause())
		Expect(s.state("node-1").GetState()).To(Equal("rebooted"))
		Expect(s.state("node-1").GetEnvironment()).To(Equal("tiny:7"))
	})

	It("of a machine with nothing to boot says so", func() {
		s := newSite(blueprint{nodes: 1, cluster: map[string]string{"timeout_reboot": "0.2"}})
		o := s.run(&message.Submit{ClientId: "r", Operation: message.Operation_REBOOT, RebootLevel: "hard", Nodes: s.names()})
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_FAILED))
		Expect(o.report("node-1").GetCause()).NotTo(BeEmpty())
		Expect(o.report("node-1").GetEvidence()).To(ContainSubstring("no boot profile"))
		Expect(s.state("node-1").GetState()).To(Equal("reboot_failed"))
	})
})
