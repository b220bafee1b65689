// Renders templates with consul-template's own package: a line of JSON in, a line of JSON out.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"

	dep "github.com/hashicorp/consul-template/dependency"
	"github.com/hashicorp/consul-template/template"
)

type rendering struct {
	Template string                     `json:"template"`
	Secrets  map[string]json.RawMessage `json:"secrets"`
	Strict   bool                       `json:"strict"`
}

type result struct {
	Output string `json:"output"`
	Error  string `json:"error"`
}

func render(in rendering) (out result) {
	defer func() {
		if problem := recover(); problem != nil {
			out = result{Error: fmt.Sprint("panic: ", problem)}
		}
	}()
	parsed, err := template.NewTemplate(&template.NewTemplateInput{Contents: in.Template, ErrMissingKey: in.Strict})
	if err != nil {
		return result{Error: err.Error()}
	}
	brain := template.NewBrain()
	for path, raw := range in.Secrets {
		query, err := dep.NewVaultReadQuery(path)
		if err != nil {
			return result{Error: err.Error()}
		}
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.UseNumber()
		var data map[string]interface{}
		if err := decoder.Decode(&data); err != nil {
			return result{Error: err.Error()}
		}
		brain.Remember(query, &dep.Secret{Data: data})
	}
	done, err := parsed.Execute(&template.ExecuteInput{Brain: brain})
	if err != nil {
		return result{Error: err.Error()}
	}
	return result{Output: base64.StdEncoding.EncodeToString(done.Output)}
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for lines.Scan() {
		var in rendering
		if err := json.Unmarshal(lines.Bytes(), &in); err != nil {
			panic(err)
		}
		text, _ := json.Marshal(render(in))
		fmt.Fprintln(out, string(text))
	}
}
