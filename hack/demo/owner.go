package main

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
)

// owner is whose demo something is: the checkout that made it, as "<host>:<path>".
type owner string

// ownerOf returns the owner that a checkout is. It does not change when bin/ is deleted.
func ownerOf(root string) (owner, error) {
	host, err := os.Hostname()
	if err != nil {
		return "", err
	}
	path, err := filepath.EvalSymlinks(root)
	return owner(host + ":" + path), err
}

// id is the owner as the value of a label, which a path cannot be.
func (o owner) id() string {
	sum := sha256.Sum256([]byte(o))
	return hex.EncodeToString(sum[:8])
}

// own says whose demo is told or removed: this checkout's, or, where it is removed, the one that DEMO_OF names.
func (d *demo) own() error {
	mine, err := ownerOf(d.root)
	if err != nil {
		return err
	}
	d.owner = mine
	if other := owner(os.Getenv("DEMO_OF")); other != "" && other != mine {
		d.owner, d.another = other, true
	}
	return nil
}
