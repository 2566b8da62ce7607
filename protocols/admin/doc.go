// Package admin is the administrators' face: JSON-RPC 2.0
// (https://www.jsonrpc.org/specification) for accounts, users, keys, tickets
// and the store. One table of methods serves two doors:
//
//   - a Door at POST /rpc, where callers prove who they are and may do what the
//     gateway lets them;
//   - a Face on a Unix socket in the data directory, whose file mode is its
//     access rule: whoever reaches it is auth.Local and may do everything. The
//     command line speaks to it, or to a Face over a store that it opened
//     itself.
//
// The face knows nothing that the gateway's own calls do not decide: a method
// reads its parameters, calls, and writes the result.
//
//	→ {"jsonrpc":"2.0","id":1,"method":"account.get","params":{"account":"AUTH_press"}}
//	← {"jsonrpc":"2.0","id":1,"result":{"account":"AUTH_press","state":"active",…}}
//
// Accounts are called as Swift calls them, AUTH_ and the name; in parameters
// the prefix may be missing.
package admin
