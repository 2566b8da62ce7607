// Package wire holds the two dialects of the depot API: TD, the XML of the
// TeamDrive Hosting Service API 3.0.003, and STD, plain XML-RPC. Requests of
// both decode into a Call, results of both are written from the same Values.
// It knows no depot, no command's meaning and no HTTP; what it refuses it
// refuses with the Fault that goes to the client.
//
//	call, err := wire.Decode(body)        // err is a wire.Fault
//	fields, err := call.Fields()
//	user, err := fields.Text("username")
//	…
//	reply := wire.Encoder{Dialect: call.Dialect}.Result(wire.Struct{{"intresult", wire.Number(0)}})
package wire
