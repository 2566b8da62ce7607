// Package store keeps the gateway's records: accounts, users, containers,
// objects, locks, depots and what follows from them, typed, over an engine of
// package kv; and the content of objects, small ones in the engine and large
// ones in package blob.
//
// It owns the schema (schema.go: tables, keys, which locks guard which rows),
// the encoding of records, the bookkeeping of blobs and the clock. It enforces
// no rule about who may do what: that is the gateway's.
//
// The commit of the engine is the only commit point. Content is durable before
// the record that names it is committed, and is removed after the commit that
// released it:
//
//	up := s.NewUpload(ctx, ...)     // stream the body: digests, inline or file
//	content, err := up.Finish()     // content is durable now
//	err = s.Update(ctx, locks, func(tx *store.Tx) error {
//		return tx.PutObject(...)    // visible and durable when Update returns
//	})
package store
