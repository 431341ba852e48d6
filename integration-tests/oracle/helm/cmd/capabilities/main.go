// Prints the API versions that helm assumes when it asks no cluster, in helm's order, one a line.
package main

import (
	"fmt"

	"helm.sh/helm/v4/pkg/chart/common"
)

func main() {
	for _, version := range common.DefaultCapabilities.APIVersions {
		fmt.Println(version)
	}
}
