// Package faults runs a gateway into faults and judges what it shows
// afterwards. Each fault has a name (C1 … C17, as in docs/reliability.md), and
// one run of it follows from one seed: a fresh data directory, a load, the
// fault, a restart without help, and the whole inspection, twice.
//
// What a seed cannot fix is the scheduling of threads and the speed of the
// disk, so a seed finds a place in the load again, not always the same
// instruction.
package faults
