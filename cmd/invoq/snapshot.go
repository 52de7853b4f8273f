package main

import (
	"context"
	"fmt"
	"net/http"
)

// snapshotCmd copies a running server's samples.
type snapshotCmd struct {
	serverFlags
}

// Help shows how the command is used.
func (c *snapshotCmd) Help() string {
	return `Copies the samples of a running server into a folder beside them and prints its path. Every sample that was
acknowledged before is in the copy; it shares its blocks with the server's, so that it is made in moments and takes
little room.

  invoq snapshot
  cp -r "$(invoq snapshot)" /srv/copy && chmod 755 /srv/copy
  invoq serve --data /srv/copy --listen 127.0.0.1:8081    look at the copy

The copy holds samples. A server that starts from it counts their windows again into a database of its own; what the
database of the first holds (tenants, keys, plans, bills, the ledger) is not in it.`
}

// Run makes a snapshot.
func (c *snapshotCmd) Run(ctx context.Context, std stdio) error {
	var answer struct{ Data struct{ Name string } }
	if err := c.call(ctx, http.MethodPost, "/api/v1/admin/tsdb/snapshot", nil, &answer); err != nil {
		return err
	}
	_, err := fmt.Fprintln(std.out, answer.Data.Name)
	return err
}
