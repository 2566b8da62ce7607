// Package keystone is the login door for clients that speak the OpenStack
// Identity API: a subset of version 3 (tokens, catalog, projects) and the
// token call of version 2.0. It knows users, passwords and tokens only; what a
// token opens is the Swift door's account of the same name.
//
// A project is an account and has its name as its ID; there is one domain,
// "default". A token is the same as the one that the Swift login gives: it
// lives until it expires, is revoked here, or its user changes the password.
// A token does not remember a project: which one an answer names is the one
// that was asked for, else the user's own.
//
// Application credentials of version 3 are application passwords: the ID is
// the password's, the secret is the password.
package keystone
