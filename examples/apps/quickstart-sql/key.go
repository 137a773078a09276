package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// keyID names the one key of this command.
const keyID = "quickstart-sql"

// readKeys reads the secret of a file, 64 hexadecimal digits. A file that is
// missing is made, for nobody but its owner. A host keeps its secrets where it
// keeps its others.
func readKeys(name string) (keys audience.Keys, made bool, err error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		made = true
		text, err = makeKey(name)
	}
	if err != nil {
		return audience.Keys{}, false, err
	}
	secret, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(secret) != 32 {
		return audience.Keys{}, false, fmt.Errorf("%s: a line of 64 hexadecimal digits is expected", name)
	}
	keys, err = audience.NewKeys(keyID, map[string][]byte{keyID: secret})
	return keys, made, err
}

func makeKey(name string) ([]byte, error) {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // it never fails
	text := []byte(hex.EncodeToString(secret) + "\n")
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(text); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(name))
	}
	return text, f.Close()
}
