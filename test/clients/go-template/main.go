// Renders templates as Go does: one JSON object a line in, one a line out.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"sigs.k8s.io/yaml"
)

type rendering struct {
	Template string `json:"template"`
	Data     any    `json:"data"`
}

type result struct {
	Output []byte `json:"output"`
	Error  string `json:"error"`
}

// As the External Secrets Operator has them.
func functions() template.FuncMap {
	all := sprig.TxtFuncMap()
	maps.Copy(all, keyFunctions())
	maps.Copy(all, template.FuncMap{
		"toYaml": func(value any) string {
			text, err := yaml.Marshal(value)
			if err != nil {
				return ""
			}
			return strings.TrimSuffix(string(text), "\n")
		},
		"fromYaml": func(text string) map[string]any {
			values := map[string]any{}
			if err := yaml.Unmarshal([]byte(text), &values); err != nil {
				values["Error"] = err.Error()
			}
			return values
		},
	})
	return all
}

func render(given rendering) (done result) {
	defer func() {
		if problem := recover(); problem != nil {
			done = result{Error: fmt.Sprint("panic: ", problem)}
		}
	}()
	parsed, err := template.New("t").Option("missingkey=error").Funcs(functions()).Parse(given.Template)
	if err != nil {
		return result{Error: err.Error()}
	}
	var output bytes.Buffer
	if err := parsed.Execute(&output, given.Data); err != nil {
		return result{Error: err.Error()}
	}
	return result{Output: output.Bytes()}
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	written := json.NewEncoder(out)
	for lines.Scan() {
		var given rendering
		if err := json.Unmarshal(lines.Bytes(), &given); err != nil {
			panic(err)
		}
		if err := written.Encode(render(given)); err != nil {
			panic(err)
		}
	}
}
