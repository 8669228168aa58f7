package chain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

// isBreak reports whether err is a connection's end rather than a wrong word on it.
func isBreak(err error) bool {
	var op *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &op)
}

// short words an error of a connection for people: without addresses that say nothing after the link's name.
func short(err error) string {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF:
		return "connection closed"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	}
	var op *net.OpError
	if errors.As(err, &op) {
		var number syscall.Errno
		if errors.As(op.Err, &number) {
			return op.Op + ": " + number.Error()
		}
		return op.Op + ": " + op.Err.Error()
	}
	return strings.TrimSpace(err.Error())
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &ne) && ne.Timeout()
}

func (l *link) feedCause(err error) string {
	if isTimeout(err) {
		return fmt.Sprintf("silent for %v", l.timing.stall)
	}
	return short(err)
}

// size words a number of bytes for people.
func size(n int64) string {
	const units = "KMGTP"
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	f, i := float64(n)/(1<<10), 0
	for ; f >= 1<<10 && i < len(units)-1; i++ {
		f /= 1 << 10
	}
	return fmt.Sprintf("%.1f %ciB", f, units[i])
}

// speed words bytes per second for people.
func speed(rate float64) string { return size(int64(rate)) + "/s" }
