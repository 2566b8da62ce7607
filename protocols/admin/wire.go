package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// Limits of a request.
const (
	maxBody  = 1 << 20 // bytes
	maxBatch = 50      // calls
)

// A request is one call as it goes over the wire.
type request struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id,omitempty"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params,omitempty"`
}

// notification tells a call that wants no answer.
func (r *request) notification() bool { return len(r.ID) == 0 }

type response struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  any             `json:"result,omitempty"`
	Error   *Failure        `json:"error,omitempty"`
}

// null is the id of answers to what had none that could be read.
var null = json.RawMessage("null")

// A parsed body is one call, or a batch of them. Calls that cannot be read
// have their failure in their place.
type parsed struct {
	batch bool
	calls []call
}

type call struct {
	request
	bad *Failure // not nil: why it is not carried out
}

// unread tells what is no call at all.
func (c *call) unread() bool { return c.bad != nil && c.bad.Code == codeInvalid }

// parse reads a body. The error is a *Failure: -32700 where it is no JSON,
// -32600 where it is no call, an empty batch or too large a one.
func parse(body []byte) (parsed, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	var raw json.RawMessage
	if err := dec.Decode(&raw); err != nil {
		return parsed{}, badCall(codeParse, "the request is no JSON")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return parsed{}, badCall(codeParse, "something follows the request")
	}
	if raw[0] != '[' {
		c := decode(raw)
		if c.unread() {
			return parsed{}, c.bad
		}
		return parsed{calls: []call{c}}, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return parsed{}, badCall(codeParse, "the request is no JSON")
	}
	if len(list) == 0 || len(list) > maxBatch {
		return parsed{}, badCall(codeInvalid, "a batch has 1 to 50 calls")
	}
	p := parsed{batch: true, calls: make([]call, len(list))}
	for i := range list {
		p.calls[i] = decode(list[i])
	}
	return p, nil
}

// decode reads one call. What is none has its failure, and no id.
func decode(raw json.RawMessage) call {
	var r request
	if raw[0] != '{' || json.Unmarshal(raw, &r) != nil || r.Version != "2.0" || r.Method == "" {
		return call{bad: invalidCall("a call has jsonrpc 2.0 and a method")}
	}
	if hasID(raw) && len(r.ID) == 0 {
		r.ID = null
	}
	if !r.notification() && !goodID(r.ID) {
		return call{bad: invalidCall("an id is a string, an integer or null")}
	}
	if len(r.Params) > 0 && r.Params[0] != '{' {
		return call{request: r, bad: &Failure{Code: codeParams, Message: "params is an object", Data: &FailureData{Status: 400}}}
	}
	return call{request: r}
}

// hasID tells whether a call has an id member: one that is null leaves no
// trace in a RawMessage with omitempty.
func hasID(raw json.RawMessage) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return false
	}
	_, ok := members["id"]
	return ok
}

func goodID(id json.RawMessage) bool {
	switch id[0] {
	case '"', 'n':
		return true
	case 't', 'f', '{', '[':
		return false
	}
	return !strings.ContainsAny(string(id), ".eE")
}

// params reads the parameters of a method; unknown ones are refused.
func params[P any](raw json.RawMessage) (P, error) {
	var p P
	if len(raw) == 0 {
		return p, nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return p, badCall(codeParams, "the parameters do not fit the method: "+reasonOf(err))
	}
	return p, nil
}

// reasonOf says what is wrong with parameters, in words that name no types of
// the program.
func reasonOf(err error) string {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) && kind.Field != "" {
		return kind.Field + " is no " + kind.Value + " here"
	}
	if text, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return "there is no " + text
	}
	return "a value is malformed"
}
