package disklayout_test

import (
	"testing"

	"github.com/kadeploy/kadeploy/internal/disklayout"
)

// FuzzDecode holds that what is taken can be told to the tools, and that its partitions lie on the disk one after the other.
func FuzzDecode(f *testing.F) {
	for _, l := range []*disklayout.Layout{mirroredLayout(f), {Label: "dos", Partitions: []disklayout.Partition{{Role: disklayout.Deploy, Size: disklayout.Size{Bytes: 1 << 60}}}}} {
		text, err := l.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, int64(10<<30))
	}
	f.Fuzz(func(t *testing.T, text []byte, size int64) {
		l, err := disklayout.Decode(text)
		if err != nil || size < 0 {
			return
		}
		if l.Part(disklayout.Deploy) == "" {
			t.Error("nothing is deployed")
		}
		disk := disklayout.Disk{Path: "/dev/sda", Size: size}
		l.Commands([]disklayout.Disk{disk, disk})
		extents, err := l.Extents(disk)
		if err != nil {
			return
		}
		at := int64(1 << 20)
		for _, e := range extents {
			if e.Start != at || e.Size <= 0 || e.Start+e.Size > size {
				t.Errorf("%+v after %d on a disk of %d bytes", e, at, size)
			}
			at += e.Size
		}
		l.Script(extents)
	})
}

func mirroredLayout(f *testing.F) *disklayout.Layout {
	l, err := disklayout.Decode([]byte(`{"label":"gpt","disks":["/dev/sda","/dev/sdb"],"partitions":[{"role":"raid","of":"md0","size":{"percent":10}},{"role":"lvm","of":"a","size":{}}],
		"arrays":[{"name":"md0","level":1,"role":"tmp"}],"groups":[{"name":"a","volumes":[{"name":"b","role":"deploy","size":{}}]}]}`))
	if err != nil {
		f.Fatal(err)
	}
	return l
}
