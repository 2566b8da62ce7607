package wire

import (
	"bytes"
)

// A Dialect is one of the two forms of the API.
type Dialect uint8

// The dialects. All paths of the API accept both.
const (
	TD  Dialect = iota // TeamDrive's own XML
	STD                // XML-RPC
)

// String names the dialect for the log.
func (d Dialect) String() string {
	if d == STD {
		return "std"
	}
	return "td"
}

// SniffBytes is how much of a body Sniff needs to see.
const SniffBytes = 512

var byteOrderMark = []byte("\xef\xbb\xbf")

// Sniff tells the dialect that an error is to be answered in, without parsing:
// it skips a byte-order mark, white space, processing instructions, comments
// and a DOCTYPE, and looks for "<methodCall" there. Everything else is TD.
func Sniff(head []byte) Dialect {
	head = bytes.TrimPrefix(head, byteOrderMark)
	for {
		head = bytes.TrimLeft(head, whiteSpace)
		var rest []byte
		var ok bool
		switch {
		case bytes.HasPrefix(head, []byte("<?")):
			_, rest, ok = bytes.Cut(head, []byte("?>"))
		case bytes.HasPrefix(head, []byte("<!--")):
			_, rest, ok = bytes.Cut(head[len("<!--"):], []byte("-->"))
		case bytes.HasPrefix(head, []byte("<!DOCTYPE")):
			rest, ok = skipDoctype(head)
		default:
			return rootDialect(head)
		}
		if !ok {
			return TD
		}
		head = rest
	}
}

// skipDoctype skips to the ">" that closes a DOCTYPE, over an internal subset
// in brackets.
func skipDoctype(head []byte) (rest []byte, ok bool) {
	depth := 0
	for i, c := range head {
		switch c {
		case '[':
			depth++
		case ']':
			depth--
		case '>':
			if depth <= 0 {
				return head[i+1:], true
			}
		}
	}
	return nil, false
}

func rootDialect(head []byte) Dialect {
	rest, ok := bytes.CutPrefix(head, []byte("<methodCall"))
	if ok && len(rest) > 0 && bytes.ContainsAny(rest[:1], whiteSpace+">/") {
		return STD
	}
	return TD
}
