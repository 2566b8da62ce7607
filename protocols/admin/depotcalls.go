package admin

import (
	"context"
	"time"
)

// MethodDepotCalls reads the log of the depot API.
const MethodDepotCalls = "depot.calls"

// DepotCalls is what depot.calls takes: lines behind another one, or behind a
// time, oldest first.
type DepotCalls struct {
	After time.Time `json:"after,omitzero"`
	ID    uint64    `json:"id,omitempty,string"` // of the line that was read last, with its time
	Limit int       `json:"limit,omitempty"`     // 1 to 1,000; 0: 1,000
}

// DepotCall is one call of the depot API.
type DepotCall struct {
	ID        uint64    `json:"id,string"`
	Time      time.Time `json:"time"`
	Address   string    `json:"address"`
	Dialect   string    `json:"dialect"` // td or std
	Command   string    `json:"command"` // "": refused before it was read
	User      string    `json:"user"`
	Depot     uint64    `json:"depot,omitempty,string"`
	Primary   int       `json:"primary"` // 0: success
	Secondary int       `json:"secondary,omitempty"`
	Micros    int64     `json:"micros"` // that it took
}

// CallsOfDepots is the answer of depot.calls.
type CallsOfDepots struct {
	Calls []DepotCall `json:"calls"`
}

func (f *Face) depotCalls(ctx context.Context, p DepotCalls) (CallsOfDepots, error) {
	limit, err := page(p.Limit)
	if err != nil {
		return CallsOfDepots{}, err
	}
	list, err := f.deps.Depots.CallLog(ctx, p.After, p.ID, limit)
	out := CallsOfDepots{Calls: make([]DepotCall, len(list))}
	for i, c := range list {
		out.Calls[i] = DepotCall{
			ID: c.ID, Time: c.Time, Address: c.Address, Dialect: c.Dialect, Command: c.Command, User: c.User, Depot: c.Depot,
			Primary: c.Primary, Secondary: c.Secondary, Micros: c.Took.Microseconds(),
		}
	}
	return out, err
}
