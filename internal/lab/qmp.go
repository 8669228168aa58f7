package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"
)

// qmp is a connection to a machine's monitor (QEMU Machine Protocol). The monitor serves one at a time.
type qmp struct {
	conn net.Conn
	in   *json.Decoder
}

const qmpPatience = 20 * time.Second // a machine under load may be slow to answer

func dialQMP(path string) (*qmp, error) {
	conn, err := net.DialTimeout("unix", path, qmpPatience)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(qmpPatience))
	q := &qmp{conn, json.NewDecoder(conn)}
	var greeting struct{ QMP json.RawMessage }
	if err := q.in.Decode(&greeting); err != nil {
		conn.Close()
		return nil, fmt.Errorf("monitor %s: greeting: %w", path, err)
	}
	if err := q.do("qmp_capabilities", nil); err != nil {
		conn.Close()
		return nil, err
	}
	return q, nil
}

// do executes one command and waits for its answer; events that come between are dropped.
func (q *qmp) do(command string, arguments any) error {
	line := map[string]any{"execute": command}
	if arguments != nil {
		line["arguments"] = arguments
	}
	if err := json.NewEncoder(q.conn).Encode(line); err != nil {
		return fmt.Errorf("monitor: %s: %w", command, err)
	}
	for {
		var answer struct {
			Return json.RawMessage
			Error  *struct{ Desc string }
		}
		if err := q.in.Decode(&answer); err != nil {
			return fmt.Errorf("monitor: %s: %w", command, err)
		}
		if answer.Error != nil {
			return fmt.Errorf("monitor: %s: %s", command, answer.Error.Desc)
		}
		if answer.Return != nil {
			return nil
		}
	}
}

// order sets what the firmware boots at the next reset. An index in use is refused, so both devices get free ones first.
func (q *qmp) order(o order) error {
	set := func(device string, index int) error {
		return q.do("qom-set", map[string]any{"path": "/machine/peripheral/" + device, "property": "bootindex", "value": index})
	}
	return errors.Join(set("nic0", 11), set("hd0", 12), set("nic0", o.nic), set("hd0", o.disk))
}

func (q *qmp) close() error { return q.conn.Close() }
