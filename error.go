package invoq

import (
	"errors"
	"fmt"
	"time"
)

// Kind says whose fault an error is and what the caller may do about it.
// Package api maps each kind to one HTTP status, cmd to one exit code.
type Kind string

// The kinds. Only Unavailable and Internal are worth a retry without a change.
const (
	// KindInvalid: the request cannot be read (syntax, encoding).
	KindInvalid Kind = "invalid"
	// KindUnprocessable: the request reads well but its values are not allowed.
	KindUnprocessable Kind = "unprocessable"
	// KindUnauthenticated: no credential, or one that is unknown or revoked.
	KindUnauthenticated Kind = "unauthenticated"
	// KindForbidden: the credential is good but its role does not allow this.
	KindForbidden Kind = "forbidden"
	// KindNotFound: no such thing, or it belongs to another tenant.
	KindNotFound Kind = "not_found"
	// KindConflict: the thing exists already with other content.
	KindConflict Kind = "conflict"
	// KindTooLarge: a size limit was passed.
	KindTooLarge Kind = "too_large"
	// KindUnsupported: a content type or encoding nobody here reads.
	KindUnsupported Kind = "unsupported"
	// KindLimited: a quota or rate of this caller is used up.
	KindLimited Kind = "limited"
	// KindUnavailable: a part we need is down; retry later.
	KindUnavailable Kind = "unavailable"
	// KindStorageFull: the disk has no room for what must be durable.
	KindStorageFull Kind = "storage_full"
	// KindInternal: our fault, and nothing the caller can change.
	KindInternal Kind = "internal"
)

// Error is a failure with a message fit for the user and a cause for the log.
// The zero value is not useful.
type Error struct {
	Kind    Kind
	Message string
	// Cause is logged, never shown; nil when the message says it all.
	Cause error
	// RetryAfter is how long to wait before trying again; zero says nothing.
	RetryAfter time.Duration
}

// Errorf returns an error of the kind whose message is for the user's eyes.
func Errorf(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// WithCause returns a copy of the error that carries its cause for the log.
func (e *Error) WithCause(cause error) *Error {
	c := *e
	c.Cause = cause
	return &c
}

// Error returns the message and, for the log, its cause.
func (e *Error) Error() string {
	if e.Cause == nil {
		return e.Message
	}
	return e.Message + ": " + e.Cause.Error()
}

// Unwrap returns the cause, which may be nil.
func (e *Error) Unwrap() error { return e.Cause }

// KindOf returns the kind of the first Error in the chain, KindInternal for
// any other error and "" for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return KindInternal
}

// MessageOf returns what may be shown to a user: the message of the first
// Error in the chain, or a sentence that gives nothing away.
func MessageOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Message
	}
	return "internal error; the server's log has the cause"
}
