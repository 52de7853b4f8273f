package invoq

import (
	"net/mail"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxNameBytes bounds every name: tenant, service, revision, namespace.
const MaxNameBytes = 128

// Defaults of a tenant that registers itself by sending samples.
const (
	DefaultCurrency = Currency("USD")
	DefaultTimezone = "UTC"
	// DefaultTenant receives what an owner key sends without naming a tenant.
	DefaultTenant = TenantName("default")
)

// TenantID identifies a tenant: a lower-case UUID. The zero value is invalid.
type TenantID string

// TenantName is the tenant's unique name, the value of the "tenant" label on
// every series. It never changes, so series and bills keep their owner.
type TenantName string

// Currency is an ISO 4217 code, upper case.
type Currency string

// Tenant is the organisation that is billed. Everything is isolated by it.
type Tenant struct {
	ID           TenantID
	Name         TenantName
	BillingEmail string // empty when not known
	Currency     Currency
	Timezone     string // IANA name; billing periods begin at its midnight
	PlanID       PlanID // empty: the plan is found by the rules of package billing
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// Location returns the tenant's time zone.
func (t Tenant) Location() (*time.Location, error) {
	loc, err := time.LoadLocation(t.Timezone)
	if err != nil || t.Timezone == "" || t.Timezone == "Local" {
		return nil, Errorf(KindUnprocessable, "time zone %q is not an IANA name such as Europe/Berlin", t.Timezone)
	}
	return loc, nil
}

// Validate checks what can be checked without knowing the currencies of the
// world; package pricing knows those. Errors are of KindUnprocessable.
func (t Tenant) Validate() error {
	if err := ValidateName("tenant name", string(t.Name)); err != nil {
		return err
	}
	if _, err := t.Location(); err != nil {
		return err
	}
	if t.BillingEmail == "" {
		return nil
	}
	if a, err := mail.ParseAddress(t.BillingEmail); err != nil || a.Address != t.BillingEmail {
		return Errorf(KindUnprocessable, "billing_email %q is not an e-mail address", t.BillingEmail)
	}
	return nil
}

// ValidateName accepts 1 to MaxNameBytes bytes of UTF-8 that print and do not
// begin or end with a space. What names the field in the error.
func ValidateName(what, name string) error {
	switch {
	case name == "":
		return Errorf(KindUnprocessable, "%s is empty", what)
	case len(name) > MaxNameBytes:
		return Errorf(KindUnprocessable, "%s has %d bytes, at most %d are allowed", what, len(name), MaxNameBytes)
	case !utf8.ValidString(name):
		return Errorf(KindUnprocessable, "%s is not UTF-8", what)
	case strings.TrimSpace(name) != name:
		return Errorf(KindUnprocessable, "%s %q begins or ends with a space", what, name)
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return Errorf(KindUnprocessable, "%s %q has a character that does not print", what, name)
	}
	return nil
}
