package boltkv

import "fmt"

// A damaged page can make bbolt panic, or make it hand out slices that point
// outside of the mapped file, which fault when somebody reads them. Goroutines
// that read rows turn faults into panics (debug.SetPanicOnFault); these
// functions turn such panics into errors. A panic of a transaction's own
// function passes.

// damagedError is the error of what bbolt, or a fault, panicked with.
func damagedError(v any) error { return fmt.Errorf("damaged database: %v", v) }

// caught makes any panic of the function that defers it an error: for calls of
// bbolt.
func caught(err *error) {
	if v := recover(); v != nil {
		*err = damagedError(v)
	}
}

// isFault tells whether v is the panic of a read outside of the map.
func isFault(v any) bool {
	_, fault := v.(interface{ Addr() uintptr })
	return fault
}

// catchFault makes a fault of the function that defers it an error.
func catchFault(err *error) {
	v := recover()
	switch {
	case v == nil:
	case isFault(v):
		*err = damagedError(v)
	default:
		panic(v)
	}
}
