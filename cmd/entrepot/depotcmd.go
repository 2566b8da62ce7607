package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// depotCommand is the operator's command line of the depot API.
func (p *program) depotCommand() *cobra.Command {
	conn := &depotConn{}
	cmd := &cobra.Command{
		Use:   "depot",
		Short: "Manage depots and spaces over the depot API",
		Long: "Manage depots and spaces, on the gateway of this machine or, with --url, on another.\n\n" +
			"Requests are signed with the salt of --salt-file, of ENTREPOT_DEPOT_SALT, or of the data directory.\n" +
			"Sizes are bytes, or numbers with a unit: 500MiB, 5GiB, 1TB. Every command is also known by the name that\n" +
			"it has in the API.\n\n" +
			"Exit codes: 0 done; 1 refused or failed; 2 wrong command line; 3 no such user, depot or space;\n" +
			"4 address, checksum or time not accepted; 5 no gateway answers.",
		Args: noArgs, RunE: needsSubcommand,
	}
	set := cmd.PersistentFlags()
	set.StringVar(&conn.url, "url", "", "address of the gateway (default: the one of this machine)")
	set.StringVar(&conn.saltFile, "salt-file", "", "file with the salt")
	set.StringVar(&conn.hmacFile, "hmac-key-file", "", "file with the HMAC key, in place of the salt or beside it")
	set.StringVar(&conn.caFile, "ca-file", "", "file with certificates (PEM) of authorities to trust besides this machine's, for https")
	set.BoolVar(&conn.json, "json", false, "print JSON")
	for _, sub := range depotSubcommands() {
		cmd.AddCommand(p.depotSubcommand(conn, sub))
	}
	cmd.AddCommand(p.depotMethods(conn), p.depotDescribe(conn), p.depotLog(conn))
	return cmd
}

// A depotSub is one command of the API on the command line.
type depotSub struct {
	name, api, short string
	args             []depotArg
	flags            []depotFlag
	sure             bool // it deletes: needs --yes
	show             func(depotReply) any
}

// A depotArg is a positional argument; the last may be a list.
type depotArg struct {
	label, member string
	list          bool
	size          bool
}

// A depotFlag is an optional member, or one that the API demands.
type depotFlag struct {
	name, member, usage string
	kind                flagKind
}

type flagKind uint8

const (
	textFlag flagKind = iota
	sizeFlag
	listFlag
	boolFlag
	fileFlag // the content of a file, - for standard input
)

// depotReply holds what any command answers.
type depotReply struct {
	Depots   []depotRow `xmlrpc:"depotdata"`
	Spaces   []spaceRow `xmlrpc:"spacedata"`
	History  []entryRow `xmlrpc:"history"`
	DepotID  string     `xmlrpc:"depotid"`
	SpaceID  string     `xmlrpc:"spaceid"`
	Document string     `xmlrpc:"depotdocument"`
	Host     string     `xmlrpc:"hosturl"`
}

type depotRow struct {
	ID           string    `xmlrpc:"depotid" json:"depotid"`
	Owner        string    `xmlrpc:"owner" json:"owner"`
	Status       string    `xmlrpc:"status" json:"status"`
	Created      time.Time `xmlrpc:"created" json:"created"`
	Contract     string    `xmlrpc:"contractnumber" json:"contractnumber"`
	Limit        int64     `xmlrpc:"disclimit" json:"disclimit"`
	Used         int64     `xmlrpc:"discused" json:"discused"`
	TrafficLimit int64     `xmlrpc:"trafficlimit" json:"trafficlimit"`
	Traffic      int64     `xmlrpc:"trafficused" json:"trafficused"`
	Default      bool      `xmlrpc:"isdefault" json:"isdefault"`
	Users        []string  `xmlrpc:"userlist" json:"userlist"`
}

