package depot

import (
	"context"
	"math"

	"entrepot/gateway"
	"entrepot/protocols/depot/wire"
)

// A command of the API: a function from decoded parameters to a result that
// either dialect can write.
type command struct {
	run      func(ctx context.Context, x *exchange, p *params, call gateway.DepotCall) (wire.Struct, error)
	changes  bool   // it changes something, so a repetition is refused
	badLimit int    // primary code for a limit that cannot be
	help     string // for system.methodHelp
}

// commands are the API's commands that this gateway has, by their TD names.
// Others of the API are answered like unknown ones.
var commands = map[string]command{
	"getdepotdata": {run: getDepotData, help: "Returns the depots that a user owns. " +
		"Members: username; optional depotid, only that one; optional includeshared, a boolean, also depots that the user is authorised for. " +
		"Errors: -30301, -30302."},
	"getspacedata": {run: getSpaceData, help: "Returns the spaces of a user's depots. " +
		"Members: username; optional depotid, only of that one. Errors: -30301, -30302."},
	"createdepot": {run: createDepot, changes: true, badLimit: wire.InvalidStorage, help: "Makes a depot, and its owner when there is no such user. " +
		"Members: username; disclimit in bytes; optional trafficlimit in bytes, else ten times disclimit; optional depotid, greater than all before; " +
		"optional userlist, who may create spaces in it; optional contractnumber; optional changeid, a free text. Errors: -30302, -30306."},
	"setdepot": {run: setDepot, changes: true, badLimit: wire.IncreasingFailed, help: "Sets the limits of a depot. " +
		"Members: username; depotid; disclimit in bytes; optional trafficlimit in bytes, else ten times disclimit; optional changeid, a free text. " +
		"Errors: -30301, -30302, -30304."},
	"deletedepot": {run: deleteDepot, changes: true, help: "Deletes a depot and all spaces in it with everything they hold. " +
		"Members: username; depotid. Errors: -30301, -30302."},
}

// Limits of texts, in characters.
const (
	maxChangeID = 1024
	maxContract = 128
)

// done is the result of a change that has nothing to tell.
func done() wire.Struct { return wire.Struct{{Name: "intresult", Value: wire.Number(0)}} }

// getDepotData lists the depots of a user (API 3.5).
func getDepotData(ctx context.Context, x *exchange, p *params, _ gateway.DepotCall) (wire.Struct, error) {
	x.user, x.depot = p.user(), p.optionalID("depotid")
	shared := p.flag("includeshared")
	if p.err != nil {
		return nil, p.err
	}
	depots, err := x.depots.Owned(ctx, x.user, x.depot, shared)
	if err != nil {
		return nil, err
	}
	list := make([]wire.Struct, len(depots))
	for i, d := range depots {
		list[i] = depotRecord(d)
	}
	return wire.Struct{{Name: "depotdata", Value: wire.Records{Entry: "depot", List: list}}}, nil
}

// depotRecord shows a depot. The users of a default depot are not shown,
// whoever they are.
func depotRecord(d gateway.Depot) wire.Struct {
	users := d.Users
	if d.Default {
		users = nil
	}
	return wire.Struct{
		{Name: "depotid", Value: idText(d.ID)},
		{Name: "owner", Value: wire.Text(d.Owner)},
		{Name: "status", Value: status(d.Active)},
		{Name: "created", Value: wire.Moment(d.Created)},
		{Name: "contractnumber", Value: wire.Text(d.Contract)},
		{Name: "disclimit", Value: limit(d.StorageLimit)},
		{Name: "discused", Value: wire.Number(d.StorageUsed)},
		{Name: "trafficlimit", Value: limit(d.TrafficLimit)},
		{Name: "trafficused", Value: wire.Number(d.TrafficUsed)},
		{Name: "isdefault", Value: wire.Flag(d.Default)},
		{Name: "userlist", Value: wire.Names(users)},
	}
}

// getSpaceData lists the spaces of a user's depots (API 3.6).
func getSpaceData(ctx context.Context, x *exchange, p *params, _ gateway.DepotCall) (wire.Struct, error) {
	x.user, x.depot = p.user(), p.optionalID("depotid")
	if p.err != nil {
		return nil, p.err
	}
	spaces, err := x.depots.Spaces(ctx, x.user, x.depot)
	if err != nil {
		return nil, err
	}
	list := make([]wire.Struct, len(spaces))
	for i, s := range spaces {
		if !x.cfg.ReturnSpaceNames {
			s.Name = ""
		}
		list[i] = spaceRecord(s)
	}
	return wire.Struct{{Name: "spacedata", Value: wire.Records{Entry: "space", List: list}}}, nil
}

func spaceRecord(s gateway.Space) wire.Struct {
	return wire.Struct{
		{Name: "spaceid", Value: idText(s.ID)},
		{Name: "depotid", Value: idText(s.Depot)},
		{Name: "spacename", Value: wire.Text(s.Name)},
		{Name: "owner", Value: wire.Text(s.Owner)},
		{Name: "status", Value: status(s.Active)},
		{Name: "created", Value: wire.Moment(s.Created)},
		{Name: "discused", Value: wire.Number(s.StorageUsed)},
		{Name: "trafficused", Value: wire.Number(s.TrafficUsed)},
	}
}

// createDepot makes a depot (API 3.16). A wished id that cannot be read is
// handed on as one that cannot be given.
func createDepot(ctx context.Context, x *exchange, p *params, call gateway.DepotCall) (wire.Struct, error) {
	x.user = p.user()
	opt := gateway.DepotOptions{
		User: x.user, Users: p.list("userlist"), Contract: p.text("contractnumber", maxContract),
		StorageLimit: p.limit("disclimit", impossible), TrafficLimit: p.limit("trafficlimit", 0),
	}
	call.Note = p.text("changeid", maxChangeID)
	if p.err != nil {
		return nil, p.err
	}
	var err error
	if opt.ID, err = p.fields.ID("depotid"); err != nil {
		opt.ID = math.MaxUint64
	}
	d, err := x.depots.Create(ctx, opt, call)
	if err != nil {
		return nil, err
	}
	x.depot = d.ID
	return wire.Struct{
		{Name: "depotid", Value: idText(d.ID)},
		{Name: "depotdocument", Value: wire.Text(x.cfg.Document.text(d, firstEpoch))},
	}, nil
}

// setDepot sets the limits of a depot (API 3.10).
func setDepot(ctx context.Context, x *exchange, p *params, call gateway.DepotCall) (wire.Struct, error) {
	x.user, x.depot = p.user(), p.id("depotid")
	limits := gateway.DepotLimits{Storage: p.limit("disclimit", impossible), Traffic: p.limit("trafficlimit", 0)}
	call.Note = p.text("changeid", maxChangeID)
	if p.err != nil {
		return nil, p.err
	}
	return done(), x.depots.SetLimits(ctx, x.user, x.depot, limits, call)
}

// deleteDepot deletes a depot and its spaces (API 3.7).
func deleteDepot(ctx context.Context, x *exchange, p *params, call gateway.DepotCall) (wire.Struct, error) {
	x.user, x.depot = p.user(), p.id("depotid")
	if p.err != nil {
		return nil, p.err
	}
	return done(), x.depots.Delete(ctx, x.user, x.depot, call)
}

// limit shows a limit; none is shown as the greatest there is.
func limit(n int64) wire.Number {
	if n == 0 {
		n = math.MaxInt64
	}
	return wire.Number(n)
}

func status(active bool) wire.Text {
	if active {
		return "activated"
	}
	return "deactivated"
}
