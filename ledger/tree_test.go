package ledger

import (
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

// memory is stored hashes in a slice, as package tlog numbers them.
type memory []tlog.Hash

func (m memory) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	all := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(m)) {
			return nil, fmt.Errorf("no hash %d", index)
		}
		all[i] = m[index]
	}
	return all, nil
}

// The tree stores the same hashes and has the same root as package tlog's, and
// goes on from any size as if it had never been put away.
func TestTreeIsTlogs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 300).Draw(t, "leaves")
		reloadAt := rapid.IntRange(0, n).Draw(t, "reload at")
		var ours, theirs memory
		var tree Tree
		for i := range n {
			if i == reloadAt {
				loaded, err := LoadTree(int64(i), ours)
				if err != nil {
					t.Fatal(err)
				}
				tree = loaded
			}
			leaf := tlog.RecordHash(fmt.Append(nil, i))
			hashes, err := tlog.StoredHashesForRecordHash(int64(i), leaf, theirs)
			if err != nil {
				t.Fatal(err)
			}
			theirs = append(theirs, hashes...)
			ours = tree.Append(leaf, ours)
		}
		if len(ours) != len(theirs) {
			t.Fatalf("stored %d hashes, tlog %d", len(ours), len(theirs))
		}
		for i := range ours {
			if ours[i] != theirs[i] {
				t.Fatalf("hash %d differs", i)
			}
		}
		want, err := tlog.TreeHash(int64(n), theirs)
		if err != nil {
			t.Fatal(err)
		}
		if tree.Root() != want {
			t.Fatalf("root of %d leaves is %s, want %s", n, tree.Root(), want)
		}
	})
}
