package kv

import "encoding/binary"

// CounterLen is the length in bytes of a counter row's value.
const CounterLen = 8

// Counter decodes the value of a counter row. An absent row (nil) counts 0,
// and so does a value that is no counter.
func Counter(value []byte) int64 {
	if len(value) != CounterLen {
		return 0
	}
	return int64(binary.BigEndian.Uint64(value))
}

// AppendCounter appends the value of a counter row that stands at n to b: 8
// bytes, big-endian two's complement.
func AppendCounter(b []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(n))
}
