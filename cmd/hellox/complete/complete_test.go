package complete

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/cobra"
)

// A source that never answers, or not in time, delays nothing and is not told.
func TestLiveIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cmd := &cobra.Command{}
		cmd.SetContext(t.Context())
		began := time.Now()
		deaf := live(func(context.Context, *cobra.Command) []string { time.Sleep(time.Minute); return []string{"late"} })
		if values, directive := deaf(cmd, nil, ""); len(values) > 0 || directive != cobra.ShellCompDirectiveNoFileComp || time.Since(began) != bound {
			t.Errorf("%v, %d after %s", values, directive, time.Since(began))
		}
		began = time.Now()
		slow := live(func(ctx context.Context, _ *cobra.Command) []string {
			<-ctx.Done()
			return []string{"b", "a", "ab", "a", "", "a\nb"}
		})
		if values, _ := slow(cmd, nil, "a"); !slices.Equal(values, []string{"a", "ab"}) || time.Since(began) != askBound {
			t.Errorf("%v after %s", values, time.Since(began))
		}
		time.Sleep(time.Minute) // the deaf one ends
	})
}
