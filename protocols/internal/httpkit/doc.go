// Package httpkit holds what all faces need of HTTP and what belongs to no
// single protocol: the event of a request and its ID, deadlines that roll with
// the bytes, recovery from panics, byte ranges, and the splitters that turn
// request paths into names. It knows no rules of accounts or objects.
package httpkit
