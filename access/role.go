package access

import (
	"slices"

	"invoq"
)

// Role is what a key may do.
type Role string

// The roles. Owner keys reach all tenants; the others one, save that an ingest
// key without a tenant may write for all.
const (
	Owner  Role = "owner"
	Tenant Role = "tenant"
	Ingest Role = "ingest"
	Viewer Role = "viewer"
)

// Permission is one thing that a route asks for.
type Permission string

// The permissions.
const (
	// Public needs no key at all.
	Public Permission = "public"
	// WriteSamples pushes samples and events.
	WriteSamples Permission = "samples:write"
	// ReadSamples queries series.
	ReadSamples Permission = "samples:read"
	// ReadUsage reads windows, services and reports.
	ReadUsage Permission = "usage:read"
	// ReadBills reads plans and bills.
	ReadBills Permission = "bills:read"
	// WriteBills computes bills.
	WriteBills Permission = "bills:write"
	// WriteServices describes services.
	WriteServices Permission = "services:write"
	// ManageKeys makes and revokes keys.
	ManageKeys Permission = "keys:manage"
	// ManageTenants creates and changes tenants.
	ManageTenants Permission = "tenants:manage"
	// ManagePlans creates and changes plans.
	ManagePlans Permission = "plans:manage"
	// ManageSources changes what services are counted from.
	ManageSources Permission = "sources:manage"
	// ManageCosts reads and changes what resources cost the owner, and sees what
	// is left.
	ManageCosts Permission = "costs:manage"
	// Operate runs jobs by hand and reads the server's own state.
	Operate Permission = "server:operate"
)

// permissions is the one table of who may do what. Nothing not listed is
// allowed.
var permissions = map[Role][]Permission{
	Owner: {
		WriteSamples, ReadSamples, ReadUsage, ReadBills, WriteBills, WriteServices,
		ManageKeys, ManageTenants, ManagePlans, ManageSources, ManageCosts, Operate,
	},
	Tenant: {WriteSamples, ReadSamples, ReadUsage, ReadBills, WriteServices, ManageKeys},
	Ingest: {WriteSamples},
	Viewer: {ReadSamples, ReadUsage, ReadBills},
}

// Permissions returns every permission there is, Public first.
func Permissions() []Permission { return append([]Permission{Public}, permissions[Owner]...) }

// May reports whether the role has the permission.
func (r Role) May(p Permission) bool { return p == Public || slices.Contains(permissions[r], p) }

// Validate returns an error of KindUnprocessable for a name that is no role.
func (r Role) Validate() error {
	if _, ok := permissions[r]; !ok {
		return invoq.Errorf(
			invoq.KindUnprocessable,
			"role %q is not owner, tenant, ingest or viewer",
			string(r),
		)
	}
	return nil
}
