package depot

import (
	"context"
	"errors"
	"slices"
	"strings"

	"entrepot/protocols/depot/wire"
)

// maxCalls is how many calls one system.multicall may hold.
const maxCalls = 100

// A method is one of XML-RPC's own: introspection and batching. They need no
// requesttime, having no struct to carry it, and change nothing themselves.
type method struct {
	run       func(ctx context.Context, x *exchange, call wire.Call) (wire.Value, error)
	signature []string // type of the result, then of the parameters
	help      string
}

// methods returns XML-RPC's own methods by name.
func methods() map[string]method {
	return map[string]method{
		"system.listMethods": {listMethods, []string{"array"}, "Returns the names of all methods."},
		"system.methodHelp": {methodHelp, []string{"string", "string"},
			"Returns a text about the method of the given name. Errors: -30001."},
		"system.methodSignature": {methodSignature, []string{"array", "string"},
			"Returns the signatures of the method of the given name, each an array of types, that of the result first. Errors: -30001."},
		"system.getCapabilities": {getCapabilities, []string{"struct"}, "Returns the specifications that are followed."},
		"system.multicall": {multicall, []string{"array", "array"},
			"Performs up to 100 calls, each a struct of methodName and params, and returns for each an array of one value, or a fault. Errors: -30002."},
	}
}

// none refuses parameters.
func none(call wire.Call) error {
	if len(call.Params) != 0 {
		return wire.Fault{Primary: wire.InvalidRequest, Secondary: wire.WrongShape}
	}
	return nil
}

func listMethods(_ context.Context, x *exchange, call wire.Call) (wire.Value, error) {
	var names wire.Names
	for name := range x.commands {
		names = append(names, prefix+name)
	}
	for name := range x.methods {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, none(call)
}

// named finds the method that a call asks about: its signature and help.
func (x *exchange) named(call wire.Call) (signature []string, help string, err error) {
	name, err := call.OnlyText()
	if err != nil {
		return nil, "", err
	}
	if m, ok := x.methods[name]; ok {
		return m.signature, m.help, nil
	}
	if cmd, ok := x.commands[unprefixed(name)]; ok {
		return []string{"struct", "struct"}, cmd.describe(), nil
	}
	return nil, "", wire.Fault{Primary: wire.InvalidCommand}
}

// describe is one paragraph on a command, its members and its codes.
func (c command) describe() string {
	var b strings.Builder
	b.WriteString(c.help + " Members: requesttime, the time in Unix seconds")
	for _, m := range c.members {
		b.WriteString("; " + m.name + ", " + m.text)
	}
	b.WriteString(". Errors: " + c.faults + ".")
	return b.String()
}

func methodHelp(_ context.Context, x *exchange, call wire.Call) (wire.Value, error) {
	_, help, err := x.named(call)
	return wire.Text(help), err
}

func methodSignature(_ context.Context, x *exchange, call wire.Call) (wire.Value, error) {
	signature, _, err := x.named(call)
	return wire.Array{wire.Names(signature)}, err
}

func getCapabilities(_ context.Context, _ *exchange, call wire.Call) (wire.Value, error) {
	follows := func(name, url string) wire.Member {
		return wire.Member{Name: name, Value: wire.Struct{
			{Name: "specUrl", Value: wire.Text(url)}, {Name: "specVersion", Value: wire.Number(1)},
		}}
	}
	return wire.Struct{
		follows("xmlrpc", "http://www.xmlrpc.com/spec"),
		follows("introspect", "http://xmlrpc-c.sourceforge.net/xmlrpc-c/introspection.html"),
	}, none(call)
}

// multicall performs calls one after the other. One that fails has a fault in
// its place and does not stop the others.
func multicall(ctx context.Context, x *exchange, call wire.Call) (wire.Value, error) {
	calls, failed, err := call.Calls(maxCalls)
	if err != nil {
		return nil, err
	}
	out := make(wire.Array, len(calls))
	for i, c := range calls {
		v, err := wire.Value(nil), failed[i]
		if err == nil {
			v, err = x.inner(ctx, c, i)
		}
		if err != nil {
			o := outcomeOf(err, x.badLimit)
			if o.status != 0 { // nothing of HTTP fits in here
				o = outcomeOf(errors.New("status"), 0)
			}
			out[i] = o.fault.Struct()
			continue
		}
		out[i] = wire.Array{v}
	}
	return out, nil
}

// inner performs one call of a multicall, which cannot be one itself.
func (x *exchange) inner(ctx context.Context, call wire.Call, place int) (wire.Value, error) {
	if call.Name == "system.multicall" {
		return nil, wire.Fault{Primary: wire.InvalidRequest, Secondary: wire.WrongShape}
	}
	if m, ok := x.methods[call.Name]; ok {
		return m.run(ctx, x, call)
	}
	result, err := x.perform(ctx, call, place)
	if err != nil {
		return nil, err
	}
	return result, nil
}
