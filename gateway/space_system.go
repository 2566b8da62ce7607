package gateway

import (
	"context"
	"strings"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// Spaces that preservation services keep for themselves have rules of their own
// (DuraCloud Security, rights of system spaces).
const (
	// bagSpace has what describes snapshots: "<snapshot>.zip". Only
	// administrators remove anything of it.
	bagSpace = "x-snapshot-metadata"
	// serviceSpace is where services put what they found.
	serviceSpace = "x-service-out"
)

// forEveryUser tells whether every user of the account may read an item.
func forEveryUser(space, item string) bool {
	return space == serviceSpace && strings.HasPrefix(item, integrityFolder) ||
		space == adminSpace && item == "bit-integrity-results.json"
}

// mayReadBag lets those read what describes a snapshot who may list the space
// that it is of; others are refused as before.
func (c *core) mayReadBag(v *store.View, p auth.Principal, account, item string, refused error) error {
	id, ok := strings.CutSuffix(item, ".zip")
	if !ok {
		return refused
	}
	ref, _, err := refOfSnapshot(account, id)
	if err != nil {
		return refused
	}
	at, err := c.load(v, p, ref, nil)
	if err != nil || at.mayList(p) != nil {
		return refused
	}
	return nil
}

// mayRemove refuses to let others than administrators remove a system space,
// or anything in it.
func mayRemove(p auth.Principal, space string) error {
	if space != bagSpace || p.Role == auth.RoleAdmin && p.User != "" {
		return nil
	}
	if refused := refuse(p); errs.Of(refused) == errs.Unauthenticated {
		return refused
	}
	return errs.New("spaces", errs.Forbidden, errs.NotAdmin, "")
}

// DeleteItem removes an item of a space. tokens are those of locks.
func (s *Spaces) DeleteItem(ctx context.Context, ref Ref, tokens []string) error {
	if err := mayRemove(auth.PrincipalOf(ctx), ref.Container); err != nil {
		return err
	}
	return (&Objects{s.core}).Delete(ctx, ref, tokens)
}
