package depot

import (
	"context"
	"math"
	"strconv"

	"entrepot/gateway"
	"entrepot/protocols/depot/wire"
)

// A command of the API: a function from decoded parameters to a result that
// either dialect can write.
type command struct {
	run      func(ctx context.Context, x *exchange, p *params, call gateway.DepotCall) (wire.Struct, error)
	changes  bool    // it changes something, so a repetition is refused
	badLimit int     // primary code for a limit that cannot be
	version  naming  // which version its replies name
	help     string  // for system.methodHelp
	members  []usage // likewise
	faults   string  // likewise
}

// naming says which version of the API the replies of a command name. The
// original's manual prints the old one in some, which callers may have been
// written after.
type naming uint8

const (
	current    naming = iota
	oldSuccess        // the old one, but in refusals
	oldAlways         // the old one
)

// usage describes a parameter for system.methodHelp.
type usage struct{ name, text string }

// commands returns the API's commands by their TD names.
func commands() map[string]command {
	all := map[string]command{}
	for _, group := range []map[string]command{readingCommands(), limitCommands(), stateCommands(), userCommands(), sharingCommands()} {
		for name, c := range group {
			all[name] = c
		}
	}
	return all
}

// Parameters that several commands have.
var (
	memberUser     = usage{"username", "the owner of the depot"}
	memberDepot    = usage{"depotid", "the depot"}
	memberTraffic  = usage{"trafficlimit", "optional: the traffic limit in bytes, else ten times the storage limit"}
	memberNote     = usage{"changeid", "optional: a text of at most 1024 characters for the history"}
	memberContract = usage{"contractnumber", "a text of at most 128 characters"}
)

// Limits of texts, in characters, and of the history.
const (
	maxChangeID    = 1024
	maxContract    = 128
	maxMessage     = 1024
	maxHistory     = 1000
	defaultHistory = 100
)

// done is the result of a change that has nothing to tell.
func done() wire.Struct { return wire.Struct{{Name: "intresult", Value: wire.Number(0)}} }

// owned reads the two parameters that say which depot is meant.
func (x *exchange) owned(p *params) {
	x.user, x.depot = p.user(), p.id("depotid")
}

// idText writes an id; XML-RPC has it as a string, so that no client rounds
// it.
func idText(id uint64) wire.Text { return wire.Text(strconv.FormatUint(id, 10)) }

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
