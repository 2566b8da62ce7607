package depot

import (
	"context"
	"math"

	"entrepot/gateway"
	"entrepot/protocols/depot/wire"
)

// limitCommands make depots and change their limits.
func limitCommands() map[string]command {
	disclimit := usage{"disclimit", "the storage limit in bytes"}
	wish := usage{"depotid", "optional: the number to give it, greater than all before"}
	contract := usage{memberContract.name, "optional: " + memberContract.text}
	return map[string]command{
		"createdepot": {run: createDepot, changes: true, badLimit: wire.InvalidStorage, faults: "-30302, -30306",
			help: "Makes a depot, and its owner when there is no such user.",
			members: []usage{memberUser, disclimit, memberTraffic, wish, {"userlist", "optional: who may make spaces in it"},
				contract, memberNote}},
		"createdepotwithoutuser": {run: createDepotWithoutUser, changes: true, badLimit: wire.InvalidStorage, faults: "-30302, -30306",
			help:    "Makes a depot that nobody owns; assignusertodepot gives it away.",
			members: []usage{disclimit, memberTraffic, wish, contract, memberNote}},
		"setdepot": {run: setDepot, changes: true, badLimit: wire.IncreasingFailed, faults: "-30301, -30302, -30304",
			help: "Sets the limits of a depot.", members: []usage{memberUser, memberDepot, disclimit, memberTraffic, memberNote}},
		"increasedepot": {run: increaseDepot, changes: true, badLimit: wire.IncreasingFailed, faults: "-30301, -30302, -30304",
			help: "Adds to the storage limit of a depot.",
			members: []usage{memberUser, memberDepot, {"increaselimit", "bytes to add to the storage limit"},
				memberTraffic, memberNote}},
		"decreasedepot": {run: decreaseDepot, changes: true, badLimit: wire.DecreasingFailed, faults: "-30301, -30302, -30305",
			help: "Takes from the storage limit of a depot, of which at least a byte is left.",
			members: []usage{memberUser, memberDepot, {"decreaselimit", "bytes to take from the storage limit"},
				memberTraffic, memberNote}},
	}
}

// newDepot reads what the two commands that make depots have in common. A
// wished id that cannot be read is handed on as one that cannot be given.
func newDepot(p *params, call *gateway.DepotCall) gateway.DepotOptions {
	opt := gateway.DepotOptions{
		Contract: p.text("contractnumber", maxContract), StorageLimit: p.limit("disclimit", impossible),
		TrafficLimit: p.limit("trafficlimit", 0),
	}
	call.Note = p.text("changeid", maxChangeID)
	var err error
	if opt.ID, err = p.fields.ID("depotid"); err != nil {
		opt.ID = math.MaxUint64
	}
	return opt
}

// createDepot makes a depot (API 3.16).
func createDepot(ctx context.Context, x *exchange, p *params, call gateway.DepotCall) (wire.Struct, error) {
	x.user = p.user()
	opt := newDepot(p, &call)
	opt.User, opt.Users = x.user, p.list("userlist")
	if p.err != nil {
		return nil, p.err
	}
	d, err := x.depots.Create(ctx, opt, call)
	if err != nil {
		return nil, err
	}
	x.depot = d.ID
	return wire.Struct{{Name: "depotid", Value: idText(d.ID)}, x.document(d)}, nil
}

// createDepotWithoutUser makes a depot without an owner (API 3.17).
func createDepotWithoutUser(ctx context.Context, x *exchange, p *params, call gateway.DepotCall) (wire.Struct, error) {
	opt := newDepot(p, &call)
	if p.err != nil {
		return nil, p.err
	}
	d, err := x.depots.CreateWithoutOwner(ctx, opt, call)
	if err != nil {
		return nil, err
	}
	x.depot = d.ID
	return wire.Struct{{Name: "depotid", Value: idText(d.ID)}}, nil
}

// setDepot sets the limits of a depot (API 3.10).
func setDepot(ctx context.Context, x *exchange, p *params, call gateway.DepotCall) (wire.Struct, error) {
	return changeLimit(x, p, call, "disclimit", func(bytes, traffic int64, call gateway.DepotCall) error {
		return x.depots.SetLimits(ctx, x.user, x.depot, gateway.DepotLimits{Storage: bytes, Traffic: traffic}, call)
	})
}

// increaseDepot adds to the storage limit of a depot (API 3.11).
func increaseDepot(ctx context.Context, x *exchange, p *params, call gateway.DepotCall) (wire.Struct, error) {
	return changeLimit(x, p, call, "increaselimit", func(bytes, traffic int64, call gateway.DepotCall) error {
		return x.depots.Increase(ctx, x.user, x.depot, bytes, traffic, call)
	})
}

// decreaseDepot takes from the storage limit of a depot (API 3.12).
func decreaseDepot(ctx context.Context, x *exchange, p *params, call gateway.DepotCall) (wire.Struct, error) {
	return changeLimit(x, p, call, "decreaselimit", func(bytes, traffic int64, call gateway.DepotCall) error {
		return x.depots.Decrease(ctx, x.user, x.depot, bytes, traffic, call)
	})
}

// changeLimit reads the parameters of a change of limits and has it done.
func changeLimit(x *exchange, p *params, call gateway.DepotCall, quantity string,
	do func(bytes, traffic int64, call gateway.DepotCall) error) (wire.Struct, error) {
	x.owned(p)
	bytes, traffic := p.limit(quantity, impossible), p.limit("trafficlimit", 0)
	call.Note = p.text("changeid", maxChangeID)
	if p.err != nil {
		return nil, p.err
	}
	return done(), do(bytes, traffic, call)
}
