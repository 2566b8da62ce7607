package facts

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"entrepot/cmd/crashcheck/internal/wire"
)

// depots are made, changed and deleted by the depot API. A fact is
// "limit state spaces" of one depot: its owner's list shows the first two, Swift
// how many spaces it holds.
type depots struct{ last int }

func (*depots) setup(_ context.Context, b *book) error {
	_, err := b.Salt()
	return err
}

func (s *depots) step(ctx context.Context, b *book) {
	salt, err := b.Salt()
	if err != nil {
		b.crew.violation("the depot API's secret: %v", err)
		return
	}
	send := func(op string, f *fact, next func(string) string, params string) {
		a := b.Own.Depot(ctx, salt, op, params+"<changeid>"+b.next()+"</changeid>") // differs from all before
		f.apply(b.judge(op, f.name, a), func(old string) []string { return []string{next(old)} })
	}
	f, ok := b.any()
	if !ok || len(b.facts) < 5 {
		s.last += 1000 // above the numbers that new accounts were given
		id := fmt.Sprint(s.last)
		f = b.add(id, func(ctx context.Context) (string, error) { return s.read(ctx, b, id) }, absent)
		send("createdepot", f, func(string) string { return "1000000 active 0" }, "<disclimit>1000000</disclimit><depotid>"+id+"</depotid>")
		return
	}
	text, certain := f.certain()
	if !certain {
		return
	}
	var limit int64
	var state string
	var spaces int
	if _, err := fmt.Sscan(text, &limit, &state, &spaces); err != nil {
		b.drop(f) // deleted, and seen to be
		return
	}
	id := "<depotid>" + f.name + "</depotid>"
	switch n := b.rng.IntN(12); {
	case n == 0:
		send("deletedepot", f, func(string) string { return absent }, id)
	case n < 3 && state == "active":
		send("deactivatedepot", f, func(string) string { return fmt.Sprintf("%d inactive %d", limit, spaces) }, id)
	case n < 5 && state == "inactive":
		send("activatedepot", f, func(string) string { return fmt.Sprintf("%d active %d", limit, spaces) }, id)
	case n < 7:
		send("increasedepot", f, func(string) string { return fmt.Sprintf("%d %s %d", limit+500, state, spaces) },
			id+"<increaselimit>500</increaselimit>")
	case n < 8 && limit > 500:
		send("decreasedepot", f, func(string) string { return fmt.Sprintf("%d %s %d", limit-500, state, spaces) },
			id+"<decreaselimit>500</decreaselimit>")
	case n < 9:
		send("setdepot", f, func(string) string { return fmt.Sprintf("70000 %s %d", state, spaces) }, id+"<disclimit>70000</disclimit>")
	case state == "active" && spaces < 4:
		send("createspace", f, func(string) string { return fmt.Sprintf("%d %s %d", limit, state, spaces+1) },
			id+"<spacename>dsp-"+f.name+"-"+b.next()+"</spacename>")
	}
}

func (*depots) read(ctx context.Context, b *book, id string) (string, error) {
	a := b.Own.Do(ctx, wire.Request{Door: wire.RPC, Method: http.MethodGet, Path: "/depots"})
	if err := b.unread("GET /depots", a, http.StatusOK); err != nil {
		return "", err
	}
	var list struct {
		Depots []struct {
			ID     string `json:"depotid"`
			Active bool
			Limit  int64 `json:"disclimit"`
		}
	}
	if err := json.Unmarshal(a.Body, &list); err != nil {
		return "", fmt.Errorf("GET /depots: %w: %.300s", err, a.Body)
	}
	for _, d := range list.Depots {
		if d.ID != id {
			continue
		}
		state := "inactive"
		if d.Active {
			state = "active"
		}
		n, err := countSpaces(ctx, b, id)
		return fmt.Sprintf("%d %s %d", d.Limit, state, n), err
	}
	if n, err := countSpaces(ctx, b, id); err != nil || n > 0 {
		return fmt.Sprintf("no depot and %d spaces", n), err
	}
	return absent, nil
}

// countSpaces counts the containers that a depot's spaces are for Swift.
func countSpaces(ctx context.Context, b *book, id string) (int, error) {
	a := b.Own.Do(ctx, wire.Request{Door: wire.Swift, Method: http.MethodGet, Query: "prefix=dsp-" + id + "-"})
	if err := b.unread("listing containers", a, http.StatusOK, http.StatusNoContent); err != nil {
		return 0, err
	}
	return len(strings.Fields(string(a.Body))), nil
}