type spaceRow struct {
	ID      string    `xmlrpc:"spaceid" json:"spaceid"`
	Depot   string    `xmlrpc:"depotid" json:"depotid"`
	Name    string    `xmlrpc:"spacename" json:"spacename"`
	Owner   string    `xmlrpc:"owner" json:"owner"`
	Status  string    `xmlrpc:"status" json:"status"`
	Created time.Time `xmlrpc:"created" json:"created"`
	Used    int64     `xmlrpc:"discused" json:"discused"`
	Traffic int64     `xmlrpc:"trafficused" json:"trafficused"`
}

type entryRow struct {
	Seq        int64     `xmlrpc:"seq" json:"seq"`
	Time       time.Time `xmlrpc:"time" json:"time"`
	Command    string    `xmlrpc:"command" json:"command"`
	OldLimit   int64     `xmlrpc:"olddisclimit" json:"olddisclimit"`
	NewLimit   int64     `xmlrpc:"newdisclimit" json:"newdisclimit"`
	OldTraffic int64     `xmlrpc:"oldtrafficlimit" json:"oldtrafficlimit"`
	NewTraffic int64     `xmlrpc:"newtrafficlimit" json:"newtrafficlimit"`
	Note       string    `xmlrpc:"changeid" json:"changeid"`
}

