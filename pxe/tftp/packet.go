package tftp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Operation codes of RFC 1350 and RFC 2347.
const (
	opRead    = 1
	opData    = 3
	opAck     = 4
	opError   = 5
	opOptions = 6
)

// packet is one that a server may send; data is part of the buffer it was parsed from.
type packet struct {
	op      uint16
	number  uint16 // block, or code of an error
	data    []byte
	message string
	options map[string]int64
}

func parse(b []byte) (packet, error) {
	if len(b) < 2 {
		return packet{}, errors.New("short packet")
	}
	p := packet{op: binary.BigEndian.Uint16(b)}
	if p.op == opOptions {
		var err error
		p.options, err = parseOptions(b[2:])
		return p, err
	}
	if len(b) < 4 {
		return packet{}, errors.New("short packet")
	}
	p.number = binary.BigEndian.Uint16(b[2:])
	switch p.op {
	case opData:
		p.data = b[4:]
	case opError:
		p.message = printable(b[4:])
	default:
		return packet{}, fmt.Errorf("unexpected operation %d", p.op)
	}
	return p, nil
}

// parseOptions reads NAME 0 VALUE 0 ...; the values of the two options that are asked for are numbers.
func parseOptions(b []byte) (map[string]int64, error) {
	options := map[string]int64{}
	for len(b) > 0 {
		name, rest, ok := bytes.Cut(b, []byte{0})
		value, rest, ok2 := bytes.Cut(rest, []byte{0})
		if !ok || !ok2 {
			return nil, errors.New("options without an end")
		}
		n, err := strconv.ParseUint(string(value), 10, 63)
		if err != nil {
			return nil, errors.New("option without a number")
		}
		options[strings.ToLower(string(name))] = int64(n)
		b = rest
	}
	return options, nil
}

// printable is the text of an error up to its end, without what could disturb a terminal or a log.
func printable(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f {
			return '?'
		}
		return r
	}, string(b[:min(len(b), 200)]))
}

func readRequest(name string, blockSize int) ([]byte, error) {
	if name == "" || len(name) > 400 || strings.ContainsRune(name, 0) {
		return nil, errors.New("file name is empty, too long, or holds a zero byte")
	}
	if blockSize < 8 || blockSize > 65464 {
		return nil, fmt.Errorf("block size %d is not between 8 and 65464", blockSize)
	}
	b := binary.BigEndian.AppendUint16(nil, opRead)
	b = append(b, name+"\x00octet\x00tsize\x000\x00"...)
	return append(b, "blksize\x00"+strconv.Itoa(blockSize)+"\x00"...), nil
}

func ack(block uint16) []byte {
	return binary.BigEndian.AppendUint16([]byte{0, opAck}, block)
}

func errorPacket(code uint16, text string) []byte {
	b := binary.BigEndian.AppendUint16([]byte{0, opError}, code)
	return append(append(b, text...), 0)
}
