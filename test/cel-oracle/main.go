// Command cel-oracle answers cost expressions with cel-go: one JSON request a line in, one JSON answer a line out.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strconv"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
)

var textVariables = []string{"model", "backend", "route_name"}

var countVariables = []string{
	"input_tokens", "cached_input_tokens", "cache_creation_input_tokens",
	"output_tokens", "total_tokens", "reasoning_tokens",
}

// request holds counts as decimal text, because JSON numbers lose digits.
type request struct {
	Expression string              `json:"expression"`
	Vars       []map[string]string `json:"vars"`
}

type result struct {
	Value string `json:"value,omitempty"`
	Error string `json:"error,omitempty"`
}

// answer is the verdict of the load (compile, then a run with zeros) and one result for each set of variables.
type answer struct {
	OK      bool     `json:"ok"`
	Stage   string   `json:"stage,omitempty"`
	Message string   `json:"message,omitempty"`
	Results []result `json:"results"`
}

func newEnv() (*cel.Env, error) {
	options := make([]cel.EnvOption, 0, len(textVariables)+len(countVariables))
	for _, name := range textVariables {
		options = append(options, cel.Variable(name, cel.StringType))
	}
	for _, name := range countVariables {
		options = append(options, cel.Variable(name, cel.UintType))
	}
	return cel.NewEnv(options...)
}

func activation(vars map[string]string) (map[string]any, error) {
	out := map[string]any{}
	for _, name := range textVariables {
		out[name] = vars[name]
	}
	for _, name := range countVariables {
		value, err := strconv.ParseUint(vars[name], 10, 64)
		if err != nil {
			return nil, err
		}
		out[name] = value
	}
	return out, nil
}

func evaluate(program cel.Program, vars map[string]string) result {
	in, err := activation(vars)
	if err != nil {
		return result{Error: "bad request: " + err.Error()}
	}
	out, _, err := program.Eval(in)
	if err != nil {
		return result{Error: err.Error()}
	}
	switch value := out.(type) {
	case types.Int:
		if value < 0 {
			return result{Error: fmt.Sprintf("the result is negative (%d)", value)}
		}
		return result{Value: strconv.FormatInt(int64(value), 10)}
	case types.Uint:
		return result{Value: strconv.FormatUint(uint64(value), 10)}
	default:
		return result{Error: "result is not an integer: " + out.Type().TypeName()}
	}
}

func handle(env *cel.Env, in request) answer {
	ast, issues := env.Compile(in.Expression)
	if issues != nil && issues.Err() != nil {
		return answer{Stage: "compile", Message: issues.Err().Error()}
	}
	program, err := env.Program(ast)
	if err != nil {
		return answer{Stage: "program", Message: err.Error()}
	}
	dry := map[string]string{}
	for _, name := range textVariables {
		dry[name] = "dummy"
	}
	for _, name := range countVariables {
		dry[name] = "0"
	}
	first := evaluate(program, dry)
	out := answer{OK: first.Error == "", Results: []result{}}
	if !out.OK {
		out.Stage, out.Message = "dry run", first.Error
	}
	for _, vars := range in.Vars {
		out.Results = append(out.Results, evaluate(program, vars))
	}
	return out
}

func main() {
	env, err := newEnv()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	scanner := bufio.NewScanner(os.Stdin)
	scanner.Buffer(make([]byte, 0, 1<<20), 1<<26)
	writer := bufio.NewWriter(os.Stdout)
	defer writer.Flush()
	encoder := json.NewEncoder(writer)
	for scanner.Scan() {
		var in request
		if err := json.Unmarshal(scanner.Bytes(), &in); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := encoder.Encode(handle(env, in)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