// depotSubcommands lists the commands of the API.
func depotSubcommands() []depotSub {
	user, depot := depotArg{label: "USER", member: "username"}, depotArg{label: "DEPOT", member: "depotid"}
	names := depotArg{label: "NAME...", member: "userlist", list: true}
	note := depotFlag{"note", "changeid", "text for the history", textFlag}
	traffic := depotFlag{"traffic", "trafficlimit", "traffic limit of a month (default: ten times the storage limit)", sizeFlag}
	storage := depotFlag{"storage", "disclimit", "storage limit", sizeFlag}
	wish := depotFlag{"id", "depotid", "number to give it, greater than all before", textFlag}
	users := depotFlag{"users", "userlist", "who may make spaces in it, separated by commas", listFlag}
	contract := depotFlag{"contract", "contractnumber", "contract number", textFlag}
	only := depotFlag{"depot", "depotid", "only this depot", textFlag}
	made := func(r depotReply) any { return newDepot{r.DepotID, r.Document} }
	nothing := func(depotReply) any { return struct{}{} }
	document := func(r depotReply) any { return documentText{r.Document} }
	return []depotSub{
		{name: "list", api: "getdepotdata", short: "List the depots of a user", args: []depotArg{user}, show: depotRows,
			flags: []depotFlag{only, {"shared", "includeshared", "also those that the user is authorised for", boolFlag}}},
		{name: "spaces", api: "getspacedata", short: "List the spaces of a user's depots", args: []depotArg{user}, flags: []depotFlag{only},
			show: func(r depotReply) any { return append([]spaceRow{}, r.Spaces...) }},
		{name: "history", api: "getdepothistory", short: "List what was changed about a depot, newest first", args: []depotArg{user, depot},
			flags: []depotFlag{{"limit", "limit", "how many lines (default 100)", textFlag}}, show: func(r depotReply) any { return append([]entryRow{}, r.History...) }},
		{name: "document", api: "getdepotdocument", short: "Print the document of a depot", args: []depotArg{user, depot}, show: document},
		{name: "host", api: "gethostfordepot", short: "Print the address of the gateway to make a user's depot on", args: []depotArg{user},
			flags: []depotFlag{{"location", "location", "EU, US, or the user's IP address", textFlag}},
			show:  func(r depotReply) any { return hostText{r.Host} }},
		{name: "create", api: "createdepot", short: "Make a depot, and its owner when there is no such user", args: []depotArg{user},
			flags: []depotFlag{storage, traffic, wish, users, contract, note}, show: made},
		{name: "create-without-user", api: "createdepotwithoutuser", short: "Make a depot that nobody owns",
			flags: []depotFlag{storage, traffic, wish, contract, note}, show: made},
		{name: "assign", api: "assignusertodepot", short: "Give a depot that nobody owns to a user", args: []depotArg{user, depot}, show: nothing},
		{name: "set", api: "setdepot", short: "Set the limits of a depot", args: []depotArg{user, depot},
			flags: []depotFlag{storage, traffic, note}, show: nothing},
		{name: "increase", api: "increasedepot", short: "Add to the storage limit of a depot", show: nothing,
			args: []depotArg{user, depot, {label: "SIZE", member: "increaselimit", size: true}}, flags: []depotFlag{traffic, note}},
		{name: "decrease", api: "decreasedepot", short: "Take from the storage limit of a depot", show: nothing,
			args: []depotArg{user, depot, {label: "SIZE", member: "decreaselimit", size: true}}, flags: []depotFlag{traffic, note}},
		{name: "activate", api: "activatedepot", short: "Switch a depot on", args: []depotArg{user, depot}, show: nothing},
		{name: "deactivate", api: "deactivatedepot", short: "Switch a depot off: nobody reads or writes in it", args: []depotArg{user, depot}, show: nothing},
		{name: "delete", api: "deletedepot", short: "Delete a depot and its spaces with everything they hold",
			args: []depotArg{user, depot}, sure: true, show: nothing},
		{name: "contract", api: "updatecontract", short: "Note the contract number of a depot",
			args: []depotArg{depot, {label: "NUMBER", member: "contractnumber"}}, show: nothing,
			flags: []depotFlag{{"user", "username", "refuse unless this user owns it", textFlag}}},
		{name: "create-space", api: "createspace", short: "Make a space in a depot",
			args: []depotArg{user, depot, {label: "NAME", member: "spacename"}}, show: func(r depotReply) any { return newSpace{r.SpaceID} }},
		{name: "delete-space", api: "deletespace", short: "Delete spaces with everything they hold",
			args: []depotArg{user, depot, {label: "SPACE...", member: "spaceid", list: true}}, sure: true, show: nothing},
		{name: "add-user", api: "addusertodepot", short: "Authorise users to make spaces in a depot",
			args: []depotArg{user, depot, names}, show: nothing},
		{name: "remove-user", api: "deleteuserfromdepot", short: "End what add-user began, and the depot's documents",
			args: []depotArg{user, depot, names}, show: nothing},
		{name: "invite", api: "sendinvitation", short: "Put a depot's document on the lists of users", args: []depotArg{names}, show: nothing,
			flags: []depotFlag{{"document", "depotdocument", "file with the document, - for standard input", fileFlag},
				{"message", "message", "text that goes with it", textFlag}}},
		{name: "target", api: "setdepotforuser", short: "Make a depot the one that a user's new spaces go to", args: []depotArg{user, depot}, show: nothing,
			flags: []depotFlag{{"host", "hosturl", "refuse unless this is the gateway's address", textFlag}}},
	}
}

// depotRows returns the depots of a reply; an empty list of users is one.
func depotRows(r depotReply) any {
	rows := append([]depotRow{}, r.Depots...)
	for i := range rows {
		rows[i].Users = append([]string{}, rows[i].Users...)
	}
	return rows
}

