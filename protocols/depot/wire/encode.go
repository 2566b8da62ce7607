package wire

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A Value is part of a result. Both dialects can write it.
type Value interface {
	td(b *strings.Builder)
	std(b *strings.Builder, big BigInt)
}

// The values of results.
type (
	// Text is a string, also for ids and depot documents.
	Text string
	// Number is an integer.
	Number int64
	// Flag is a boolean.
	Flag bool
	// Moment is a time, written in UTC to the second.
	Moment time.Time
	// Names is a list of texts: separated by commas in TD, an array in STD.
	Names []string
	// Struct has members in the order they are written in.
	Struct []Member
	// Array is a list of anything; only STD has a use for it.
	Array []Value
)

// A Member is a named value: an element in TD, a member in STD.
type Member struct {
	Name  string
	Value Value
}

// Records is a list of structs of one kind; TD writes each as an element of
// the name Entry.
type Records struct {
	Entry string
	List  []Struct
}

// A BigInt says how STD writes integers beyond 32 bits.
type BigInt string

// The ways to write big integers.
const (
	BigI8     BigInt = "i8" // the default; clients in Go and Python read it as their integers
	BigString BigInt = "string"
	BigDouble BigInt = "double"
)

// Layouts of times.
const (
	tdTime  = "01/02/2006 15:04:05.00"
	stdTime = "20060102T15:04:05"
)

// The versions that replies name: the old one in some replies, as the API's
// manual prints them.
const (
	version    = "3.0.003"
	oldVersion = "1.0.004"
)

const (
	tdHead  = "<?xml version='1.0' encoding='UTF-8' ?>\n<teamdrive>"
	tdTail  = "</teamdrive>"
	stdHead = `<?xml version="1.0" encoding="UTF-8"?>` + "\n<methodResponse>"
	stdTail = "</methodResponse>"
)

// An Encoder writes replies.
type Encoder struct {
	Dialect Dialect
	BigInt  BigInt // "" is BigI8
	// Old marks a command whose faults name the old version.
	Old bool
}

// Result writes the reply of a depot command, whose members begin with those
// that Versioned adds.
func (e Encoder) Result(members Struct) []byte {
	if e.Dialect == STD {
		return e.Reply(members)
	}
	var b strings.Builder
	b.WriteString(tdHead)
	members.td(&b)
	b.WriteString(tdTail)
	return []byte(b.String())
}

// Versioned returns the members with the version of the API before them, the
// old one for the replies that have that.
func Versioned(members Struct, old bool) Struct {
	named := Text(version)
	if old {
		named = oldVersion
	}
	return append(Struct{{"apiversion", named}}, members...)
}

// Reply writes an STD reply of one value.
func (e Encoder) Reply(v Value) []byte {
	var b strings.Builder
	b.WriteString(stdHead + "<params><param>")
	writeValue(&b, v, e.BigInt)
	b.WriteString("</param></params>" + stdTail)
	return []byte(b.String())
}

// Fault writes a refusal.
func (e Encoder) Fault(f Fault) []byte {
	var b strings.Builder
	if e.Dialect == STD {
		b.WriteString(stdHead + "<fault>")
		writeValue(&b, f.Struct(), e.BigInt)
		b.WriteString("</fault>" + stdTail)
		return []byte(b.String())
	}
	secondary := ""
	if f.Secondary != 0 {
		secondary = strconv.Itoa(f.Secondary)
	}
	b.WriteString(tdHead)
	Versioned(Struct{{"exception", Struct{
		{"primarycode", Text(strconv.Itoa(f.Primary))}, {"secondarycode", Text(secondary)}, {"message", Text(f.Message())},
	}}}, e.Old || f.Primary <= AccessDenied && f.Primary >= InvalidXML).td(&b)
	b.WriteString(tdTail)
	return []byte(b.String())
}

// Struct returns the fault as STD's structure, which a multicall also holds.
func (f Fault) Struct() Struct {
	return Struct{{"faultCode", Number(f.Primary)}, {"faultString", Text(f.Error())}}
}

func (v Text) td(b *strings.Builder)   { escape(b, string(v)) }
func (v Number) td(b *strings.Builder) { b.WriteString(strconv.FormatInt(int64(v), 10)) }
func (v Flag) td(b *strings.Builder)   { b.WriteString(strconv.FormatBool(bool(v))) }
func (v Moment) td(b *strings.Builder) {
	b.WriteString(time.Time(v).UTC().Truncate(time.Second).Format(tdTime))
}
func (v Names) td(b *strings.Builder) { escape(b, strings.Join(v, ",")) }

func (v Struct) td(b *strings.Builder) {
	for _, m := range v {
		b.WriteString("<" + m.Name + ">")
		m.Value.td(b)
		b.WriteString("</" + m.Name + ">")
	}
}

func (v Array) td(b *strings.Builder) {
	for _, entry := range v {
		entry.td(b)
	}
}

func (v Records) td(b *strings.Builder) {
	for _, entry := range v.List {
		Struct{{v.Entry, entry}}.td(b)
	}
}

func (v Text) std(b *strings.Builder, _ BigInt) {
	b.WriteString("<string>")
	escape(b, string(v))
	b.WriteString("</string>")
}

func (v Number) std(b *strings.Builder, big BigInt) {
	name := "int"
	text := strconv.FormatInt(int64(v), 10)
	if v > math.MaxInt32 || v < math.MinInt32 {
		switch name = string(big); big {
		case "":
			name = string(BigI8)
		case BigDouble:
			text = strconv.FormatFloat(float64(v), 'f', 1, 64)
		}
	}
	b.WriteString("<" + name + ">" + text + "</" + name + ">")
}

func (v Flag) std(b *strings.Builder, _ BigInt) {
	digit := "0"
	if v {
		digit = "1"
	}
	b.WriteString("<boolean>" + digit + "</boolean>")
}

func (v Moment) std(b *strings.Builder, _ BigInt) {
	b.WriteString("<dateTime.iso8601>" + time.Time(v).UTC().Format(stdTime) + "</dateTime.iso8601>")
}

func (v Names) std(b *strings.Builder, big BigInt) {
	list := make(Array, len(v))
	for i, name := range v {
		list[i] = Text(name)
	}
	list.std(b, big)
}

func (v Struct) std(b *strings.Builder, big BigInt) {
	b.WriteString("<struct>")
	for _, m := range v {
		b.WriteString("<member><name>" + m.Name + "</name>")
		writeValue(b, m.Value, big)
		b.WriteString("</member>")
	}
	b.WriteString("</struct>")
}

func (v Array) std(b *strings.Builder, big BigInt) {
	b.WriteString("<array><data>")
	for _, entry := range v {
		writeValue(b, entry, big)
	}
	b.WriteString("</data></array>")
}

func (v Records) std(b *strings.Builder, big BigInt) {
	list := make(Array, len(v.List))
	for i, entry := range v.List {
		list[i] = entry
	}
	list.std(b, big)
}

func writeValue(b *strings.Builder, v Value, big BigInt) {
	b.WriteString("<value>")
	v.std(b, big)
	b.WriteString("</value>")
}

// escape writes text for XML; characters that XML 1.0 forbids, and bytes that
// are no UTF-8, become U+FFFD.
func escape(b *strings.Builder, text string) {
	for _, r := range text {
		switch {
		case r == '&':
			b.WriteString("&amp;")
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '\r': // a bare one would be read as a line feed
			b.WriteString("&#13;")
		case !allowed(r):
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteRune(r)
		}
	}
}
