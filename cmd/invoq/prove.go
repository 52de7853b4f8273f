package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"invoq"
	"invoq/ledger"
)

// proveCmd proves that an event is in the book.
type proveCmd struct {
	bookFlags
	Tenant  string `arg:"" help:"The tenant's name or id."`
	Request string `arg:"" help:"The event's request id."`
}

// Help says what a proof is good for.
func (c *proveCmd) Help() string {
	return `Prints, for each entry of an event, the proof that it is in the ledger: the entry, the hashes
from it to the root, and the signed head. Who has it and the public key (ledger/ledger.pub) can
check it without the database and without asking anybody:

  invoq prove acme 7f9c > proof.json
  invoq verify --proof proof.json

The exit code is 2 when there is no proof. A server with a private database has to be stopped first.`
}

// Run prints the proofs of an event's entries.
func (c *proveCmd) Run(ctx context.Context, std stdio) error { return verdict(c.prove(ctx, std)) }

func (c *proveCmd) prove(ctx context.Context, std stdio) error {
	verifier, err := c.verifier()
	if err != nil {
		return err
	}
	notes, err := c.folder().SignedNotes()
	if err != nil {
		return err
	}
	db, closeDB, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer closeDB()
	tenant, err := db.FindTenant(ctx, invoq.Everyone(), c.Tenant)
	if err != nil {
		return err
	}
	trace, err := db.Trace(ctx, invoq.Everyone(), tenant.ID, c.Request)
	if err != nil {
		return err
	}
	proofs := []ledger.Proof{}
	for _, e := range trace.Entries {
		head, note, found := headOver(verifier, notes, e.Position)
		if !found {
			return invoq.Errorf(invoq.KindNotFound, "entry %d is not under a signed head yet", e.Position)
		}
		p, err := ledger.Prove(ctx, db, e, head, note)
		if err != nil {
			return err
		}
		proofs = append(proofs, p)
	}
	if len(proofs) == 0 {
		return invoq.Errorf(invoq.KindNotFound, "request %q of tenant %q is not in the ledger",
			c.Request, c.Tenant)
	}
	enc := json.NewEncoder(std.out)
	enc.SetIndent("", "  ")
	if err := enc.Encode(proofs); err != nil {
		return fmt.Errorf("write the proof: %w", err)
	}
	return nil
}

// headOver returns the first head that is right and over the position. Later
// ones would prove it too, by a longer way.
func headOver(v *ledger.Verifier, notes []string, position int64) (ledger.Head, string, bool) {
	for _, note := range notes {
		if head, err := v.Open(note); err == nil && head.Size > position {
			return head, note, true
		}
	}
	return ledger.Head{}, "", false
}

// checkProof checks the proofs in a file and says what they prove. A file that
// cannot be read as proofs is not wrong: nothing was checked.
func checkProof(w io.Writer, path string, v *ledger.Verifier) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return invoq.Errorf(invoq.KindUnprocessable, "read the proof: %v", err)
	}
	var proofs []ledger.Proof
	if err := json.Unmarshal(b, &proofs); err != nil {
		return invoq.Errorf(invoq.KindUnprocessable, "%s cannot be read as proofs: %v", path, err)
	}
	if len(proofs) == 0 {
		return invoq.Errorf(invoq.KindUnprocessable, "%s has no proofs", path)
	}
	for _, p := range proofs {
		head, err := p.Check(v)
		if err != nil {
			return wrong(err)
		}
		fmt.Fprintf(w, "ok: entry %d is in the ledger of %d entries that was signed at %s\n",
			p.Position, head.Size, head.Time.Format(time.RFC3339))
	}
	return nil
}
