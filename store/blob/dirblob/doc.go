// Package dirblob keeps blobs in files: the default content engine.
//
// # Layout
//
//	DIR/lock           held exclusively by the one process that has the directory open
//	DIR/tmp/ID         blobs being written; removed when the directory is opened
//	DIR/xx/ID          committed blobs; xx are the last two hex digits of the ID
//
// Directories have mode 0700 and files 0600. Links are never followed: all
// access goes through an os.Root, and a blob that is not a regular file is not
// there. Files that this package did not make are reported and left alone.
//
// # A blob file
//
// The content lies at offset 0, so that the kernel can send it to a socket
// straight from the file. Behind it stands a trailer: the CRC32C of each block
// of blob.BlockSize bytes, then ID, content size, a mark, a version, and the
// CRC32C of the trailer itself (see trailer.go). Reads check the blocks that
// they touch; a file that is shorter, longer, or of another ID than its
// trailer says is damaged as a whole.
//
// # Durability
//
// A commit is: write the trailer, fdatasync, close, rename into place, fsync
// the directory. A directory is made, and synced into its parent, before the
// first blob is renamed into it. When Commit returns nil the blob survives a loss of power; before
// that it is not visible under its ID. A sync, close or rename that fails ends
// writing for good, as does an I/O error of any write and a file system that
// turned read-only, because Linux may drop the pages that it could not write
// and report success on the next try; reading goes on. A full disk is not such
// a failure as long as it shows before the sync.
//
// Removals are not synced: a blob that comes back after a crash is an orphan,
// which the sweeper of the store finds again.
package dirblob
