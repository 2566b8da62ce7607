package dirblob

// A Step names one kind of file-system call, so that tests can make it fail.
type Step string

// The steps, in the order of a blob's life.
const (
	StepSpace   Step = "space"   // asking for free space
	StepCreate  Step = "create"  // creating the temporary file
	StepWrite   Step = "write"   // writing content or trailer
	StepSync    Step = "sync"    // syncing the file
	StepClose   Step = "close"   // closing the written file
	StepMakeDir Step = "makedir" // making the directory of a blob
	StepRename  Step = "rename"  // giving the file its name
	StepSyncDir Step = "syncdir" // syncing a directory
	StepOpen    Step = "open"    // opening a blob
	StepRead    Step = "read"    // reading a block to check it
	StepRemove  Step = "remove"  // removing a blob or a temporary file
)

// Faults is the seam at which tests break the file system: it is asked before
// each call, and an error that it returns is the call's. It may also end the
// process. nil breaks nothing.
type Faults func(step Step, name string) error

func (f Faults) at(step Step, name string) error {
	if f == nil {
		return nil
	}
	return f(step, name)
}
