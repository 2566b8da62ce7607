package depot

import (
	"unicode/utf8"

	"entrepot/gateway/names"
	"entrepot/protocols/depot/wire"
)

// params reads the parameters of one command. The first failure stays; the
// readers after it return zeros.
type params struct {
	fields wire.Fields
	err    error
}

func (p *params) keep(err error) {
	if p.err == nil {
		p.err = err
	}
}

// refuse keeps a fault with the given secondary code.
func (p *params) refuse(secondary int) {
	p.keep(wire.Fault{Primary: wire.InvalidRequest, Secondary: secondary})
}

// text reads a text of at most limit characters; a limit of 0 is none.
func (p *params) text(name string, limit int) string {
	s, err := p.fields.Text(name)
	p.keep(err)
	if limit > 0 && utf8.RuneCountInString(s) > limit {
		p.refuse(wire.ParameterTooLong)
	}
	return s
}

// user reads username, which is required.
func (p *params) user() string {
	s := p.text("username", 0)
	if s == "" {
		p.refuse(wire.ParameterMissing)
		return ""
	}
	p.keep(names.User(s))
	return s
}

// optionalID reads an id, 0 when it is absent.
func (p *params) optionalID(name string) uint64 {
	id, err := p.fields.ID(name)
	p.keep(err)
	return id
}

// id reads an id that is required.
func (p *params) id(name string) uint64 {
	id := p.optionalID(name)
	if id == 0 {
		p.refuse(wire.ParameterMissing)
	}
	return id
}

// flag reads a boolean.
func (p *params) flag(name string) bool {
	b, err := p.fields.Flag(name)
	p.keep(err)
	return b
}

// list reads a list of texts.
func (p *params) list(name string) []string {
	l, err := p.fields.Names(name)
	p.keep(err)
	return l
}

// required marks a list or text that may not be empty.
func (p *params) required(length int) {
	if length == 0 {
		p.refuse(wire.ParameterMissing)
	}
}

// ids reads a list of ids, which is required.
func (p *params) ids(name string) []uint64 {
	l, err := p.fields.IDs(name)
	p.keep(err)
	p.required(len(l))
	return l
}

// impossible is a limit that no depot can have: what cannot be read is handed
// to the gateway as this, because the gateway judges limits after it found the
// depot, and a caller is to be told of the depot first.
const impossible = -1

// limit reads a number of bytes above zero; absent is what it is when it is
// not there.
func (p *params) limit(name string, absent int64) int64 {
	n, given, err := p.fields.Quantity(name)
	switch {
	case err != nil || given && n == 0:
		return impossible
	case !given:
		return absent
	}
	return n
}
