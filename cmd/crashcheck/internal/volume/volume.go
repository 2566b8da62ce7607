// Package volume puts file systems on loop devices, for faults that need a
// file system of their own. It needs root and the usual tools (losetup, mkfs,
// mount), and takes away all that it made.
package volume

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Kind is a file system.
type Kind string

// The file systems that the gateway is tested on.
const (
	Ext4 Kind = "ext4"
	XFS  Kind = "xfs"
)

// Usable tells why volumes of a kind cannot be made here, nil when they can.
func Usable(kind Kind) error {
	if os.Geteuid() != 0 {
		return errors.New("loop devices and mounts need root")
	}
	for _, tool := range []string{"losetup", "mount", "umount", "mkfs." + string(kind)} {
		if _, err := exec.LookPath(tool); err != nil {
			return err
		}
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		return fmt.Errorf("no loop devices: %w", err)
	}
	return nil
}

// run runs a tool and returns what it printed.
func run(ctx context.Context, tool string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, tool, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", tool, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return strings.TrimSpace(string(out)), nil
}

// Format makes a file system on a file or device.
func Format(ctx context.Context, kind Kind, path string) error {
	args := []string{"-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,nodiscard", path}
	if kind == XFS {
		args = []string{"-q", "-f", "-K", path}
	}
	_, err := run(ctx, "mkfs."+string(kind), args...)
	return err
}

// A Volume is a file system that is attached and mounted.
type Volume struct {
	Dir    string // where it is mounted
	device string
	kind   Kind
}

// Attach gives a file a loop device and mounts it on dir, which it makes.
// options are those of mount, "" for none.
func Attach(ctx context.Context, kind Kind, file, dir, options string) (*Volume, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	device, err := run(ctx, "losetup", "--find", "--show", file)
	if err != nil {
		return nil, err
	}
	v := &Volume{Dir: dir, device: device, kind: kind}
	if err := v.Mount(ctx, options); err != nil {
		return nil, errors.Join(err, v.detach(ctx))
	}
	return v, nil
}

// Mount mounts the volume again after Unmount.
func (v *Volume) Mount(ctx context.Context, options string) error {
	args := []string{"-t", string(v.kind), v.device, v.Dir}
	if options != "" {
		args = append([]string{"-o", options}, args...)
	}
	_, err := run(ctx, "mount", args...)
	return err
}

// Unmount unmounts the volume; its device stays. Processes that used it must
// have ended.
func (v *Volume) Unmount(ctx context.Context) error { return unmount(ctx, v.Dir) }

func unmount(ctx context.Context, dir string) error {
	var err error
	for range 100 { // a killed process lets go of its files a little later
		if _, err = run(ctx, "umount", dir); err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}

// Abort makes the kernel stop writing to an ext4 volume, as it does after an
// error of its journal: the file system is read-only from then on, whatever is
// open.
func (v *Volume) Abort(ctx context.Context) error {
	_, err := run(ctx, "mount", "-o", "remount,abort", v.Dir)
	return err
}

// Check repairs an unmounted volume as a boot does after a crash, and fails
// when it cannot be.
func (v *Volume) Check(ctx context.Context) error {
	if v.kind != Ext4 {
		return nil // xfs repairs itself when it is mounted
	}
	out, err := exec.CommandContext(ctx, "e2fsck", "-p", v.device).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() < 4 { // 1: errors corrected; 2: and reboot
		return nil
	}
	if err != nil {
		return fmt.Errorf("e2fsck %s: %w: %s", v.device, err, out)
	}
	return nil
}

// Close unmounts the volume, if it is mounted, and frees its device.
func (v *Volume) Close(ctx context.Context) error {
	var err error
	if mounted(v.Dir) {
		err = v.Unmount(ctx)
	}
	return errors.Join(err, v.detach(ctx))
}

func (v *Volume) detach(ctx context.Context) error {
	_, err := run(ctx, "losetup", "--detach", v.device)
	return err
}

// mounted tells whether a file system is mounted on dir.
func mounted(dir string) bool {
	text, err := os.ReadFile("/proc/self/mounts")
	return err == nil && strings.Contains(string(text), " "+dir+" ")
}

// Image makes a formatted image of size bytes in a directory.
func Image(ctx context.Context, kind Kind, dir string, size int64) (string, error) {
	path := filepath.Join(dir, "image."+string(kind))
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
		return "", err
	}
	return path, Format(ctx, kind, path)
}
