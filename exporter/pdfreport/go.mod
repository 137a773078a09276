module github.com/audiencekit/audiencekit/exporter/pdfreport

go 1.26.0

replace github.com/audiencekit/audiencekit => ../..

require (
	codeberg.org/go-pdf/fpdf v0.12.0
	github.com/audiencekit/audiencekit v0.0.0-00010101000000-000000000000
	github.com/stretchr/testify v1.12.1
	golang.org/x/image v0.40.0
	golang.org/x/text v0.43.0
)

require (
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/net v0.62.0 // indirect
)
