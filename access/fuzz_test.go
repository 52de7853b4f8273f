package access

import (
	"strings"
	"testing"
	"time"

	"invoq"
	"invoq/internal/fuzzing"
)

// FuzzParseSecret: a text is a key as it stands or none, whatever stands in it;
// what prints of a key is not its secret. A cookie that we did not sign opens
// nothing.
func FuzzParseSecret(f *testing.F) {
	for _, text := range []string{
		NewSecret().Reveal(), mark + "_", mark + "__", mark + "_prefix_secret", "x_prefix_secret", "Bearer x",
		"invoq.9999999999.AAAA", "invoq.-1.", "..", "\x00", "'; DROP TABLE api_keys; --", strings.Repeat("_", 10_000),
		strings.Repeat("x", 10_000), mark + "_" + strings.Repeat("é", 5_000) + "_x",
	} {
		f.Add(text, false)
		f.Add(text, true)
	}
	now := func() time.Time { return time.Unix(1767225600, 0) }
	sessions := NewSessions(NewKeyring(keys{}, []byte("pepper"), now), []byte("secret"), now)
	f.Fuzz(func(t *testing.T, text string, sum bool) {
		if sum {
			text += checksum(text)
		}
		var s Secret
		var err, refused error
		fuzzing.Default().Hold(t, len(text), func() {
			s, err = ParseSecret(text)
			s.Hash([]byte("pepper"))
			_, refused = sessions.Identity(t.Context(), text)
		})
		if invoq.KindOf(refused) != invoq.KindUnauthenticated {
			t.Fatalf("the cookie %q: %v", text, refused)
		}
		if err != nil {
			if invoq.KindOf(err) != invoq.KindUnauthenticated || s != (Secret{}) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		secret := text[len(mark)+len(s.Prefix())+2:]
		if s.Reveal() != text || strings.Contains(s.String(), secret) || strings.Contains(s.GoString(), secret) {
			t.Fatalf("%q prints as %s", text, s)
		}
	})
}
