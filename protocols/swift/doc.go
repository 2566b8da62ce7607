// Package swift is the gateway's OpenStack Object Storage API v1 door: v1
// tokens, /info, accounts, containers and objects. It decodes requests, calls
// the gateway and encodes what comes back in Swift's words; who may do what,
// quotas, names, locks and conditions are the gateway's.
//
// The wire rules are those of OpenStack Swift 2.30 (its API reference and
// its observed behaviour, which is what clients are tested against); where
// Swift and RFC 9110 differ, Swift is followed.
//
// What the door does not have (large objects, versions, symbolic links,
// temporary URLs, form posts, bulk operations, static web sites, cross-origin
// answers) is left out of /info, and a request that would lose data or
// meaning by ignoring it is refused with 501: unsupported.go has the list.
package swift
