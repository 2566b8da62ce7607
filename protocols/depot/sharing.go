package depot

import (
	"context"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/depot/wire"
)

// userCommands say who owns a depot and who may use it.
func userCommands() map[string]command {
	list := []usage{memberUser, memberDepot, {"userlist", "names of users"}}
	return map[string]command{
		"addusertodepot": {run: addUserToDepot, changes: true, faults: "-30301, -30302", members: list,
			help: "Authorises users to make spaces in a depot, and returns its document."},
		"deleteuserfromdepot": {run: deleteUserFromDepot, changes: true, faults: "-30301, -30302", members: list,
			help: "Ends what addusertodepot began, and all documents of the depot."},
		"assignusertodepot": {run: assignUserToDepot, changes: true, faults: "-30301, -30302",
			help:    "Gives a depot that nobody owns to a user, who is made when there is none.",
			members: []usage{{"username", "the user"}, memberDepot}},
	}
}

// sharingCommands tell users of depots.
func sharingCommands() map[string]command {
	return map[string]command{
		"sendinvitation": {run: sendInvitation, changes: true, version: oldAlways, faults: "-30100, -30302",
			help: "Puts a depot's document on the lists of users, who accept or decline it.",
			members: []usage{{"userlist", "names of users"}, {"depotdocument", "the document of the depot"},
				{"message", "optional: a text of at most 1024 characters"}}},
		"setdepotforuser": {run: setDepotForUser, changes: true, version: oldAlways, faults: "-30100, -30302",
			help: "Makes a depot the one that a user's new spaces go to.",
			members: []usage{{"username", "the user, who owns the depot or is authorised for it"}, memberDepot,
				{"hosturl", "optional: the address of this gateway"}}},
	}
}

// listed reads the parameters of the commands that change a depot's list.
func (x *exchange) listed(p *params) []string {
	x.owned(p)
	users := p.list("userlist")
	p.required(len(users))
	return users
}

// addUserToDepot authorises users (API 3.13).
func addUserToDepot(ctx context.Context, x *exchange, p *params, call gateway.DepotCall) (wire.Struct, error) {
	users := x.listed(p)
	if p.err != nil {
		return nil, p.err
	}
	d, err := x.depots.AddUsers(ctx, x.user, x.depot, users, call)
	if err != nil {
		return nil, err
	}
	return append(done(), x.document(d)), nil
}

// deleteUserFromDepot ends authorisations (API 3.14).
func deleteUserFromDepot(ctx context.Context, x *exchange, p *params, call gateway.DepotCall) (wire.Struct, error) {
	users := x.listed(p)
	if p.err != nil {
		return nil, p.err
	}
	return done(), x.depots.RemoveUsers(ctx, x.user, x.depot, users, call)
}

// assignUserToDepot gives a depot its owner (API 3.18).
func assignUserToDepot(ctx context.Context, x *exchange, p *params, call gateway.DepotCall) (wire.Struct, error) {
	x.owned(p)
	if p.err != nil {
		return nil, p.err
	}
	return done(), x.depots.Assign(ctx, x.user, x.depot, call)
}

// sendInvitation invites users to a depot (API 3.21). The document is checked
// here as far as it speaks for itself.
func sendInvitation(ctx context.Context, x *exchange, p *params, call gateway.DepotCall) (wire.Struct, error) {
	users, document, message := p.list("userlist"), p.text("depotdocument", 0), p.text("message", maxMessage)
	p.required(len(users))
	p.required(len(document))
	if p.err != nil {
		return nil, p.err
	}
	claim, err := x.cfg.Documents.Open(document)
	if err != nil {
		return nil, err
	}
	x.depot = claim.Depot
	return done(), x.depots.Invite(ctx, users, claim, message, call)
}

// setDepotForUser makes a depot the target of a user's new spaces (API 3.21).
func setDepotForUser(ctx context.Context, x *exchange, p *params, call gateway.DepotCall) (wire.Struct, error) {
	x.owned(p)
	url := p.text("hosturl", 0)
	if p.err != nil {
		return nil, p.err
	}
	if url != "" && url != x.cfg.Documents.URL() {
		return nil, errs.New("depot.setdepotforuser", errs.NotFound, errs.NoDepot, "")
	}
	return done(), x.depots.SetTarget(ctx, x.user, x.depot, call)
}
