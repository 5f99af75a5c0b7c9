package detail

import "hellox/stream/decode"

// Decodes reports whether it is not known yet what the payload holds, which may be
// something else than it is.
func (p *Pane) Decodes() bool {
	return p.of != nil && p.decoded.of != p.of.ID && decode.May(p.of.Topic, p.of.Payload)
}

// Decoded takes in what the payload of the message with an ID holds.
func (p *Pane) Decoded(of int64, r decode.Result) {
	p.decoded = answer[*decode.Result]{of: of}
	if len(r.Encodings) > 0 || r.Problem != "" || r.Width > 0 {
		p.decoded.value = &r
	}
	if p.of != nil && p.of.ID == of && p.decoded.value != nil {
		p.again()
	}
}

// Compares reports whether it is not known yet what has changed, and is to be shown.
func (p *Pane) Compares() bool { return p.of != nil && p.view == Changes && p.changes.of != p.of.ID }

// Changed takes in what has changed in the message with an ID.
func (p *Pane) Changed(of int64, d Difference) {
	p.changes = answer[*Difference]{of, &d}
	if p.of != nil && p.of.ID == of && p.view == Changes {
		p.again()
	}
}
