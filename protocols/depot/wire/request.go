package wire

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// A Call is one decoded request, its command still unknown to be one.
type Call struct {
	Dialect Dialect
	// Name is the text of command or methodName, trimmed; "" when it is
	// missing.
	Name string
	// Params are the parameters: one struct of the elements in TD, whatever
	// was sent in STD.
	Params []Param
}

// A Param is a value of a request.
type Param struct {
	kind    kind
	text    string // of a scalar, as sent in STD, trimmed in TD
	list    []Param
	members Fields
}

// Fields are the parameters of a command by their primary names; aliases are
// resolved.
type Fields map[string]Param

type kind uint8

const (
	kindText    kind = iota // TD's text, STD's string and untyped value
	kindInt                 // int, i4, i8
	kindDouble              // double
	kindBoolean             // boolean
	kindTime                // dateTime.iso8601
	kindBase64              // base64
	kindArray               // array
	kindStruct              // struct
	kindNil                 // nil
)

// aliases are the other names that some elements and members go by.
var aliases = map[string]string{
	"disklimit":     "disclimit",
	"users":         "userlist",
	"spaceids":      "spaceid",
	"spacelist":     "spaceid",
	"changeinfo":    "changeid",
	"contactnumber": "contractnumber",
	"contract":      "contractnumber",
	"hostserver":    "hosturl",
	"document":      "depotdocument",
}

func primaryName(name string) string {
	if primary, ok := aliases[name]; ok {
		return primary
	}
	return name
}

// add puts a member in; one that is there, under whatever name, is an error.
func (f Fields) add(name string, p Param) error {
	name = primaryName(name)
	if _, twice := f[name]; twice {
		return badRequest(GivenTwice)
	}
	f[name] = p
	return nil
}

// Decode reads the body of a request, whichever the dialect. The error is a
// Fault: InvalidXML for what is no acceptable XML, InvalidRequest for another
// shape than a request has.
func Decode(body []byte) (Call, error) {
	if Sniff(body) == STD {
		return decodeSTD(body)
	}
	return decodeTD(body)
}

// Fields returns the one struct that a depot command takes.
func (c Call) Fields() (Fields, error) {
	if len(c.Params) != 1 || c.Params[0].kind != kindStruct {
		return nil, badRequest(WrongShape)
	}
	return c.Params[0].members, nil
}

// trimmed returns the text of a scalar without surrounding white space.
func (p Param) trimmed() string { return strings.Trim(p.text, whiteSpace) }

// absent tells whether a parameter is missing; an empty one counts as such.
func (f Fields) absent(name string) bool {
	p, ok := f[name]
	return !ok || p.kind == kindNil || p.kind <= kindTime && p.trimmed() == ""
}

// Text returns a text, "" when it is absent. A value of a type that is no text
// is WrongShape.
func (f Fields) Text(name string) (string, error) {
	if f.absent(name) {
		return "", nil
	}
	p := f[name]
	switch p.kind {
	case kindText:
		return p.trimmed(), nil
	case kindInt:
		if _, err := strconv.ParseInt(p.trimmed(), 10, 64); err != nil {
			return "", badRequest(ParameterInvalid)
		}
		return p.trimmed(), nil
	}
	return "", badRequest(WrongShape)
}

// Quantity returns a number of bytes; given tells whether one was sent. In TD
// that is 1 to 19 digits and nothing else; in STD also any integer type, and a
// double without fraction up to 2^53. ParameterInvalid otherwise.
func (f Fields) Quantity(name string) (n int64, given bool, err error) {
	if f.absent(name) {
		return 0, false, nil
	}
	n, ok := f[name].integer()
	if !ok || n < 0 {
		return 0, true, badRequest(ParameterInvalid)
	}
	return n, true, nil
}

// integer reads any of the forms that integers come in.
func (p Param) integer() (int64, bool) {
	text := p.trimmed()
	switch p.kind {
	case kindText:
		if len(text) > 19 || strings.Trim(text, "0123456789") != "" {
			return 0, false
		}
		fallthrough
	case kindInt:
		n, err := strconv.ParseInt(text, 10, 64)
		return n, err == nil
	case kindDouble:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil || x != math.Trunc(x) || math.Abs(x) > 1<<53 {
			return 0, false
		}
		return int64(x), true
	}
	return 0, false
}

// ID returns the id of a depot or space, 0 when it is absent: 1 to 19 digits
// of which the first is not zero. ParameterInvalid otherwise.
func (f Fields) ID(name string) (uint64, error) {
	text, err := f.Text(name)
	if err != nil || text == "" {
		return 0, err
	}
	return parseID(text)
}

// IDs returns a list of ids, in the forms that Names takes.
func (f Fields) IDs(name string) ([]uint64, error) {
	texts, err := f.Names(name)
	if err != nil {
		return nil, err
	}
	ids := make([]uint64, len(texts))
	for i, text := range texts {
		if ids[i], err = parseID(text); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

func parseID(text string) (uint64, error) {
	if len(text) > 19 || text[0] == '0' || strings.Trim(text, "0123456789") != "" {
		return 0, badRequest(ParameterInvalid)
	}
	return strconv.ParseUint(text, 10, 64) // 19 digits always fit
}

// Flag returns a boolean, false when it is absent: true, false, $true, $false;
// in STD also boolean and int of 0 or 1.
func (f Fields) Flag(name string) (bool, error) {
	if f.absent(name) {
		return false, nil
	}
	p := f[name]
	switch text := p.trimmed(); p.kind {
	case kindText:
		switch strings.TrimPrefix(text, "$") {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		return false, badRequest(ParameterInvalid)
	case kindBoolean, kindInt:
		if text != "0" && text != "1" {
			return false, badRequest(ParameterInvalid)
		}
		return text == "1", nil
	}
	return false, badRequest(WrongShape)
}

// Names returns a list: texts separated by commas, or an array of texts in
// STD. Entries are trimmed; empty ones and repetitions are dropped. More than
// 1,000 are ParameterTooLong.
func (f Fields) Names(name string) ([]string, error) {
	var entries []string
	if p := f[name]; p.kind == kindArray {
		for _, entry := range p.list {
			text, err := Fields{"": entry}.Text("")
			if err != nil {
				return nil, err
			}
			entries = append(entries, text)
		}
	} else {
		text, err := f.Text(name)
		if err != nil {
			return nil, err
		}
		entries = strings.Split(text, ",")
	}
	var out []string
	seen := map[string]bool{}
	for _, entry := range entries {
		if entry = strings.Trim(entry, whiteSpace); entry != "" && !seen[entry] {
			seen[entry] = true
			out = append(out, entry)
		}
	}
	if len(out) > maxEntries {
		return nil, badRequest(ParameterTooLong)
	}
	return out, nil
}

// Time returns requesttime in Unix seconds: an integer, or in STD a
// dateTime.iso8601, which without a zone is UTC. TimeMissing when there is
// none.
func (f Fields) Time() (int64, error) {
	const name = "requesttime"
	if f.absent(name) {
		return 0, badRequest(TimeMissing)
	}
	p := f[name]
	if p.kind == kindTime {
		for _, layout := range []string{stdTime, stdTime + "Z07:00", "2006-01-02T15:04:05", time.RFC3339} {
			if t, err := time.Parse(layout, p.trimmed()); err == nil {
				return t.Unix(), nil
			}
		}
		return 0, badRequest(TimeMissing)
	}
	n, ok := p.integer()
	if !ok {
		return 0, badRequest(TimeMissing)
	}
	return n, nil
}
