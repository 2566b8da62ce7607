// Package depot is the face for scripts that administer depots and spaces: the
// TeamDrive Hosting Service API 3.0.003 and, on the same paths, plain XML-RPC.
// A request is a POST whose body is signed by a checksum in the query, from an
// address that is listed. The face proves the request, decodes it with package
// wire, calls the gateway as its operator and encodes what comes back; what a
// depot is and may hold, the gateway decides.
//
// The proof is checked before a byte of the body is parsed, and the checks
// have a fixed order, so that a caller without the salt learns nothing but
// that it has none.
package depot
