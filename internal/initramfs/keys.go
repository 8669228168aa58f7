package initramfs

import (
	"bytes"
	"fmt"
	"os"

	"golang.org/x/crypto/ssh"
)

// ReadKeys reads a file of authorized_keys (sshd(8)) and checks each of its keys. A private key is refused.
func ReadKeys(file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if bytes.Contains(text, []byte("PRIVATE KEY")) {
		return nil, fmt.Errorf("%s: is a private key: give the public one", file)
	}
	count := 0
	for rest := text; ; count++ {
		_, _, _, next, err := ssh.ParseAuthorizedKey(rest)
		if err != nil {
			break
		}
		rest = next
	}
	if count == 0 {
		return nil, fmt.Errorf("%s: there is no public key in it", file)
	}
	return text, nil
}
