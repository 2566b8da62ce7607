package depot

import (
	"context"
	"net/netip"

	"entrepot/gateway"
	"entrepot/protocols/depot/wire"
)

// readingCommands change nothing.
func readingCommands() map[string]command {
	return map[string]command{
		"getdepotdata": {run: getDepotData, help: "Returns the depots that a user owns.", faults: "-30301, -30302",
			members: []usage{{"username", "the user"}, {"depotid", "optional: only this depot"},
				{"includeshared", "optional, a boolean: also depots that the user is authorised for"}}},
		"getspacedata": {run: getSpaceData, help: "Returns the spaces of a user's depots.", faults: "-30301, -30302",
			members: []usage{memberUser, {"depotid", "optional: only of this depot"}}},
		"getdepotdocument": {run: getDepotDocument, help: "Returns the document with which an invited user attaches a depot.",
			faults: "-30301, -30302", members: []usage{{"username", "the owner, or a user who is authorised"}, memberDepot}},
		"getdepothistory": {run: getDepotHistory, help: "Returns what was changed about a depot, newest first.", faults: "-30301, -30302",
			members: []usage{memberUser, memberDepot, {"limit", "optional: how many lines at most, 1 to 1000, else 100"}}},
		"gethostfordepot": {run: getHostForDepot, version: oldAlways, help: "Returns the address of the gateway to make a user's depot on.",
			faults:  "-30100, -30102, -30112",
			members: []usage{{"username", "the user"}, {"location", "optional: EU, US, or the user's IP address"}}},
	}
}

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

// getDepotDocument returns the document of a depot (API 3.19).
func getDepotDocument(ctx context.Context, x *exchange, p *params, _ gateway.DepotCall) (wire.Struct, error) {
	x.owned(p)
	if p.err != nil {
		return nil, p.err
	}
	depots, err := x.depots.Owned(ctx, x.user, x.depot, true)
	if err != nil {
		return nil, err
	}
	return wire.Struct{x.document(depots[0])}, nil
}

// document is the member that carries a depot's document.
func (x *exchange) document(d gateway.Depot) wire.Member {
	return wire.Member{Name: "depotdocument", Value: wire.Text(x.cfg.Documents.Make(d))}
}

// getDepotHistory lists the changes of a depot (API 3.23).
func getDepotHistory(ctx context.Context, x *exchange, p *params, _ gateway.DepotCall) (wire.Struct, error) {
	x.owned(p)
	n, given, err := p.fields.Quantity("limit")
	p.keep(err)
	if !given {
		n = defaultHistory
	} else if err == nil && (n < 1 || n > maxHistory) {
		p.refuse(wire.ParameterInvalid)
	}
	if p.err != nil {
		return nil, p.err
	}
	entries, err := x.depots.History(ctx, x.user, x.depot, int(n))
	if err != nil {
		return nil, err
	}
	list := make([]wire.Struct, len(entries))
	for i, e := range entries {
		list[i] = wire.Struct{
			{Name: "seq", Value: wire.Number(e.Seq)},
			{Name: "time", Value: wire.Moment(e.Time)},
			{Name: "command", Value: wire.Text(e.Command)},
			{Name: "olddisclimit", Value: wire.Number(e.OldStorage)},
			{Name: "newdisclimit", Value: wire.Number(e.NewStorage)},
			{Name: "oldtrafficlimit", Value: wire.Number(e.OldTraffic)},
			{Name: "newtrafficlimit", Value: wire.Number(e.NewTraffic)},
			{Name: "changeid", Value: wire.Text(e.Note)},
		}
	}
	return wire.Struct{{Name: "history", Value: wire.Records{Entry: "entry", List: list}}}, nil
}

// getHostForDepot says on which gateway a user's depot is to be made (API
// 3.20): this one, but where the configuration names another for the location.
func getHostForDepot(ctx context.Context, x *exchange, p *params, _ gateway.DepotCall) (wire.Struct, error) {
	x.user = p.user()
	location := p.text("location", 0)
	if p.err != nil {
		return nil, p.err
	}
	url, ok := x.cfg.host(location)
	if !ok {
		return nil, wire.Fault{Primary: wire.BadLocation}
	}
	if err := x.depots.CheckLogin(ctx, x.user); err != nil {
		return nil, err
	}
	return wire.Struct{{Name: "hosturl", Value: wire.Text(url)}}, nil
}

// host finds the gateway for a location: a name that is known, an address, or
// nothing.
func (c *Config) host(location string) (url string, ok bool) {
	addr, err := netip.ParseAddr(location)
	ok = location == "" || location == "EU" || location == "US" || err == nil
	for _, h := range c.Hosts {
		if location != "" && h.Location == location || err == nil && h.Addresses.Contains(addr) {
			return h.URL, true
		}
	}
	return c.Documents.URL(), ok
}
