// Package kv defines the engine interface of the store: one small, ordered,
// transactional map that is shaped for a network from the first day. Every
// rule of the store is written once above it; an engine only keeps rows.
//
// Three engines implement it: boltkv (embedded, the default), memkv (memory,
// adversarial, for every test above) and, for several gateways on one store,
// a PostgreSQL driver. All pass the suite in kvtest. The overlay under
// internal/ gives each of them reads of a transaction's own writes and undoes
// one writer of a shared commit alone.
//
// The package knows nothing of accounts, objects or blobs.
package kv

import (
	"context"
	"errors"
)

// A Table names one ordered set of rows. Rows of different tables never meet.
type Table uint8

// A Key names one row. Rows of a table are ordered by their bytes.
type Key struct {
	Table Table
	Row   []byte
}

// A Lock declares what a transaction excludes. A lock key need not name a row
// that exists: which locks guard which rows is the store's rule, not the
// engine's.
type Lock struct {
	Key    Key
	Shared bool // compatible with other shared locks on the same key
}

// A Range is a run of rows of one table: From inclusive, To exclusive. A nil
// From begins at the first row, a nil To ends after the last.
type Range struct {
	Table   Table
	From    []byte
	To      []byte
	Reverse bool // descending order; Page.Next then continues downwards

	// KeysOnly leaves Item.Value nil.
	KeysOnly bool

	// Delimiter, when not empty, rolls up rows: each maximal run of rows that
	// agree up to and including the first occurrence of Delimiter at or after
	// offset Skip yields one Item with Rolled set. The engine seeks past the
	// run, so its cost does not depend on the run's length.
	Delimiter []byte
	Skip      int

	// Into is memory that the page's Items may lie in, such as those of a page
	// that is no longer used. Engines may take no notice of it.
	Into []Item
}

// An Item is one row of a Page, or one rolled-up run of rows.
type Item struct {
	// Row is the row's key, or for a rolled-up run the common bytes up to and
	// including the delimiter.
	Row []byte
	// Value is the row's value; for a rolled-up run the value of First. Nil
	// when the Range was KeysOnly.
	Value []byte
	// Rolled tells that the item stands for a run of rows.
	Rolled bool
	// First is the key of the first row met in the run, in scan order; nil
	// for an ordinary row.
	First []byte
}

// A Page is the answer to one Scan.
type Page struct {
	Items []Item
	// Next is nil when the range is exhausted. Else the scan continues with
	// From = Next (To = Next when Reverse).
	Next []byte
}

// Limits are what an engine accepts. Every engine enforces its own.
type Limits struct {
	MaxKey   int // bytes in Key.Row
	MaxValue int // bytes in a value
	MaxLocks int // locks of one Update
	MaxScan  int // largest limit of one Scan
}

// DefaultLimits are the limits of the contract, the same for every engine so
// that what one accepts, all accept.
var DefaultLimits = Limits{MaxKey: 2 << 10, MaxValue: 60 << 10, MaxLocks: 64, MaxScan: 100_000}

// Errors of the contract; engines wrap them with detail.
var (
	// ErrUnknown: the commit's outcome could not be learned.
	ErrUnknown = errors.New("kv: outcome of commit unknown")
	// ErrTooMany: MovePrefix met more rows than its max. Nothing was moved.
	ErrTooMany = errors.New("kv: too many rows")
	// ErrLimit: a key, value, lock list or scan limit is over the Limits.
	ErrLimit = errors.New("kv: over the engine's limits")
	// ErrStopped: writing has stopped after a failed commit or sync. Reads go
	// on. Only a new process may write again.
	ErrStopped = errors.New("kv: writing has stopped after a failed commit")
	// ErrClosed: the engine was closed.
	ErrClosed = errors.New("kv: engine closed")
	// ErrBusy: the engine cannot be reached, or a lock was not to be had in
	// time. Nothing took effect; try again later.
	ErrBusy = errors.New("kv: engine is busy or away")
	// ErrNoSpace: the volume has no room for what the transaction writes.
	// Nothing took effect; deleting may still be possible.
	ErrNoSpace = errors.New("kv: no room on the volume")
	// ErrInUse: another process holds the store.
	ErrInUse = errors.New("kv: store is in use by another process")
)

// An Engine is an ordered, transactional map. Safe for concurrent use.
type Engine interface {
	// View runs fn on one consistent snapshot. Keep it short; never write to a
	// client inside it. Slices that the Reader returns die with fn. ctx is
	// checked before fn runs, never after.
	View(ctx context.Context, fn func(Reader) error) error

	// Update runs fn in a transaction that is serial with every transaction
	// holding a conflicting lock, and durable when it returns nil. When fn
	// returns an error nothing it wrote takes effect and Update returns that
	// error. Locks come with the first read: fn may run up to it before they
	// are held, and ctx may end the wait for them. Writers share commits and engines retry: fn may run again, so it
	// is pure (no I/O, clock, randomness) and sets its results from scratch
	// each time. Locks are taken in sorted order; at most Limits().MaxLocks.
	// ctx is checked before fn runs, never after: once fn has returned nil the
	// commit is waited for. Calling View or Update inside fn is a programmer's
	// mistake (engines that cannot detect it deadlock). ErrUnknown: the
	// commit's outcome could not be learned. ErrStopped: see there.
	Update(ctx context.Context, locks []Lock, fn func(Tx) error) error

	// Limits returns what this engine accepts.
	Limits() Limits

	// Close ends the engine after the transactions under way. A second Close
	// does nothing.
	Close() error
}

// A Reader reads rows inside View or Update.
type Reader interface {
	// Get returns the values of keys, in order and over any tables, in one
	// round trip. nil stands for an absent row; a present row with an empty
	// value is an empty non-nil slice. A row changed by Add reads as 8 bytes,
	// big-endian two's complement.
	Get(keys ...Key) ([][]byte, error)

	// Scan returns a page of at most limit items, never an open cursor.
	Scan(r Range, limit int) (Page, error)
}

// A Tx writes rows inside Update. Reads see the writes of this Tx. Errors of
// writes (limits) are remembered and returned by Update, which then changes
// nothing.
type Tx interface {
	Reader

	// Put writes a row. The engine copies key and value before it returns.
	Put(k Key, value []byte)

	// Delete removes a row; removing an absent row is not an error.
	Delete(k Key)

	// Add adds delta to a counter row, which is born as 0. It is blind: it
	// commutes with other Adds, needs no lock and never conflicts. A counter
	// row is changed by Add and removed by Delete or DeleteRange only.
	Add(k Key, delta int64)

	// DeleteRange removes at most max rows of r, in order, and tells whether
	// rows are left. Reverse, KeysOnly and Delimiter are ignored.
	DeleteRange(r Range, max int) (more bool, err error)

	// MovePrefix renames every row of t that begins with from so that it
	// begins with to instead. Rows already under to that are not under from
	// are an error; the caller deletes them first. All rows move or none: more than max
	// rows give ErrTooMany. Returns how many rows moved.
	MovePrefix(t Table, from, to []byte, max int) (moved int, err error)
}

// PrefixEnd returns the smallest key greater than every key that begins with
// prefix, or nil when there is none (prefix is empty or all 0xFF).
func PrefixEnd(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xFF {
			end := append([]byte(nil), prefix[:i+1]...)
			end[i]++
			return end
		}
	}
	return nil
}

// Prefix returns the range of all rows of t that begin with prefix.
func Prefix(t Table, prefix []byte) Range {
	return Range{Table: t, From: prefix, To: PrefixEnd(prefix)}
}
