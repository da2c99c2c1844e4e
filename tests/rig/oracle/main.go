// The oracle: Kubernetes' own code, asked one question a line.
//
//	oracle quantity|intstr|selector|yaml < questions.jsonl > answers.jsonl
//
// Each line of the input is a JSON object, each line of the output its answer, in the same order. An answer with the
// member `error` is Kubernetes' refusal. A line that is no question ends the program: that is the tests' own mistake.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// refusal is the answer to what Kubernetes does not accept.
type refusal struct {
	Error string `json:"error"`
}

func refused(err error) any { return refusal{Error: err.Error()} }

// A mode reads one question and answers it. Its error is about the question's form, never about its content.
type mode func(question []byte) (any, error)

var modes = map[string]mode{
	"quantity": quantity,
	"intstr":   intOrString,
	"selector": selector,
	"yaml":     yamlDocument,
}

func main() {
	if len(os.Args) != 2 || modes[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: oracle quantity|intstr|selector|yaml")
		os.Exit(2)
	}
	if err := serve(modes[os.Args[1]], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}

func serve(answer mode, in io.Reader, out io.Writer) error {
	lines, answers := bufio.NewReader(in), bufio.NewWriter(out)
	encoder := json.NewEncoder(answers)
	encoder.SetEscapeHTML(false)
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			return answers.Flush()
		}
		if err != nil && err != io.EOF {
			return err
		}
		reply, err := answer(line)
		if err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		if err := encoder.Encode(reply); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		// Whoever asks one by one gets each answer at once.
		if lines.Buffered() == 0 {
			if err := answers.Flush(); err != nil {
				return err
			}
		}
	}
}
