package archive_test

import (
	"archive/tar"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kadeploy/kadeploy/internal/machine/archive"
)

// FuzzExtract unpacks arbitrary bytes and looks whether anything outside the target was made, changed or removed.
func FuzzExtract(f *testing.F) {
	add := func(headers ...*tar.Header) {
		var buf bytes.Buffer
		w := tar.NewWriter(&buf)
		for _, h := range headers {
			if err := w.WriteHeader(h); err != nil {
				f.Fatal(err)
			}
		}
		w.Close()
		f.Add(buf.Bytes())
	}
	add(&tar.Header{Name: "a/b", Typeflag: tar.TypeReg})
	add(&tar.Header{Name: "../secret", Typeflag: tar.TypeReg})
	add(&tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: ".."}, &tar.Header{Name: "l/secret", Typeflag: tar.TypeReg})
	add(&tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "../secret"}, &tar.Header{Name: "h", Typeflag: tar.TypeLink, Linkname: "l"}, &tar.Header{Name: "h", Typeflag: tar.TypeReg, Mode: 0o777})
	add(&tar.Header{Name: "d", Typeflag: tar.TypeDir, Mode: 0o777}, &tar.Header{Name: "d", Typeflag: tar.TypeSymlink, Linkname: ".."})
	add(&tar.Header{Name: "a", Typeflag: tar.TypeReg, PAXRecords: map[string]string{"SCHILY.acl.access": "user::rw-,user:1:r--,group::r--,mask::r--,other::---"}})
	add(&tar.Header{Name: "f", Typeflag: tar.TypeFifo}, &tar.Header{Name: "f/x", Typeflag: tar.TypeReg})
	f.Fuzz(func(t *testing.T, data []byte) {
		base := t.TempDir()
		target, secret := filepath.Join(base, "target"), filepath.Join(base, "secret")
		if err := os.Mkdir(target, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(secret, []byte("outside"), 0o600); err != nil {
			t.Fatal(err)
		}
		defer os.Chmod(target, 0o700)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		archive.Extract(ctx, bytes.NewReader(data), archive.Options{Dir: target, Devices: archive.SkipDevices, Budget: &purse{left: 1 << 20}})
		text, err := os.ReadFile(secret)
		if err != nil || string(text) != "outside" {
			t.Fatalf("the file outside is %q, %v", text, err)
		}
		if info, err := os.Stat(secret); err != nil || info.Mode() != 0o600 {
			t.Fatalf("the mode outside is %v, %v", info.Mode(), err)
		}
		if all, err := os.ReadDir(base); err != nil || len(all) != 2 {
			t.Fatalf("beside the target there are %v, %v", all, err)
		}
	})
}
