package protocoltest

import (
	"time"
)

// A script is one parsed file: logins for all steps and the steps.
type script struct {
	login *login
	steps []step
}

// A step is one request with what is expected of its answer, or a move of the
// clock.
type step struct {
	line    int
	wait    time.Duration // not 0: only the clock moves
	send    *operand      // not nil: these bytes are the request
	method  string
	target  string
	header  []headerLine
	login   *login
	body    *body
	actions []action
}

// A headerLine is a header with the spelling of the script, or raw bytes for
// the header block when the name is empty.
type headerLine struct {
	name, value string
}

// A login says whose credentials a request carries.
type login struct {
	scheme   loginScheme
	user     string
	password string
	known    bool // a password was given
}

type loginScheme int

const (
	loginNobody loginScheme = iota
	loginBasic
	loginToken
)

// A body is what a request sends and how.
type body struct {
	operand
	chunk     int // 0: with Content-Length; otherwise the size of a chunk
	truncated int // -1: whole; otherwise how many bytes go out
}

type operandKind int

const (
	operandText operandKind = iota
	operandRepeat
	operandFile
)

// An operand yields bytes: text, repeated text, or a file.
type operand struct {
	kind  operandKind
	text  string // or the file's name
	count int
}

// An action is an expectation, or a variable to keep.
type action struct {
	line    int
	text    string // the line itself, for messages
	subject string // "status", "header", "body", "json", "length", "md5", "wire", "continued", "set"
	name    string // of the header
	op      string // "==", "!=", "in", "contains", "lacks", "matches", "absent", "present", "empty"
	want    operand
	pattern string  // when op is "matches"
	set     string  // variable, when not empty
	from    *action // what a variable takes; nil: want
}
