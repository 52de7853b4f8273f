package invoq

// Limits of a list: how many items a page has unless asked otherwise, and at
// most.
const (
	DefaultPageSize = 100
	MaxPageSize     = 1000
)

// Page asks for a part of a list in its natural order.
type Page struct {
	// Limit is how many items to return, 1 to MaxPageSize.
	Limit int
	// After is the key of the last item of the page before; empty means the
	// first page. What keys look like is the list's own business.
	After string
}

// Validate returns an error of KindInvalid for a limit out of range.
func (p Page) Validate() error {
	if p.Limit < 1 || p.Limit > MaxPageSize {
		return Errorf(KindInvalid, "limit %d is not between 1 and %d", p.Limit, MaxPageSize)
	}
	return nil
}
