package prompt

// ignoreStopOnRead does nothing: Windows stops no process that reads.
func ignoreStopOnRead() {}
