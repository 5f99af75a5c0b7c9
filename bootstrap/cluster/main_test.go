package cluster

import (
	"os"
	"testing"

	"hellox/bootstrap/bootstraptest"
)

func TestMain(m *testing.M) { os.Exit(bootstraptest.Main(m)) }