func (p *program) depotSubcommand(conn *depotConn, sub depotSub) *cobra.Command {
	use := sub.name
	for _, a := range sub.args {
		use += " " + a.label
	}
	var sure bool
	values := make([]string, len(sub.flags))
	cmd := &cobra.Command{
		Use: use, Aliases: []string{sub.api}, Short: sub.short,
		Args: func(_ *cobra.Command, args []string) error {
			if list := len(sub.args) > 0 && sub.args[len(sub.args)-1].list; len(args) < len(sub.args) || len(args) > len(sub.args) && !list {
				return errUsage{fmt.Errorf("usage: entrepot depot %s", use)}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if sub.sure && !sure {
				return errUsage{fmt.Errorf("depot %s cannot be undone: give --yes", sub.name)}
			}
			members := map[string]any{"requesttime": time.Now().Unix()}
			for i, a := range sub.args {
				if err := a.put(members, args[i:]); err != nil {
					return err
				}
			}
			for i, f := range sub.flags {
				if err := p.putFlag(cmd.Flags(), f, values[i], members); err != nil {
					return err
				}
			}
			var reply depotReply
			err := p.callDepot(cmd.Context(), conn, "depot."+sub.api, members, &reply)
			return p.showDepot(conn, sub.show(reply), err)
		},
	}
	for i, f := range sub.flags {
		if f.kind == boolFlag {
			cmd.Flags().Bool(f.name, false, f.usage)
			continue
		}
		cmd.Flags().StringVar(&values[i], f.name, "", f.usage)
	}
	if sub.sure {
		cmd.Flags().BoolVar(&sure, "yes", false, "really do it")
	}
	return cmd
}

// put turns positional arguments into a member.
func (a depotArg) put(members map[string]any, args []string) error {
	switch {
	case a.list:
		members[a.member] = args
	case a.size:
		n, err := parseSize(args[0])
		if err != nil {
			return err
		}
		members[a.member] = n
	default:
		members[a.member] = args[0]
	}
	return nil
}

// putFlag turns a flag that was given into a member.
func (p *program) putFlag(set *pflag.FlagSet, f depotFlag, value string, members map[string]any) error {
	if !set.Changed(f.name) {
		return nil
	}
	switch f.kind {
	case sizeFlag:
		n, err := parseSize(value)
		if err != nil {
			return err
		}
		members[f.member] = n
	case listFlag:
		members[f.member] = strings.Split(value, ",")
	case boolFlag:
		on, err := set.GetBool(f.name)
		if err != nil {
			return err
		}
		members[f.member] = on
	case fileFlag:
		text, err := p.readText(value)
		if err != nil {
			return err
		}
		members[f.member] = text
	default:
		members[f.member] = value
	}
	return nil
}

// readText reads a small file, - for standard input, without surrounding
// white space.
func (p *program) readText(path string) (string, error) {
	r := p.stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer f.Close()
		r = f
	}
	text, err := io.ReadAll(io.LimitReader(r, 64<<10))
	return strings.TrimSpace(string(text)), err
}

// parseSize reads bytes, or a number with a unit.
func parseSize(text string) (int64, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	n, err := humanize.ParseBytes(text)
	if err != nil || n > math.MaxInt64 {
		return 0, errUsage{fmt.Errorf("%q is no size: write bytes, or a number with a unit such as 5GiB", text)}
	}
	return int64(n), nil
}

// depotMethods lists the methods of the API.
func (p *program) depotMethods(conn *depotConn) *cobra.Command {
	return &cobra.Command{
		Use: "methods", Short: "List the methods of the API", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var names []string
			err := p.callDepot(cmd.Context(), conn, "system.listMethods", nil, &names)
			return p.showDepot(conn, names, err)
		},
	}
}

// depotDescribe prints what the API says of one of its methods.
func (p *program) depotDescribe(conn *depotConn) *cobra.Command {
	return &cobra.Command{
		Use: "describe METHOD", Short: "Describe a method of the API", Args: oneArg("method"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var text string
			err := p.callDepot(cmd.Context(), conn, "system.methodHelp", args[0], &text)
			return p.showDepot(conn, []string{text}, err)
		},
	}
}

// showDepot prints a result, or a fault of the API where JSON is asked for.
func (p *program) showDepot(conn *depotConn, result any, err error) error {
	var fault depotFault
	switch {
	case conn.json && errors.As(err, &fault):
		return errors.Join(writeJSON(p.stderr, fault), silent{fault})
	case err != nil:
		return err
	case conn.json:
		return writeJSON(p.stdout, result)
	}
	return printDepots(p.stdout, result)
}

// silent is an error that was shown already.
type silent struct{ depotFault }

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
