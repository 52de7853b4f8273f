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

// Bounds of a service's limits: a pebibyte, and more cores than machines have.
const (
	MaxMemoryMB = 1 << 30
	MaxCPUCores = 1_000_000
)

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

// ServiceID identifies a service: a lower-case UUID. The zero value is invalid.
type ServiceID string

// RevisionID identifies a revision: a lower-case UUID. The zero value is
// invalid.
type RevisionID string

// DefaultRevision names the revision of a service whose series carry none.
const DefaultRevision = "default"

// ServiceKey identifies a service by what its series say.
type ServiceKey struct {
	Tenant    TenantName
	Namespace string // empty when the series carry none
	Service   string
}

// Service is a function of a tenant.
type Service struct {
	ID            ServiceID
	TenantID      TenantID
	Name          string  // unique in tenant and namespace
	Namespace     string  // empty when the series carry none
	Runtime       string  // go, python, nodejs, …; empty when not known
	MemoryLimitMB Decimal // 2^20 bytes; 0 when not known
	CPULimitCores Decimal // 0 when not known
	Tags          map[string]string
	CountedBy     CountedBy // now; empty before the first usage
	CreatedAt     time.Time
}

// Validate checks names and limits. Errors are of KindUnprocessable.
func (s Service) Validate() error {
	if err := ValidateName("service name", s.Name); err != nil {
		return err
	}
	if s.Namespace != "" {
		if err := ValidateName("namespace", s.Namespace); err != nil {
			return err
		}
	}
	if s.MemoryLimitMB.Sign() < 0 || s.CPULimitCores.Sign() < 0 {
		return Errorf(KindUnprocessable, "limits of service %q are negative", s.Name)
	}
	if s.MemoryLimitMB.Cmp(NewDecimal(MaxMemoryMB, 0)) > 0 || s.CPULimitCores.Cmp(NewDecimal(MaxCPUCores, 0)) > 0 {
		return Errorf(KindUnprocessable, "limits of service %q are above %d MB or %d cores", s.Name,
			MaxMemoryMB, MaxCPUCores)
	}
	return nil
}

// Revision is one version of a service; usage is counted per revision.
type Revision struct {
	ID        RevisionID
	ServiceID ServiceID
	Name      string
	CreatedAt time.Time
}

// Scope says whose rows an operation may touch. It comes from a credential, is
// handed down to the database, and is enforced there a second time by row-level
// security. The zero value reaches nothing.
type Scope struct {
	tenant TenantID
	all    bool
}

// Everyone is the scope of the owner and of Invoq's own jobs.
func Everyone() Scope { return Scope{all: true} }

// Only is the scope of one tenant.
func Only(tenant TenantID) Scope { return Scope{tenant: tenant} }

// Tenant returns the only tenant in scope, and false when all or none are.
func (s Scope) Tenant() (TenantID, bool) { return s.tenant, s.tenant != "" }

// Reaches reports whether the tenant is in scope.
func (s Scope) Reaches(tenant TenantID) bool {
	return s.all || s.tenant != "" && s.tenant == tenant
}

// String returns "*" for everyone, else the tenant's id.
func (s Scope) String() string {
	if s.all {
		return "*"
	}
	return string(s.tenant)
}

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
