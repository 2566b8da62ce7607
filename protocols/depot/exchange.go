package depot

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/depot/wire"
)

// An exchange is one proven request on its way to a reply.
type exchange struct {
	*Face
	body  []byte
	start time.Time
	enc   wire.Encoder
	// proven tells that the caller knows the secret.
	proven bool

	// noted tells that the command that ran last wrote its line of the log
	// with its change.
	noted bool

	// What the log says, and the code for a bad limit: of the command that ran
	// last.
	command  string
	user     string
	depot    uint64
	badLimit int
}

// answer decodes the body and returns the reply.
func (x *exchange) answer(ctx context.Context) ([]byte, error) {
	call, err := wire.Decode(x.body)
	if err != nil {
		return nil, err
	}
	if method, ok := x.methods[call.Name]; ok && call.Dialect == wire.STD {
		x.command = call.Name
		v, err := method.run(ctx, x, call)
		if err != nil {
			return nil, err
		}
		return x.enc.Reply(v), nil
	}
	result, err := x.perform(ctx, call, -1)
	if err != nil {
		return nil, err
	}
	return x.enc.Result(result), nil
}

// prefix stands before the commands' names in XML-RPC, where it may be left
// out.
const prefix = "depot."

func unprefixed(name string) string { return strings.TrimPrefix(name, prefix) }

// perform runs a depot command and returns its whole reply. place tells the calls of a multicall apart; it
// is -1 for a request's only one.
func (x *exchange) perform(ctx context.Context, call wire.Call, place int) (wire.Struct, error) {
	name := call.Name
	if call.Dialect == wire.STD {
		name = unprefixed(name)
	}
	cmd, ok := x.commands[name]
	if !ok {
		return nil, wire.Fault{Primary: wire.InvalidCommand}
	}
	x.command, x.badLimit, x.user, x.depot, x.enc.Old = name, cmd.badLimit, "", 0, cmd.version == oldAlways
	x.noted = false
	fields, err := call.Fields()
	if err != nil {
		return nil, err
	}
	sent, err := fields.Time()
	if err != nil {
		return nil, err
	}
	if err := x.checkTime(sent); err != nil {
		return nil, err
	}
	p := &params{fields: fields}
	if provider := p.text("distributor", 0); provider != "" && provider != x.cfg.ProviderCode {
		return nil, errs.New("depot.distributor", errs.NotFound, unknownProvider, "")
	}
	depotCall := gateway.DepotCall{Command: name}
	if cmd.changes && !x.cfg.AllowReplay {
		depotCall.Replay = x.replay(sent, place)
	}
	if cmd.changes && !x.cfg.NoLog {
		depotCall.Log = func() gateway.DepotAPICall {
			x.noted = true
			return x.line(ctx, wire.Fault{})
		}
	}
	result, err := cmd.run(ctx, x, p, depotCall)
	if err != nil {
		x.noted = false
		return nil, err
	}
	return wire.Versioned(result, cmd.version != current), nil
}

// checkTime judges requesttime. Clocks are compared in whole seconds, which is
// all that a request has.
func (x *exchange) checkTime(sent int64) error {
	if x.cfg.Window < 0 {
		return nil
	}
	now, window := x.start.Unix(), int64(x.cfg.Window/time.Second)
	if sent < now-window || sent > now+window {
		return wire.Fault{Primary: wire.InvalidRequest, Secondary: wire.TimeOutside}
	}
	return nil
}

// replay identifies the request for as long as its time would be accepted. The
// calls of a multicall have one body: their place tells them apart.
func (x *exchange) replay(sent int64, place int) *gateway.Replay {
	digest := sha256.Sum256(x.body)
	if place >= 0 {
		digest = sha256.Sum256(binary.BigEndian.AppendUint32(digest[:], uint32(place)))
	}
	if x.cfg.Window < 0 {
		return &gateway.Replay{Digest: digest, Until: x.start.Add(replayWithoutTime)}
	}
	// The last second of the window is accepted to its end.
	return &gateway.Replay{Digest: digest, Until: time.Unix(sent+1, 0).Add(x.cfg.Window)}
}
