package memkv

import "entrepot/store/kv"

// Options shape an Engine. The zero value is plain and fast: transactions run
// one after the other and nothing is checked.
type Options struct {
	// Adversarial makes the engine as unkind as the contract allows: only
	// declared locks exclude, everything else interleaves at READ COMMITTED;
	// functions of Update run again at random; slices that were handed out are
	// overwritten when the function has returned.
	Adversarial bool

	// Seed makes the choices of an adversarial engine; the same seed makes the
	// same choices as long as transactions begin in the same order.
	Seed uint64

	// Fail is called with a description of each misuse that an adversarial
	// engine finds, such as t.Error: a write that no declared lock covers (see
	// Covers), a counter row that is written by anything but Add, Delete and
	// DeleteRange, a Tx or Reader used after its function returned, too many
	// round trips. It must be safe for concurrent use. nil panics instead.
	Fail func(message string)

	// Covers, when set, tells whether the locks that an Update declared cover a
	// write of k. It is asked by an adversarial engine about every row that a
	// transaction puts, deletes or moves; rows changed by Add are exempt.
	Covers func(held []kv.Lock, k kv.Key) bool

	// MaxRoundTrips, when above 0, is the most round trips that one run of the
	// function of an Update may need on an adversarial engine, commit
	// included.
	MaxRoundTrips int

	// BeforeCommit, when set, is called before each commit that writes; an
	// error ends the Update with it, without effect. It stands for a
	// connection that broke before the commit arrived.
	BeforeCommit func() error

	// AfterCommit, when set, is called after each commit that wrote; an error
	// ends the Update with it, although the writes took effect. It stands for
	// an answer that was lost.
	//
	// An error from either hook that is kv.ErrStopped ends writing: all later
	// Updates fail with it.
	AfterCommit func() error
}
