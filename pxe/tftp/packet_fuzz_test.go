package tftp

import "testing"

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "\x00", "\x00\x03\x00\x01data", "\x00\x05\x00\x01gone\x00", "\x00\x06tsize\x0012\x00blksize\x00512\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parse(b)
		if err != nil {
			return
		}
		if len(p.data) > len(b) || len(p.message) > 3*len(b) {
			t.Fatalf("%q became larger: %+v", b, p)
		}
		for name, value := range p.options {
			if value < 0 {
				t.Fatalf("option %q is negative", name)
			}
		}
	})
}
