package main

import (
	"fmt"

	"invoq/access"
)

type keygenCmd struct{}

// Help shows how the command is used.
func (k *keygenCmd) Help() string {
	return `Prints a new API key. It opens nothing until a server is told to accept it:

  invoq keygen > owner.key
  invoq serve --owner-key-file owner.key

Keys for tenants and senders are made by a running server: POST /api/v1/keys.`
}

// Run prints a key.
func (k *keygenCmd) Run(std stdio) error {
	_, err := fmt.Fprintln(std.out, access.NewSecret().Reveal())
	return err
}
