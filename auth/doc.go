// Package auth answers one question for every door of the gateway: who is
// asking? It turns a password, a token, an API key or a signed body into a
// Principal, or refuses. What the Principal may then do is decided by the
// gateway, never here.
//
// The package owns password hashes, tokens, API keys, the checksum of the
// depot API, allow-lists of networks, and the throttle that makes guessing
// slow. It keeps nothing itself: users, token digests and key digests are read
// from a Directory on every call, so that a changed password or a disabled
// login takes effect at once. It knows no HTTP; package httpauth takes the
// credentials out of requests.
//
// A Service is made once and shared by all doors, so that wrong passwords are
// counted together wherever they come in:
//
//	s, err := auth.New(directory, auth.Config{ServerKey: key})
//	…
//	p, err := s.Password(ctx, "tester", "testing", addr)
//
// Failures are errors of package errs: Unauthenticated for whatever is wrong
// with the credentials (one text, whether the user exists or not), RateLimited
// with errs.Throttled and a *ThrottleError for too many wrong passwords,
// Forbidden with errs.BadAddress for right credentials from an address that
// they do not allow.
package auth
