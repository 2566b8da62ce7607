// Package dav is the WebDAV face: it shows accounts, containers and objects as
// a tree that operating systems mount as a drive.
//
// It speaks RFC 4918 classes 1, 2 and 3, the quota properties of RFC 4331,
// the Prefer values of RFC 8144, and what clients in the field need besides:
// X-OC-Mtime and OC-Checksum, Microsoft's time properties and Brief header,
// folders made with properties (RFC 5689). Behind settings it replaces parts of
// files (PATCH with X-Update-Range) and takes uploads in pieces as Nextcloud's
// clients send them. Snapshots appear as read-only folders below ".zfs".
//
// The package decodes requests, calls the gateway and encodes the answers.
// What is allowed, which locks bind, whether a condition holds and how much
// room is left is decided by the gateway alone; a face that guessed at it
// would differ from the other doors. It refuses to know how trees are stored.
//
// golang.org/x/net/webdav has two roles here. Its interfaces (FileSystem,
// File, LockSystem) are the boundary of a storage adapter over the gateway,
// and its handler serves MKCOL and UNLOCK over that adapter once this package
// has decided about everything else. The remaining methods have rules that
// its interfaces cannot express: atomic replacement, conditions, streaming.
// In the tests the bare handler over the same adapter is a second opinion.
package dav
