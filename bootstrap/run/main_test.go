package run_test

import (
	"os"
	"testing"

	"hellox/bootstrap/bootstraptest"
)

func TestMain(m *testing.M) { os.Exit(bootstraptest.Main(m)) }
