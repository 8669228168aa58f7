package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kadeploy/kadeploy/internal/lab"
)

// rounds is how often each service is measured; they take turns, and the median counts.
const rounds = 5

// service is a server of boot files in the server's namespace.
type service struct {
	name    string
	url     string   // of its root
	program []string // how it is started; none for ours
	rates   []float64
}

// services measures how fast the deployment system's initrd comes to one client, curl, from our servers and from others.
func services(ctx context.Context, programs string) error {
	s, _, err := newSite(programs, 1, map[string]string{"tftp_listen": lab.Server.String() + ":1069"})
	if err != nil {
		return err
	}
	defer s.Close()
	root := filepath.Join(s.Conf, "tftp")
	// A machine may have what its profile names; this one is written by hand, and asked for first, as a loader does.
	profile := "DEFAULT a\nLABEL a\nKERNEL kernels/vmlinuz-kadeploy\nAPPEND initrd=kernels/initrd-kadeploy\n"
	if err := os.WriteFile(filepath.Join(root, "pxelinux.cfg/default"), []byte(profile), 0o644); err != nil {
		return err
	}
	at := lab.Server.String()
	all := []*service{
		{name: "kadeploy-server, TFTP", url: "tftp://" + at + ":1069/"},
		{name: "dnsmasq, TFTP", url: "tftp://" + at + ":69/", program: []string{"dnsmasq", "--conf-file=/dev/null", "--keep-in-foreground",
			"--pid-file=", "--user=root", "--port=0", "--enable-tftp", "--tftp-root=" + root, "--log-facility=" + filepath.Join(s.Dir, "tftp.log")}},
		{name: "tftpd-hpa, TFTP", url: "tftp://" + at + ":2069/", program: []string{lab.TFTPD, "-L", "--secure", "--address", net.JoinHostPort(at, "2069"), root}},
		{name: "kadeploy-server, HTTP", url: "http://" + at + ":80/"},
		{name: "busybox, HTTP", url: "http://" + at + ":8080/", program: []string{"busybox", "httpd", "-f", "-p", "8080", "-h", root}},
	}
	fmt.Println("\nThe initrd to one client, curl (TFTP in blocks of 1468 bytes); MB/s, the median of", rounds)
	for i, v := range all {
		if len(v.program) == 0 {
			continue
		}
		if _, err := exec.LookPath(v.program[0]); err != nil {
			fmt.Printf("%-24s not installed\n", v.name)
			all[i] = nil
			continue
		}
		if err := s.OnServer(ctx, v.program[0], v.program[1:]...).Start(); err != nil {
			return err
		}
	}
	all = slices.DeleteFunc(all, func(v *service) bool { return v == nil })
	return measure(ctx, s.Lab, all)
}

func measure(ctx context.Context, l *lab.Lab, all []*service) error {
	for range rounds {
		for _, v := range all {
			rate, err := fetch(ctx, l, v.url)
			if err != nil {
				return fmt.Errorf("%s: %w", v.name, err)
			}
			v.rates = append(v.rates, rate)
		}
	}
	for _, v := range all {
		slices.Sort(v.rates)
		fmt.Printf("%-24s %6.1f\n", v.name, v.rates[len(v.rates)/2]/1e6)
	}
	return nil
}

// fetch returns the bytes a second at which the initrd comes, after the profile that names it.
func fetch(ctx context.Context, l *lab.Lab, url string) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if _, err := curl(ctx, l, "--retry", "5", "--retry-all-errors", "--retry-delay", "1", url+"pxelinux.cfg/default"); err != nil { // it may have just been started
		return 0, err
	}
	out, err := curl(ctx, l, "-w", "%{speed_download}", url+"kernels/initrd-kadeploy")
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(out, 64)
}

func curl(ctx context.Context, l *lab.Lab, args ...string) (string, error) {
	var complaint strings.Builder
	cmd := l.Beside(ctx, "curl", append([]string{"-sS", "-f", "-o", "/dev/null", "--tftp-blksize", "1468"}, args...)...)
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("curl %s: %w: %s", args[len(args)-1], err, complaint.String())
	}
	return string(out), nil
}
