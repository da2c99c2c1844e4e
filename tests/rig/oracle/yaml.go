package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"

	"sigs.k8s.io/yaml"
)

// yamlQuestion is one YAML document: its bytes, in hexadecimal, so that they need not be text.
type yamlQuestion struct {
	Hex string `json:"hex"`
}

// yamlAnswer is the document as kubectl reads it (of a key that comes twice, the last value counts), and as sigs.k8s.io/yaml
// reads it strictly (such a key is an error).
type yamlAnswer struct {
	Lenient converted `json:"lenient"`
	Strict  converted `json:"strict"`
}

// converted is either of the two: the JSON text, or the error.
type converted struct {
	JSON  *string `json:"json,omitempty"`
	Error *string `json:"error,omitempty"`
}

func yamlDocument(question []byte) (any, error) {
	var asked yamlQuestion
	if err := json.Unmarshal(question, &asked); err != nil {
		return nil, err
	}
	document, err := hex.DecodeString(asked.Hex)
	if err != nil {
		return nil, err
	}
	return yamlAnswer{
		Lenient: convert(document, yaml.YAMLToJSON),
		Strict:  convert(document, yaml.YAMLToJSONStrict),
	}, nil
}

// convert survives a panic of the YAML reader: that is an answer too.
func convert(document []byte, with func([]byte) ([]byte, error)) (answer converted) {
	defer func() {
		if problem := recover(); problem != nil {
			text := fmt.Sprint("panic: ", problem)
			answer = converted{Error: &text}
		}
	}()
	read, err := with(document)
	if err != nil {
		text := err.Error()
		return converted{Error: &text}
	}
	text := string(read)
	return converted{JSON: &text}
}
