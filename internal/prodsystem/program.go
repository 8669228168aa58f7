package prodsystem

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"io"
	"os"
)

// maxProgram bounds the agent's file, in bytes.
const maxProgram = 64 << 20

// program is the agent's file on the server.
type program struct {
	path    string
	size    int64
	digest  string // SHA-256, hex
	machine string // as uname -m says it
}

// machines are the kernel's names of those that the agent is made for (uname(2)).
var machines = map[elf.Machine]string{elf.EM_X86_64: "x86_64", elf.EM_AARCH64: "aarch64"}

func readProgram(path string) (program, error) {
	p := program{path: path}
	f, err := os.Open(path)
	if err != nil {
		return p, fmt.Errorf("the agent's program: %w", err)
	}
	defer f.Close()
	file, err := elf.NewFile(f)
	if err != nil {
		return p, fmt.Errorf("the agent's program: %s: %w", path, err)
	}
	p.machine = machines[file.Machine]
	sum := sha256.New()
	if p.size, err = io.Copy(sum, io.LimitReader(f, maxProgram+1)); err != nil {
		return p, fmt.Errorf("the agent's program: %w", err)
	}
	if p.size > maxProgram {
		return p, fmt.Errorf("the agent's program: %s has more than %d bytes", path, maxProgram)
	}
	p.digest = hex.EncodeToString(sum.Sum(nil))
	return p, nil
}
