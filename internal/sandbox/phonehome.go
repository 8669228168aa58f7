package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/kadeploy/kadeploy/internal/phonehome"
)

// A system that is not answered well calls again, as often as the script of real ones does, in a shorter time.
const (
	maxCalls  = 300
	callAgain = 200 * time.Millisecond
)

// phoneHome does what the script of the deployed system does on a real machine: one call with the note that lies in its root file system,
// tried until it is answered well, and the note is gone, or too often, or the power is cut.
func (m *machine) phoneHome(ctx context.Context, device string) {
	defer func() {
		if bug := recover(); bug != nil { // it must cost this machine only
			m.console.printf("phone-home: crashed: %v", bug)
		}
	}()
	if m.faults.neverCalls {
		return
	}
	root, err := m.rootFS(device)
	if err != nil {
		return
	}
	defer root.Close()
	note, err := readNote(root)
	if err != nil {
		if !os.IsNotExist(err) {
			m.console.printf("phone-home: %v", err)
		}
		return
	}
	client := m.caller()
	defer client.CloseIdleConnections()
	said := ""
	for range maxCalls {
		text := "the server knows which image this is"
		err := call(ctx, client, note)
		if err != nil {
			text = err.Error()
		}
		if text != said {
			said = text
			m.console.printf("phone-home: %s", text)
		}
		if err == nil {
			_ = root.Remove(noteFile) // it is worth nothing any more
			return
		}
		if pause(ctx, callAgain) != nil {
			return
		}
	}
}

var noteFile = strings.TrimPrefix(phonehome.File, "/")

func readNote(root *os.Root) (phonehome.Note, error) {
	f, err := root.Open(noteFile)
	if err != nil {
		return phonehome.Note{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, phonehome.MaxNote+1))
	if err != nil {
		return phonehome.Note{}, err
	}
	return phonehome.Parse(text)
}

// caller calls from the address of the machine.
func (m *machine) caller() *http.Client {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: m.node.Addr.AsSlice()}}
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DialContext: dialer.DialContext}}
}

func call(ctx context.Context, client *http.Client, note phonehome.Note) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, note.URL, bytes.NewReader(note.Text()))
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		return fmt.Errorf("the server answers %s", answer.Status)
	}
	return nil
}
