// Package depotlist is the face where a user who is logged in looks after the
// depots that he may use: those that he owns, those of others that he took
// into his list with a depot document, and the invitations that wait for his
// answer. Operators manage depots over the depot API; here is its other side.
// All answers are JSON.
//
//	GET    /depots                        the caller's depots
//	GET    /depots/invitations            what waits for his answer
//	PUT    /depots/invitations/{depot}    accept
//	DELETE /depots/invitations/{depot}    decline
//	POST   /depots/claims                 {"document":"…"}: take a depot into the list
//	DELETE /depots/claims/{depot}         take it out
//	GET    /depots/key                    the key that documents are signed with
package depotlist
