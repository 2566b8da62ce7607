// Package volatiledisk is a disk that forgets: one image with a volatile write
// cache, of which a cut of the power keeps or loses each 4 KiB block that was
// written since the last flush. It is served over FUSE, so that a loop device
// and a real file system can lie on it.
//
// The image is kept in memory, sparsely. What a flush (fsync of the file,
// which the loop device sends for each flush of the block layer) has covered
// is durable; all else is at the mercy of Cut.
package volatiledisk

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
)

// BlockSize is the number of bytes that a cut keeps or loses as one.
const BlockSize = 4096

// maxVersions is how many unflushed versions of one block are remembered: a
// real cache may have written an older one when the power goes.
const maxVersions = 4

type block [BlockSize]byte

// A Disk is the image with its cache. It is safe for concurrent use.
type Disk struct {
	size int64

	mu         sync.Mutex
	durable    map[int64]*block   // by number; absent ones are zero
	cache      map[int64][]*block // written since the last flush, newest last
	generation int                // raised by each cut: older handles fail
	writes     int64
	broken     bool
	cutAt      int64 // cut when writes reaches it; 0: no cut is planned
	plan       plan
}

// plan is a cut that is to come.
type plan struct {
	rng  *rand.Rand
	keep float64
	done chan Loss
}

// New returns an empty disk of size bytes, a multiple of BlockSize.
func New(size int64) (*Disk, error) {
	if size <= 0 || size%BlockSize != 0 {
		return nil, fmt.Errorf("volatiledisk: a size of %d is no multiple of %d", size, BlockSize)
	}
	return &Disk{size: size, durable: map[int64]*block{}, cache: map[int64][]*block{}, generation: 1}, nil
}

// Loss says what a cut did.
type Loss struct {
	Kept, Lost int   // blocks that were not flushed
	Writes     int64 // writes that the disk had seen
}

// Cut takes the power away and gives it back: of the blocks that were not
// flushed each is kept with probability keep. Handles that were open fail from
// now on, so the path has to be opened anew.
func (d *Disk) Cut(rng *rand.Rand, keep float64) Loss {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cut(rng, keep)
}

// CutAtWrite plans a cut at the n-th write from now, and returns where it is
// reported. Another call replaces a plan that was not reached; n ≤ 0 drops it.
func (d *Disk) CutAtWrite(n int64, rng *rand.Rand, keep float64) <-chan Loss {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.plan = plan{rng: rng, keep: keep, done: make(chan Loss, 1)}
	d.cutAt = 0
	if n > 0 {
		d.cutAt = d.writes + n
	}
	return d.plan.done
}

func (d *Disk) cut(rng *rand.Rand, keep float64) Loss {
	loss := Loss{Writes: d.writes}
	numbers := make([]int64, 0, len(d.cache))
	for n := range d.cache {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers) // so that one seed gives one outcome
	for _, n := range numbers {
		versions := d.cache[n]
		if keep <= 0 || rng.Float64() >= keep {
			loss.Lost++
			continue
		}
		loss.Kept++
		at := len(versions) - 1
		if at > 0 && rng.IntN(4) == 0 {
			at = rng.IntN(at)
		}
		d.durable[n] = versions[at]
	}
	d.cache = map[int64][]*block{}
	d.generation++
	d.broken = false
	d.cutAt = 0
	return loss
}

// Break makes every write and flush fail until the next Cut or Load, as a disk
// that lost its write path does. Reading goes on.
func (d *Disk) Break() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.broken = true
}

// An Image is the durable content of a disk at one moment.
type Image struct{ blocks map[int64]*block }

// Save flushes the cache and returns the image. Later writes do not change it.
func (d *Disk) Save() Image {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.flush()
	blocks := make(map[int64]*block, len(d.durable))
	for n, b := range d.durable {
		blocks[n] = b // blocks are replaced, never changed
	}
	return Image{blocks}
}

// Load replaces the whole content by an image. Handles that were open fail
// from now on.
func (d *Disk) Load(image Image) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.durable = make(map[int64]*block, len(image.blocks))
	for n, b := range image.blocks {
		d.durable[n] = b
	}
	d.cache = map[int64][]*block{}
	d.generation++
	d.broken = false
	d.cutAt = 0
}

func (d *Disk) current() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.generation
}

// flush makes everything durable; the caller holds the lock.
func (d *Disk) flush() {
	for n, versions := range d.cache {
		d.durable[n] = versions[len(versions)-1]
	}
	clear(d.cache)
}

// at returns the newest version of a block, nil for zeros; the caller holds
// the lock.
func (d *Disk) at(n int64) *block {
	if versions := d.cache[n]; len(versions) > 0 {
		return versions[len(versions)-1]
	}
	return d.durable[n]
}

// read fills p with what stands at off; ok tells whether the generation still
// has power.
func (d *Disk) read(generation int, p []byte, off int64) (n int, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if generation != d.generation {
		return 0, false
	}
	if off >= d.size {
		return 0, true
	}
	p = p[:min(int64(len(p)), d.size-off)]
	for n < len(p) {
		in := (off + int64(n)) % BlockSize
		part := p[n:min(len(p), n+int(BlockSize-in))]
		if b := d.at((off + int64(n)) / BlockSize); b != nil {
			copy(part, b[in:])
		} else {
			clear(part)
		}
		n += len(part)
	}
	return n, true
}

// write puts p into the cache. The planned cut happens after the write that it
// names, and that write is not acknowledged.
func (d *Disk) write(generation int, p []byte, off int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if generation != d.generation || d.broken || off < 0 || off+int64(len(p)) > d.size {
		return false
	}
	for n := 0; n < len(p); {
		in := (off + int64(n)) % BlockSize
		part := p[n:min(len(p), n+int(BlockSize-in))]
		number := (off + int64(n)) / BlockSize
		next := new(block)
		if old := d.at(number); old != nil && len(part) < BlockSize {
			*next = *old
		}
		copy(next[in:], part)
		versions := append(d.cache[number], next)
		if len(versions) > maxVersions {
			versions = versions[1:]
		}
		d.cache[number] = versions
		n += len(part)
	}
	d.writes++
	if d.cutAt != 0 && d.writes >= d.cutAt {
		d.plan.done <- d.cut(d.plan.rng, d.plan.keep)
		return false
	}
	return true
}

// sync is a flush that a handle of a generation asked for.
func (d *Disk) sync(generation int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if generation != d.generation || d.broken {
		return false
	}
	d.flush()
	return true
}
