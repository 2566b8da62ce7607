package overlay

// Sizes of the blocks that an arena allocates, in bytes.
const (
	firstBlock = 8 << 10
	lastBlock  = 1 << 20
)

// An arena holds copies of keys and values until it is reset. The zero arena
// is ready.
type arena struct {
	block []byte // the block in use; earlier ones live on in the copies alone
}

// alloc returns n bytes whose contents are undefined.
func (a *arena) alloc(n int) []byte {
	if cap(a.block)-len(a.block) < n || a.block == nil {
		size := min(max(firstBlock, 2*cap(a.block)), lastBlock)
		a.block = make([]byte, 0, max(size, n))
	}
	at := len(a.block)
	a.block = a.block[:at+n]
	return a.block[at : at+n : at+n]
}

// copy returns a copy of b that is never nil.
func (a *arena) copy(b []byte) []byte {
	c := a.alloc(len(b))
	copy(c, b)
	return c
}

// reset forgets all copies; the newest block is used again.
func (a *arena) reset() { a.block = a.block[:0] }
