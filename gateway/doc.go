// Package gateway is the core of entrepot: what accounts, containers, objects,
// folders, locks and depots are and may do. Every rule (rights, quota, locks,
// conditions, names) lives here and binds every protocol; the protocol
// packages decode a request, call the gateway and encode its answer.
//
// Who asks is the auth.Principal carried by the context; without one the
// caller is anonymous and nearly everything is refused.
//
// The package knows no HTTP, no XML and no database: it speaks to the typed
// records of package store and fails with the kinds of package errs.
package gateway
