package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// keyID names a secret by what nobody can tell it from, so that an audience is
// refused to who comes with another one.
func keyID(secret []byte) string {
	sum := sha256.Sum256(append([]byte("name of a key of quickstart-sql\x00"), secret...))
	return "quickstart-" + hex.EncodeToString(sum[:4])
}

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
	id := keyID(secret)
	keys, err = audience.NewKeys(id, map[string][]byte{id: secret})
	return keys, made, err
}

// denied says what to do about a secret with which an audience stays closed. One
// that was made just now is nobody's, and goes again.
func denied(err error, name string, made bool) error {
	if made {
		err = errors.Join(err, os.Remove(name))
	}
	return fmt.Errorf("-key: %s is not the secret that this audience was made with: give the file that is: %w", name, err)
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
