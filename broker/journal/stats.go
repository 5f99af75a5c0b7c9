package journal

// Stats are the figures of a journal.
type Stats struct {
	LastSeq uint64 // the newest sequence number
	Bytes   int64  // of batches in the file
	Batches int    // in memory
	Needed  int    // of batches, those that some consumer needs
}

// Stats returns the present figures.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := Stats{LastSeq: j.lastSeq, Bytes: j.storedBytes, Batches: len(j.batches)}
	for _, b := range j.batches {
		if b.needed > 0 {
			s.Needed++
		}
	}
	return s
}
