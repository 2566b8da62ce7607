package depot

import (
	"context"

	"entrepot/gateway"
	"entrepot/protocols/depot/wire"
)

// stateCommands change or delete depots and spaces.
func stateCommands() map[string]command {
	both := []usage{memberUser, memberDepot}
	return map[string]command{
		"deletedepot": {run: deleteDepot, changes: true, faults: "-30301, -30302", members: both,
			help: "Deletes a depot and all spaces in it with everything they hold."},
		"activatedepot": {run: activateDepot, changes: true, faults: "-30301, -30302", members: both,
			help: "Ends what deactivatedepot began."},
		"deactivatedepot": {run: deactivateDepot, changes: true, version: oldSuccess, faults: "-30301, -30302", members: both,
			help: "Lets nobody read or write in the spaces of a depot, and ends its documents."},
		"updatecontract": {run: updateContract, changes: true, faults: "-30302", help: "Notes the contract number of a depot.",
			members: []usage{{"username", "optional: the owner of the depot"}, memberDepot,
				{memberContract.name, memberContract.text + "; an empty one removes it"}}},
		"createspace": {run: createSpace, changes: true, faults: "-30301, -30302, -30303", help: "Makes a space in a depot.",
			members: []usage{{"username", "the owner of the depot, or a user who is authorised"}, memberDepot,
				{"spacename", "its name, as the other protocols show it"}}},
		"deletespace": {run: deleteSpace, changes: true, faults: "-30301, -30302, -30303",
			help:    "Deletes spaces with everything they hold: all of them, or none when one is not in the depot.",
			members: []usage{memberUser, memberDepot, {"spaceid", "a list of spaces"}}},
	}
}

// deleteDepot deletes a depot and its spaces (API 3.7).
func deleteDepot(ctx context.Context, x *exchange, p *params, call gateway.DepotCall) (wire.Struct, error) {
	x.owned(p)
	if p.err != nil {
		return nil, p.err
	}
	return done(), x.depots.Delete(ctx, x.user, x.depot, call)
}

// activateDepot and deactivateDepot switch a depot on and off (API 3.8).
func activateDepot(ctx context.Context, x *exchange, p *params, call gateway.DepotCall) (wire.Struct, error) {
	return setActive(ctx, x, p, call, true)
}

func deactivateDepot(ctx context.Context, x *exchange, p *params, call gateway.DepotCall) (wire.Struct, error) {
	return setActive(ctx, x, p, call, false)
}

func setActive(ctx context.Context, x *exchange, p *params, call gateway.DepotCall, active bool) (wire.Struct, error) {
	x.owned(p)
	if p.err != nil {
		return nil, p.err
	}
	return done(), x.depots.SetActive(ctx, x.user, x.depot, active, call)
}

// updateContract notes a contract number (API 3.15), the one command that
// needs no user.
func updateContract(ctx context.Context, x *exchange, p *params, call gateway.DepotCall) (wire.Struct, error) {
	if p.text("username", 0) != "" {
		x.user = p.user()
	}
	x.depot = p.id("depotid")
	number := p.text("contractnumber", maxContract)
	if p.err != nil {
		return nil, p.err
	}
	return done(), x.depots.SetContract(ctx, x.user, x.depot, number, call)
}

// createSpace makes a space (API 3.23).
func createSpace(ctx context.Context, x *exchange, p *params, call gateway.DepotCall) (wire.Struct, error) {
	x.owned(p)
	name := p.text("spacename", 0)
	p.required(len(name))
	if p.err != nil {
		return nil, p.err
	}
	id, err := x.depots.CreateSpace(ctx, x.user, x.depot, name, call)
	if err != nil {
		return nil, err
	}
	return wire.Struct{{Name: "spaceid", Value: idText(id)}}, nil
}

// deleteSpace deletes spaces (API 3.9).
func deleteSpace(ctx context.Context, x *exchange, p *params, call gateway.DepotCall) (wire.Struct, error) {
	x.owned(p)
	spaces := p.ids("spaceid")
	if p.err != nil {
		return nil, p.err
	}
	return done(), x.depots.DeleteSpaces(ctx, x.user, x.depot, spaces, call)
}
