package deploysystem

import (
	"time"

	"golang.org/x/sys/unix"
)

// A clock is wrong that is slower than the server's was, or so much faster that no boot profile waits that long for its machine.
const (
	slow = 10 * time.Minute
	fast = 24 * time.Hour
)

// setClock corrects the clock of a machine whose battery is dead, or which keeps the time of a place in the west: certificates would not be good yet, or any more,
// and what is unpacked would have wrong times.
func (s *system) setClock() {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		say("clock: %v", err)
		return
	}
	at, wrong := clock(s.words.time, time.Now(), time.Duration(info.Uptime)*time.Second)
	if !wrong {
		return
	}
	now := unix.NsecToTimeval(at.UnixNano())
	if err := unix.Settimeofday(&now); err != nil {
		say("clock: %v", err)
		return
	}
	say("the clock was wrong, and says %s now", at.UTC().Format(time.DateTime))
}

// clock says what time it is, and whether that is far from what the machine believes. The server's time is that of the boot profile, so the
// truth lies after it: a machine may have waited long before its boot loader.
func clock(server int64, believed time.Time, up time.Duration) (time.Time, bool) {
	if server <= 0 {
		return believed, false
	}
	at := time.Unix(server, 0).Add(up)
	return at, believed.Before(at.Add(-slow)) || believed.After(at.Add(fast))
}
