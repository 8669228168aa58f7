package chain

import (
	"bytes"
	"testing"
	"time"
)

func testRing(t *testing.T, chunks, slots int64) *ring {
	t.Helper()
	m, err := BuildManifest(bytes.NewReader(bytes.Repeat([]byte{7}, int(chunks)<<10)), 1<<10)
	if err != nil {
		t.Fatal(err)
	}
	return newRing(indexOf(m), slots<<10)
}

// Whoever still reads into a reservation of a former epoch must not touch what the present one receives.
func TestReservationsOfTwoEpochsShareNoMemory(t *testing.T) {
	for name, renew := range map[string]func(*ring){"another feed": func(r *ring) { r.renew() }, "a corrupt chunk": func(r *ring) { r.reject(0) }} {
		t.Run(name, func(t *testing.T) {
			r := testRing(t, 8, 4)
			epoch, _ := r.renew()
			copy(r.reserve(t.Context(), epoch, 100), bytes.Repeat([]byte{7}, 100))
			r.commit(epoch, 100)
			old := r.reserve(t.Context(), epoch, 50)
			renew(r)
			epoch, end, _, _ := r.wanted()
			fresh := r.reserve(t.Context(), epoch, 50)
			for i := range old {
				old[i] = 9
			}
			if bytes.Contains(fresh, []byte{9}) {
				t.Error("the late receiver wrote into the new reservation")
			}
			r.commit(epoch-1, 50)
			if _, now, _, _ := r.wanted(); now != end {
				t.Errorf("a commit of a former epoch moved the end from %d to %d", end, now)
			}
			if r.serve(0); end > 0 {
				if _, p, _ := r.peek(); !bytes.Equal(p, bytes.Repeat([]byte{7}, 100)) {
					t.Errorf("what was committed before is lost: %x", p)
				}
			}
		})
	}
}

func TestReserveLetsGoOfAFormerEpoch(t *testing.T) {
	r := testRing(t, 8, 3)
	epoch, _ := r.renew()
	for range 3 {
		r.reserve(t.Context(), epoch, 1<<10)
		r.commit(epoch, 1<<10)
	}
	let := make(chan []byte)
	go func() { let <- r.reserve(t.Context(), epoch, 1) }() // full: it waits
	r.renew()
	select {
	case p := <-let:
		if p != nil {
			t.Error("room was given to a former epoch")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the receiver of a former epoch still waits")
	}
}

func TestRingMemoryIsBounded(t *testing.T) {
	r := testRing(t, 100, 5)
	r.detach()
	r.dropSink()
	epoch, _ := r.renew()
	for range 100 {
		r.reserve(t.Context(), epoch, 1<<10)
		r.commit(epoch, 1<<10)
		r.mu.Lock()
		r.w.verified = r.w.end
		total := 0
		for _, s := range r.slots {
			total += len(s)
		}
		r.mu.Unlock()
		if total > 5<<10 {
			t.Fatalf("%d bytes are held", total)
		}
	}
}
