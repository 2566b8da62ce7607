package depot

import (
	"errors"
	"testing"

	"entrepot/gateway/errs"
	"entrepot/protocols/depot/wire"
)

func TestEveryKindHasAnOutcome(t *testing.T) {
	for _, kind := range errs.Kinds() {
		o, ok := outcomes[cause{kind, ""}]
		if !ok {
			t.Errorf("%v has no row", kind)
		}
		if (o.status == 0) == (o.fault.Primary == 0) {
			t.Errorf("%v has both a fault and a status, or neither: %+v", kind, o)
		}
	}
	for c, o := range outcomes {
		if o.status == 0 && o.fault.Message() == "" {
			t.Errorf("%v: the code %d has no message", c, o.fault.Primary)
		}
	}
}

func TestOutcomes(t *testing.T) {
	for _, c := range []struct {
		err      error
		badLimit int
		want     outcome
	}{
		{errors.New("x"), 0, api(wire.InternalError, 0)},
		{errs.New("x", errs.NotFound, errs.NoDepotForUser, ""), 0, api(wire.NoDepotForUser, 0)},
		{errs.New("x", errs.NotFound, errs.NoDepot, ""), 0, api(wire.DepotMismatch, 0)},
		{errs.New("x", errs.Conflict, errs.BadDepotID, ""), 0, api(wire.DepotMismatch, 0)},
		{errs.New("x", errs.Conflict, errs.Replayed, ""), 0, api(wire.InvalidRequest, wire.Replayed)},
		{errs.New("x", errs.Invalid, errs.BadName, ""), 0, api(wire.InvalidRequest, wire.ParameterInvalid)},
		{errs.New("x", errs.Invalid, errs.BadLimit, ""), wire.InvalidStorage, api(wire.InvalidStorage, 0)},
		{errs.New("x", errs.Invalid, errs.BadLimit, ""), 0, api(wire.IncreasingFailed, 0)},
		{errs.New("x", errs.Invalid, errs.BadName, ""), wire.InvalidStorage, api(wire.InvalidRequest, wire.ParameterInvalid)},
		{errs.Wrap("x", errs.Invalid, "", wire.Fault{Primary: wire.InvalidXML, Secondary: 2}), 0, api(wire.InvalidXML, 2)},
	} {
		if got := outcomeOf(c.err, c.badLimit); got != c.want {
			t.Errorf("%v: %+v, want %+v", c.err, got, c.want)
		}
	}
}
