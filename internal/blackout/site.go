package blackout

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kadeploy/kadeploy/internal/demoimage"
)

// plain is the environment whose image is a file of the server.
const plain = "system"

// What a node that is OK has on its disk.
const (
	release = "usr/share/release" // comes with the image, whose name it is
	counted = "var/post-install"  // a line each time that the post-install ran
)

// layOut writes a site: configuration, deployment system, image. The names of the node's addresses come from the seed, so that runs do not
// meet.
func layOut(dir string, s Scenario, database string) error {
	server := host(s.Seed, 250)
	files := map[string]string{
		"deploy.conf": settings("kadeploy_server", server, "agents_listen", server+":25301", "tftp_listen", server+":6969", "tftp_repository", "tftp",
			"image_roots", filepath.Join(dir, "images"), "broadcast_grace", "0.5", "probe_interval", "0.05", "chain_stall", "1", "image_cache_size", fmt.Sprintf("%dMiB", cacheSize>>20)) + optional("database", database),
		"cluster-c.conf": settings("power", "sandbox", "sandbox_boot_delay", "0.2", "sandbox_in_process", fmt.Sprint(!s.Process), "sandbox_seed", fmt.Sprint(s.Seed),
			"deploy_kernel", "vmlinuz", "deploy_initrd", "initrd", "block_device", "/dev/sda", "swap_part", "1", "prod_part", "2", "deploy_part", "3", "tmp_part", "5",
			"partition_file", "partitions", "kernel_params", "quiet", "timeout_reboot", "3", "sleep_time_before_ping", "0.1",
			"ssh_port", "2522", "test_deploy_env_port", "25300", "chain_port", "25303",
			"macrostep", "SetDeploymentEnv|SetDeploymentEnvUntrusted:2:15", "macrostep", "BroadcastEnv|BroadcastEnvChain:2:15",
			"macrostep", "BootNewEnv|BootNewEnvClassical:1:10,BootNewEnvHardReboot:1:10"),
		"partitions":           "o\nn\np\n1\n\n+64M\nt\n82\nn\np\n2\n\n+64M\nn\np\n3\n\n+64M\nn\ne\n4\n\n\nn\n\n+32M\nw\n",
		"tftp/kernels/vmlinuz": demoimage.DeployKernelMagic + strings.Repeat("kernel ", 1000),
		"tftp/kernels/initrd":  "initrd of the deployment system",
		"images/system.tar":    string(system(plain)),
		"images/deed.sh":       deedScript(dir),
		"images/post.tar":      string(postInstalls(dir, plain)),
		"images/pre.tar":       string(archive(file{"pre.sh", "#!/bin/sh\n" + doing(dir, preInstall) + "\n", 0o755})),
		"images/system.env":    describe(plain, dir+"/images/system.tar", dir+"/images/post.tar"),
		"images/prepared.env":  describe(plain, dir+"/images/system.tar", dir+"/images/post.tar") + "preinstall : " + dir + "/images/pre.tar|tar|pre.sh\n",
	}
	var list strings.Builder
	for i, fault := range s.Faults {
		fmt.Fprintf(&list, "%s %s c%s\n", node(i+1), host(s.Seed, i+1), map[bool]string{true: " sandbox_fault=" + fault}[fault != ""])
	}
	files["nodes.conf"] = list.String()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// host is an address of the site of a seed.
func host(seed uint64, n int) string {
	return fmt.Sprintf("127.%d.%d.%d", 100+seed/250%100, seed%250, n)
}

func node(n int) string { return fmt.Sprintf("node-%d", n) }

func settings(pairs ...string) string {
	var text strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&text, "%s = %s\n", pairs[i], pairs[i+1])
	}
	return text.String()
}

func optional(key, value string) string {
	if value == "" {
		return ""
	}
	return settings(key, value)
}

type file struct {
	name, content string
	mode          int64
}

// system is an image that takes a moment to be sent.
func system(name string) []byte {
	return archive(file{release, name, 0o644}, file{"etc/os-release", "ID=" + name + "\n", 0o644}, file{"vmlinuz", "kernel of " + name + "\n", 0o644}, file{"initrd.img", "initrd\n", 0o644},
		file{"var/data", strings.Repeat("0123456789abcdef", 100_000), 0o644})
}

// postInstalls is the archive of a post-install, which counts its runs.
func postInstalls(dir, name string) []byte {
	script := "#!/bin/sh\n# of " + name + "\nset -e\necho ran >> \"$KADEPLOY_ENV_EXTRACTION_DIR/" + counted + "\"\n" + doing(dir, postInstall) + "\n"
	return archive(file{"post.sh", script, 0o755})
}

func archive(files ...file) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		_ = w.WriteHeader(&tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.content))}) // memory takes everything
		_, _ = w.Write([]byte(f.content))
	}
	_ = w.Close()
	return b.Bytes()
}
