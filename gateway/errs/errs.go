// Package errs holds the vocabulary of failure that all layers share: what
// class of failure happened (Kind), which of several causes within the class
// (Reason), and the error that carries both to the one place per protocol
// that shows it. It imports nothing but the standard library and knows no
// protocol: statuses, fault codes and texts live in each face's errors.go.
package errs

import (
	"context"
	"errors"
	"strings"
)

// A Kind says what class of failure happened. It is itself an error, so
// errors.Is(err, errs.NotFound) works through any depth of wrapping.
type Kind uint8

// The kinds. A face's error table has a row for each of them.
const (
	Other           Kind = iota // not classified: a bug or a broken disk
	Invalid                     // the request cannot be right
	Unauthenticated             // no or wrong credentials
	Forbidden                   // known, but may not
	NotFound                    // absent; the Reason says what
	Exists                      // the name is taken
	Conflict                    // the state forbids it: not empty, nested, no parent
	Precondition                // a condition of the request is false
	NotModified                 // a condition of a read says that the caller has it already
	Mismatch                    // bytes differ from the promised digest
	TooLarge                    // over a size limit
	Locked                      // somebody else holds a lock on it
	OverQuota                   // no room: account, container, depot or disk
	RateLimited                 // too fast; try later
	Unavailable                 // stopping, busy, or writing has stopped
	Canceled                    // the client went away
	Incomplete                  // the body ended before its declared length
	kinds                       // number of kinds; not a kind
)

var kindNames = [kinds]string{
	"other", "invalid", "unauthenticated", "forbidden", "not found", "exists", "conflict", "precondition",
	"not modified", "mismatch", "too large", "locked", "over quota", "rate limited", "unavailable", "canceled",
	"incomplete",
}

// Kinds returns every kind, so that tests can prove a face's table complete.
func Kinds() []Kind {
	all := make([]Kind, 0, kinds)
	for k := Other; k < kinds; k++ {
		all = append(all, k)
	}
	return all
}

// String returns the kind's name, used as a metric label and a log value.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Error makes a Kind usable as a target of errors.Is.
func (k Kind) Error() string { return k.String() }

// A Reason narrows a Kind where a protocol has a finer code for it. The empty
// Reason is the ordinary case of its Kind.
type Reason string

