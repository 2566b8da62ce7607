// Package clients holds no code: its tests run programs that people use
// (swift, rclone, litmus, cadaver, curl, a shell script) against the built
// entrepot, over real connections and real files.
//
// A test whose client is not installed is skipped with the name of the package
// that has it. With TEST_CLIENTS=require in the environment it fails
// instead; the Makefile sets that once it has installed them all. Clients that
// need a mount are behind the build tag e2e ("make e2e").
package clients
