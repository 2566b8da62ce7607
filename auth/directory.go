package auth

import (
	"context"
	"time"
)

// A User is what authentication needs to know of a login.
type User struct {
	Name         string // as stored; compared case-folded
	Account      string
	Role         Role
	Groups       []string
	PasswordHash string // "" when the user has no password and cannot log in with one
	// PasswordVersion grows with every change of the password; tokens made
	// under another version are dead.
	PasswordVersion uint64
	Disabled        bool
	// Suspended tells that the user's account may not be used now. The login
	// works, so that the gateway can say why it refuses.
	Suspended bool
	// NameSince and AccountSince are when earlier holders gave up the names of
	// the user and of its account; zero: there was none.
	NameSince, AccountSince time.Time
	// Networks limits the addresses the user may come from; empty: any.
	Networks []string
}

// A TokenRecord is what the directory keeps of an issued token: never the
// token itself, only its digest.
type TokenRecord struct {
	Digest          [32]byte // SHA-256 of the token
	User            string
	PasswordVersion uint64
	Issue           uint64 // number that went into the token
	Expires         time.Time
	// Credential is the digest of the application password that the token was
	// issued for, zero for the user's own password. Such a token ends with
	// that password, not with the user's.
	Credential [32]byte
	// Keystone marks tokens of the Identity API, see Principal.Keystone.
	Keystone bool
}

// A KeyRecord is one API key: an application's label, which never stands for
// a user by itself.
type KeyRecord struct {
	Digest      [32]byte // SHA-256 of the key
	Application string
	Created     time.Time
	Networks    []string
	Revoked     bool
}

// A CredentialRecord is an application password: it stands for a user in one
// application and below one folder.
type CredentialRecord struct {
	Digest      [32]byte // SHA-256 of the password
	User        string
	Application string
	Scope       Scope
	Expires     time.Time // zero: never
	// Ended tells that what it is limited to is gone; Stopped, that its
	// application is: by the account, or because none of its keys is active.
	Ended, Stopped bool
}

// A Directory answers what authentication asks about users and credentials.
// The gateway's accounts implement it over the store; absent entries are
// errs.NotFound.
type Directory interface {
	// User finds a login by name, case-folded.
	User(ctx context.Context, name string) (User, error)

	// Token finds a live token by its digest.
	Token(ctx context.Context, digest [32]byte) (TokenRecord, error)

	// CurrentToken returns the newest token record that lives at least until
	// notBefore and has the user, password version, application password and
	// dialect of like, else errs.NotFound.
	CurrentToken(ctx context.Context, like TokenRecord, notBefore time.Time) (TokenRecord, error)

	// AddToken stores a token record durably and removes expired ones of the
	// same user. Issue is given by the caller and must be new for the user.
	AddToken(ctx context.Context, t TokenRecord) error

	// NextIssue returns a number that was not used for the user's tokens yet.
	NextIssue(ctx context.Context, user string) (uint64, error)

	// RemoveToken forgets a token; removing an absent one is not an error.
	RemoveToken(ctx context.Context, digest [32]byte) error

	// Key finds an API key by its digest.
	Key(ctx context.Context, digest [32]byte) (KeyRecord, error)

	// Credential finds an application password by its digest.
	Credential(ctx context.Context, digest [32]byte) (CredentialRecord, error)

	// UseApplication notes that p calls through an application, whose API key
	// it has shown. errs.Forbidden where it may not: the account stopped the
	// application (errs.ApplicationStopped) or has yet to allow it
	// (errs.ConsentNeeded), or the caller's application password is for
	// another one (errs.OutOfScope). errs.NotFound for a deleted one.
	UseApplication(ctx context.Context, p Principal, application string) error

	// CredentialUsed notes, without waiting, that an application password was
	// right.
	CredentialUsed(digest [32]byte)
}
