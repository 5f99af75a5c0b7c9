package rights

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// users are what a users file says: a line each, NAME:HASH, the hash of its
// password by argon2id in the PHC format
// ($argon2id$v=19$m=19456,t=2,p=1$SALT$KEY).
type users map[string]hash

// A hash is one password's.
type hash struct {
	memory, time uint32 // KiB, passes
	threads      uint8
	salt, key    string
}

// The cost of a new hash, as OWASP has it, and the most that a file may ask for:
// its memory is taken for each client that logs in.
const (
	hashMemory = 19 << 10 // KiB
	hashTime   = 2
	hashBytes  = 32

	maxHashMemory  = 64 << 10 // KiB
	maxHashTime    = 10
	maxHashThreads = 4
	minSaltBytes   = 8
	minKeyBytes    = 16
	maxKeyBytes    = 64
	maxUsers       = 100_000
	maxPassword    = 1 << 10
)

// UserLine returns the line of a users file for a user.
func UserLine(name string, password []byte) (string, error) {
	switch err := checkName(name); {
	case err != nil:
		return "", err
	case len(password) == 0:
		return "", errors.New("the password is empty")
	case len(password) > maxPassword:
		return "", fmt.Errorf("the password has %d bytes; at most %d", len(password), maxPassword)
	}
	h := hash{memory: hashMemory, time: hashTime, threads: 1, salt: string(random(16))}
	h.key = string(h.of(password, hashBytes))
	return name + ":" + h.String(), nil
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it never fails
	return b
}

// of returns the key of a password, of size bytes.
func (h hash) of(password []byte, size int) []byte {
	return argon2.IDKey(password, []byte(h.salt), h.time, h.memory, h.threads, uint32(size))
}

// verify reports whether the hash is that of password. It takes the same time if
// it is not.
func (h hash) verify(password []byte) bool {
	return subtle.ConstantTimeCompare(h.of(password, len(h.key)), []byte(h.key)) == 1
}

// String returns the hash in the PHC format.
func (h hash) String() string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.time, h.threads, b64([]byte(h.salt)), b64([]byte(h.key)))
}

// parseHash reads what String writes. Its errors do not have the text: a file may
// have passwords where hashes should be.
func parseHash(s string) (h hash, err error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return h, errors.New("after the name there is no hash of argon2id; make the line with hellox broker passwd")
	}
	if parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, fmt.Errorf("the hash's version is not %d", argon2.Version)
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads); n != 3 || err != nil || parts[3] != fmt.Sprintf("m=%d,t=%d,p=%d", h.memory, h.time, h.threads) {
		return h, errors.New("the hash's cost is not m=KIB,t=PASSES,p=THREADS")
	}
	salt, err1 := base64.RawStdEncoding.Strict().DecodeString(parts[4])
	key, err2 := base64.RawStdEncoding.Strict().DecodeString(parts[5])
	h.salt, h.key = string(salt), string(key)
	switch {
	case err1 != nil || err2 != nil:
		return h, errors.New("the hash is not base64")
	case len(salt) < minSaltBytes || len(key) < minKeyBytes || len(salt) > maxKeyBytes || len(key) > maxKeyBytes:
		return h, errors.New("the hash or its salt is cut short or too long")
	case h.time < 1 || h.threads < 1 || h.memory < 8*uint32(h.threads):
		return h, errors.New("the hash's cost is too low")
	case h.memory > maxHashMemory || h.time > maxHashTime || h.threads > maxHashThreads:
		return h, fmt.Errorf("the hash's cost is above m=%d,t=%d,p=%d", maxHashMemory, maxHashTime, maxHashThreads)
	}
	return h, nil
}

// parseUsers reads the text of a users file.
func parseUsers(text string) (users, error) {
	u := users{}
	err := eachLine(text, func(line string) error {
		name, rest, ok := strings.Cut(line, ":")
		if !ok {
			return errors.New("a line is NAME:HASH; make it with hellox broker passwd")
		}
		if err := checkName(name); err != nil {
			return err
		}
		h, err := parseHash(rest)
		switch {
		case err != nil:
			return fmt.Errorf("user %s: %w", name, err)
		case u[name] != hash{}:
			return fmt.Errorf("user %s stands in the file twice", name)
		case len(u) == maxUsers:
			return fmt.Errorf("more than %d users", maxUsers)
		}
		u[name] = h
		return nil
	})
	if err != nil {
		return nil, err
	}
	return u, nil
}