// The reasons. Each belongs to the kinds named behind it.
const (
	NoAccount      Reason = "no account"          // NotFound
	NoUser         Reason = "no user"             // NotFound
	AccountDeleted Reason = "account deleted"     // NotFound: marked as deleted, its data are being removed
	NameReserved   Reason = "recently deleted"    // Forbidden: an account of that name is being removed
	Suspended      Reason = "account suspended"   // Forbidden: the account, or the caller's own, is suspended
	LastAdmin      Reason = "last administrator"  // Conflict: nobody would be left who may administer
	OwnsDepots     Reason = "owns depots"         // Conflict: the user's depots need another owner first
	NoContainer    Reason = "no container"        // NotFound
	NoObject       Reason = "no object"           // NotFound
	NoDepot        Reason = "no depot"            // NotFound, Forbidden: no depot takes the container
	NoDepotForUser Reason = "no depot for user"   // NotFound: the user is unknown or owns no depot
	NoSnapshot     Reason = "no snapshot"         // NotFound
	NoStore        Reason = "no store"            // NotFound: an account has no such further store
	NoReport       Reason = "no report"           // NotFound: nothing was compared yet
	HasSnapshots   Reason = "has snapshots"       // Forbidden: snapshots of it would be lost
	HasVersions    Reason = "has versions"        // Conflict: versions of its objects would be lost
	BadVersion     Reason = "bad version"         // Invalid: no name of a version, or a container without versions
	NoLock         Reason = "no lock"             // Precondition, Conflict: the token is not a lock here
	NoParent       Reason = "no parent"           // Conflict: the parent folder is missing
	ParentIsFile   Reason = "parent is a file"    // Conflict: an ancestor is a file
	IsFolder       Reason = "is a folder"         // Exists: a folder is in the way
	IsFile         Reason = "is a file"           // Exists: a file is in the way
	NotEmpty       Reason = "not empty"           // Conflict: the container has objects
	Nested         Reason = "nested"              // Forbidden: source and destination contain each other
	SameResource   Reason = "same resource"       // Forbidden: source is destination
	ProtectedRoot  Reason = "protected root"      // Forbidden: the account root itself
	BesideSpaces   Reason = "beside containers"   // Forbidden: a file cannot live beside containers
	AcrossStores   Reason = "across stores"       // Forbidden: content would be shared between stores
	TooMany        Reason = "too many entries"    // Forbidden: a tree operation above the limit of one transaction
	NameTooLong    Reason = "name too long"       // Invalid
	BadName        Reason = "bad name"            // Invalid
	BadMetadata    Reason = "bad metadata"        // Invalid: property count, name or value limits
	BadACL         Reason = "bad acl"             // Invalid
	BadRange       Reason = "bad range"           // Invalid: a part that lies behind the end
	BadLimit       Reason = "bad limit"           // Invalid: a depot limit that cannot be
	BadDepotID     Reason = "bad depot id"        // Conflict: a wished depot id that cannot be given
	Replayed       Reason = "replayed"            // Conflict: the same signed request came before
	MetadataFull   Reason = "metadata full"       // OverQuota: too many or too large dead properties
	DiskFull       Reason = "disk full"           // OverQuota: the volume, not a limit
	SyncFailed     Reason = "sync failed"         // Unavailable: a sync or commit failed, writing has stopped
	Unknown        Reason = "outcome unknown"     // Unavailable: whether the change took effect could not be learned
	BadSegment     Reason = "bad segment"         // Conflict: a part of a large object is gone, changed or out of reach
	BadLink        Reason = "bad link"            // Conflict: a link whose target has changed, or that leads too far
	NotAdmin       Reason = "not administrator"   // Forbidden: the call belongs to the administrator role
	Throttled      Reason = "throttled login"     // RateLimited: too many wrong passwords
	Inactive       Reason = "depot not activated" // Forbidden: the depot is switched off
	TrafficUsed    Reason = "traffic used up"     // Forbidden: the depot's traffic of the month
	NotActivated   Reason = "login not activated" // Forbidden: the login is disabled or has no password yet
	CrossSite      Reason = "cross-site"          // Forbidden: ambient credentials from a foreign page
	BadAddress     Reason = "address not allowed" // Forbidden: outside an allow-list
	IsReplica      Reason = "is a replica"        // Forbidden: only replication writes there
	PlainHTTP      Reason = "plain http"          // Forbidden: credentials over plain HTTP where not allowed

	NoApplication      Reason = "no application"            // NotFound
	NoCredential       Reason = "no application password"   // NotFound
	CredentialEnded    Reason = "application password over" // Unauthenticated: it expired, or its folder or user is gone
	ApplicationStopped Reason = "application stopped"       // Forbidden: by the account, or none of its keys is active
	ConsentNeeded      Reason = "consent needed"            // Forbidden: the account has not allowed the application yet
	FirstParty         Reason = "first party"               // Forbidden: an application that cannot be stopped
	OutOfScope         Reason = "out of scope"              // Forbidden: outside the folder or application that an application password is for
	ReadOnly           Reason = "read-only credential"      // Forbidden: a change with an application password that only reads
	BadKey             Reason = "malformed key"             // Unauthenticated: not in the form of an API key
	KeyRevoked         Reason = "revoked key"               // Unauthenticated: an API key that was revoked
)

// Error carries a failure from where it was noticed to the one place per
// protocol that shows it.
type Error struct {
	Op     string // operation, such as "objects.Put"; for the log
	Kind   Kind
	Reason Reason // optional: narrows Kind where a protocol has a finer code
	Text   string // may be shown to the client; never holds a path, a secret or a cause
	Err    error  // cause; logged, never shown
}

// New returns an error of the given kind for op with a text that clients may
// see.
func New(op string, kind Kind, reason Reason, text string) *Error {
	return &Error{Op: op, Kind: kind, Reason: reason, Text: text}
}

// Wrap returns an error of the given kind for op with cause err. It returns
// nil when err is nil.
func Wrap(op string, kind Kind, reason Reason, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Op: op, Kind: kind, Reason: reason, Err: err}
}

// Error describes the failure for the log, cause included.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		b.WriteString(e.Op)
		b.WriteString(": ")
	}
	b.WriteString(e.Kind.String())
	if e.Reason != "" {
		b.WriteString(" (" + string(e.Reason) + ")")
	}
	if e.Text != "" {
		b.WriteString(": " + e.Text)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap offers Kind and cause to errors.Is; a face asks Of(err), the
// outermost Kind.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

// Of returns the kind of err: the outermost Error's, Canceled for a cancelled
// context, Other for everything else that is not nil.
func Of(err error) Kind {
	if e, ok := err.(*Error); ok { // nothing is wrapped around it, as most often
		return e.Kind
	}
	var e *Error
	var k Kind
	switch {
	case errors.As(err, &e):
		return e.Kind
	case errors.As(err, &k):
		return k
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Canceled
	}
	return Other
}

// ReasonOf returns the reason of the outermost Error in err, or "".
func ReasonOf(err error) Reason {
	if err == nil {
		return ""
	}
	if e, ok := err.(*Error); ok {
		return e.Reason
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

// TextOf returns the text of the outermost Error in err that clients may see,
// or "".
func TextOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Text
	}
	return ""
}
