package initramfs

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

// Report says what is in a deployment system. Sizes are bytes before compression.
type Report struct {
	Version                             string // of the kernel
	Agent, Modules, Tools, Grub, Other  int64
	ModuleCount, ToolCount, AppletCount int
	LeftOut                             []string // what is not in it and why, a line each
}

func (r *Report) leave(format string, args ...any) {
	r.LeftOut = append(r.LeftOut, fmt.Sprintf(format, args...))
}

// Total is the size of everything.
func (r *Report) Total() int64 { return r.Agent + r.Modules + r.Tools + r.Grub + r.Other }

// window is what the kernel must keep while it decompresses; its limit is 128 MiB.
const window = 8 << 20

// WriteInitrd writes the tree, compressed by zstd in one frame, as kernels since 5.9 take it. The seconds are the time of all files.
func (s *System) WriteInitrd(w io.Writer, seconds uint32) error {
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithWindowSize(window), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	if err := s.Tree.WriteCPIO(z, seconds); err != nil {
		z.Close()
		return err
	}
	return z.Close()
}

// Written says where a System was put.
type Written struct {
	Dir                    string
	Kernel, Initrd         string // names in Dir
	KernelSize, InitrdSize int64
}

// WriteText writes the report for people.
func (r *Report) WriteText(w io.Writer, at Written) error {
	_, err := fmt.Fprintf(w, `%s  %s  kernel %s
%s  %s  %s unpacked: agent %s, %d modules %s, %d programs and %d of busybox %s, boot loaders %s
`, filepath.Join(at.Dir, at.Kernel), megabytes(at.KernelSize), r.Version,
		filepath.Join(at.Dir, at.Initrd), megabytes(at.InitrdSize), megabytes(r.Total()), megabytes(r.Agent), r.ModuleCount, megabytes(r.Modules),
		r.ToolCount, r.AppletCount, megabytes(r.Tools), megabytes(r.Grub))
	if len(r.LeftOut) > 0 {
		fmt.Fprintln(w, "left out:")
		for _, line := range r.LeftOut {
			fmt.Fprintln(w, "   "+line)
		}
	}
	if err == nil {
		_, err = fmt.Fprintf(w, "for the configuration of the clusters (%s is below tftp_images_path):\n   deploy_kernel = %s\n   deploy_initrd = %s\n", at.Dir, at.Kernel, at.Initrd)
	}
	return err
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
