package events

import (
	"fmt"
	"time"

	"invoq"
)

// item is what the fields of one event say, before it is known which kind of
// event they make. The zero value is an item without fields.
type item struct {
	requestID, tenant, user, platform, resource, provider string
	service, serviceName, namespace, revision, corrects   string
	timestamp                                             string
	labels                                                map[string]string
	numbers                                               [numNumbers]invoq.Decimal
	coldStart                                             bool

	seen uint32 // bits of the fields that were there
	err  error  // what is wrong with the item first; the body may be well all the same
}

// Fields. Those of numbers come first and index item.numbers.
const (
	fQuantity = iota
	fInvocations
	fDuration
	fMemory
	fCPU
	fErrors
	numNumbers
)

const (
	fRequestID = numNumbers + iota
	fTenant
	fUser
	fPlatform
	fResource
	fProvider
	fService
	fServiceName
	fNamespace
	fRevision
	fCorrects
	fTimestamp
	fLabels
	fColdStart
)

// fields are the names under which a field may be told: function events are
// written one way, resource usage the other, and both are understood in both.
var fields = map[string]int{
	"quantity": fQuantity, "invocations": fInvocations, "duration_seconds": fDuration,
	"memory_mb": fMemory, "cpu_seconds": fCPU, "errors": fErrors,
	"request_id": fRequestID, "requestId": fRequestID,
	"tenant_id": fTenant, "tenantId": fTenant,
	"user_id": fUser, "userId": fUser,
	"platform_id": fPlatform, "platformId": fPlatform,
	"resource_type": fResource, "resourceType": fResource,
	"provider": fProvider, "service": fService, "service_name": fServiceName,
	"namespace": fNamespace, "revision": fRevision, "corrects": fCorrects,
	"timestamp": fTimestamp, "labels": fLabels, "cold_start": fColdStart,
}

// text returns where the text of a field goes; nil for fields of another kind.
func (it *item) text(field int) *string {
	switch field {
	case fRequestID:
		return &it.requestID
	case fTenant:
		return &it.tenant
	case fUser:
		return &it.user
	case fPlatform:
		return &it.platform
	case fResource:
		return &it.resource
	case fProvider:
		return &it.provider
	case fService:
		return &it.service
	case fServiceName:
		return &it.serviceName
	case fNamespace:
		return &it.namespace
	case fRevision:
		return &it.revision
	case fCorrects:
		return &it.corrects
	case fTimestamp:
		return &it.timestamp
	}
	return nil
}

func (it *item) refuse(format string, args ...any) {
	if it.err == nil {
		it.err = invoq.Errorf(invoq.KindUnprocessable, format, args...)
	}
}

// has reports whether the field was there.
func (it *item) has(field int) bool { return it.seen&(1<<field) != 0 }

// parse reads one event. What is wrong with its values is the item's error,
// what is wrong with the JSON is the scanner's.
func (it *item) parse(s *scanner) {
	if s.peek() != '{' {
		it.refuse("an event is an object")
		s.skip(0)
		return
	}
	s.object(func(name string) { it.field(s, name) })
}

func (it *item) field(s *scanner, name string) {
	field, known := fields[name]
	switch {
	case !known:
		it.refuse("field %q is not known", cut(name))
	case it.has(field):
		it.refuse("field %q is there twice", name)
	default:
		it.seen |= 1 << field
		it.value(s, field, name)
		return
	}
	s.skip(1)
}

// value reads the value of a field, which must be of the field's kind.
func (it *item) value(s *scanner, field int, name string) {
	c := s.peek()
	isNumber := c == '-' || c >= '0' && c <= '9'
	text := it.text(field)
	switch {
	case text != nil && c == '"':
		*text = s.text()
	case field < numNumbers && isNumber:
		it.number(s, field, name)
	case field == fLabels && c == '{':
		it.parseLabels(s)
	case field == fColdStart && (c == 't' || c == 'f'):
		it.coldStart = c == 't'
		s.skip(1)
	default:
		it.refuse("field %q is of the wrong kind", name)
		s.skip(1)
	}
}

func (it *item) number(s *scanner, field int, name string) {
	digits := s.number()
	if s.err != nil {
		return
	}
	n, err := invoq.ParseDecimal(digits)
	if err != nil {
		it.refuse("field %q: %s", name, invoq.MessageOf(err))
		return
	}
	it.numbers[field] = n
}

func (it *item) parseLabels(s *scanner) {
	it.labels = map[string]string{}
	s.object(func(name string) {
		_, again := it.labels[name]
		switch {
		case again:
			it.refuse("label %q is there twice", cut(name))
		case len(it.labels) >= invoq.MaxEventLabels:
			it.refuse("more than %d labels", invoq.MaxEventLabels)
		case s.peek() != '"':
			it.refuse("label %q is no text", cut(name))
		default:
			it.labels[name] = s.text()
			return
		}
		s.skip(2)
	})
}

// cut shortens a name that a sender has made up.
func cut(name string) string {
	if len(name) <= 64 {
		return name
	}
	return fmt.Sprintf("%.64s…", name)
}

// parseTime reads a time of RFC 3339.
func parseTime(text string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return at, invoq.Errorf(invoq.KindUnprocessable,
			"timestamp %q is not of the form 2026-01-31T12:00:00Z", cut(text))
	}
	return at.UTC().Truncate(time.Microsecond), nil
}
