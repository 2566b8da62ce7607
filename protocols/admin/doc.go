// Package admin is the operators' face: JSON-RPC 2.0 (https://www.jsonrpc.org/specification)
// for what the command line does to a gateway that is running. It is served on
// a Unix socket in the data directory, whose file mode is its access rule, and
// knows nothing that the gateway's own calls do not decide.
//
//	→ {"jsonrpc":"2.0","id":1,"method":"user.add","params":{"name":"anna","account":"press","role":"owner","password":"…"}}
//	← {"jsonrpc":"2.0","id":1,"result":{}}
package admin
