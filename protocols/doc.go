// Package protocols is the front of the gateway: it mounts the faces on one
// router and does for every request what is the same on all doors. In this
// order: request ID and event, the access line and the metrics that are
// written when all is done, recovery from panics, the client's address, the
// global allow-list, the limits of request line and headers, the choice of the
// face by its path, the face's own allow-list and the rule for plain HTTP.
// What a request means, and who may do it, it does not know.
//
//	front, err := protocols.New(protocols.Config{}, protocols.Deps{Log: log},
//		protocols.Mount{Name: "swift", Face: swiftFace},
//		protocols.Mount{Name: "depot", Face: depotFace, PlainFrom: lan})
//	…
//	err = front.Serve(listener, nil)
package protocols
