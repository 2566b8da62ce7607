package volatiledisk

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

func fill(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n) }

func newDisk(t *testing.T) *Disk {
	t.Helper()
	d, err := New(64 * BlockSize)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func contents(t *testing.T, d *Disk, off int64, n int) []byte {
	t.Helper()
	p := make([]byte, n)
	if got, ok := d.read(d.current(), p, off); !ok || got != n {
		t.Fatalf("read %d bytes, %v", got, ok)
	}
	return p
}

func TestCutKeepsWhatWasFlushed(t *testing.T) {
	d := newDisk(t)
	d.write(1, fill(1, BlockSize), 0)
	d.sync(1)
	d.write(1, fill(2, BlockSize), 0)
	d.write(1, fill(3, BlockSize), BlockSize)
	if loss := d.Cut(rand.New(rand.NewPCG(1, 1)), 0); loss.Lost != 2 || loss.Kept != 0 {
		t.Errorf("loss is %+v", loss)
	}
	if got := contents(t, d, 0, 2*BlockSize); !bytes.Equal(got, append(fill(1, BlockSize), fill(0, BlockSize)...)) {
		t.Error("the durable state is not the one that was flushed")
	}
}

func TestCutKeepsEachBlockOnItsOwn(t *testing.T) {
	d := newDisk(t)
	d.write(1, fill(7, 64*BlockSize), 0) // one write
	loss := d.Cut(rand.New(rand.NewPCG(2, 2)), 0.5)
	if loss.Kept < 16 || loss.Lost < 16 || loss.Kept+loss.Lost != 64 {
		t.Errorf("loss is %+v", loss)
	}
	kept := 0
	for n := range int64(64) {
		got := contents(t, d, n*BlockSize, BlockSize)
		switch {
		case bytes.Equal(got, fill(7, BlockSize)):
			kept++
		case !bytes.Equal(got, fill(0, BlockSize)):
			t.Fatalf("block %d is torn", n)
		}
	}
	if kept != loss.Kept {
		t.Errorf("%d blocks are there, %d were reported", kept, loss.Kept)
	}
}

func TestPlannedCutDoesNotAcknowledgeItsWrite(t *testing.T) {
	d := newDisk(t)
	cut := d.CutAtWrite(2, rand.New(rand.NewPCG(3, 3)), 1)
	if !d.write(1, fill(1, BlockSize), 0) {
		t.Fatal("the write before the cut failed")
	}
	if d.write(1, fill(2, BlockSize), BlockSize) {
		t.Error("the write at the cut was acknowledged")
	}
	if loss := <-cut; loss.Kept != 2 {
		t.Errorf("loss is %+v", loss)
	}
	if d.write(1, fill(1, BlockSize), 0) || d.sync(1) {
		t.Error("a handle from before the cut still writes")
	}
	if _, ok := d.read(1, make([]byte, 1), 0); ok {
		t.Error("a handle from before the cut still reads")
	}
	if !d.write(2, fill(1, BlockSize), 0) || !d.sync(2) {
		t.Error("the disk does not work after the cut")
	}
}

func TestPartialWritesKeepTheRestOfTheirBlock(t *testing.T) {
	d := newDisk(t)
	d.write(1, fill(1, 2*BlockSize), 0)
	d.sync(1)
	d.write(1, fill(2, BlockSize), BlockSize/2)
	want := append(append(fill(1, BlockSize/2), fill(2, BlockSize)...), fill(1, BlockSize/2)...)
	if !bytes.Equal(contents(t, d, 0, 2*BlockSize), want) {
		t.Error("a write across blocks changed more than its bytes")
	}
	if d.write(1, fill(1, BlockSize), 64*BlockSize) {
		t.Error("a write beyond the end was accepted")
	}
}

func TestBrokenDiskRefusesWritesAndServesReads(t *testing.T) {
	d := newDisk(t)
	d.write(1, fill(5, BlockSize), 0)
	d.sync(1)
	image := d.Save()
	d.Break()
	if d.write(1, fill(6, BlockSize), 0) || d.sync(1) {
		t.Error("a broken disk writes")
	}
	if !bytes.Equal(contents(t, d, 0, BlockSize), fill(5, BlockSize)) {
		t.Error("a broken disk does not read")
	}
	d.Load(image)
	g := d.current()
	if !d.write(g, fill(6, BlockSize), 0) {
		t.Error("loading an image did not repair the disk")
	}
	d.Load(image)
	if !bytes.Equal(contents(t, d, 0, BlockSize), fill(5, BlockSize)) {
		t.Error("a later write changed the saved image")
	}
}
