// The other side of the benchmark of the xDS server: the resources, go-control-plane as the measure, and the fleet.
package main

import (
	"fmt"
	"os"
	"strconv"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("usage: generate COUNT FILE | snapshot FILE ADS | linear FILE | fleet PORT VARIANT")
	}
	switch {
	case args[0] == "generate" && len(args) == 3:
		count, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		return generate(count, args[2])
	case args[0] == "snapshot" && len(args) == 3:
		return serve(args[1], newSnapshotTarget(args[2] == "ads"))
	case args[0] == "linear" && len(args) == 2:
		return serve(args[1], newLinearTarget())
	case args[0] == "fleet" && len(args) == 3:
		return runFleet("127.0.0.1:"+args[1], args[2] == "delta")
	}
	return fmt.Errorf("unknown command: %v", args)
}
