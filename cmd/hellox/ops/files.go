package ops

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hellox/smallfile"
)

// AddCABundle registers hellox_ca_bundle_info, whose label sha256 is the hash of
// the CA certificates that the next connection will trust: a renewal waits until
// each role reports the new ones. Without a path it does nothing.
func AddCABundle(r prometheus.Registerer, path string) {
	addHash(r, "hellox_ca_bundle_info", "Hash of the file of CA certificates (--ca), as it is now.", path, func([]byte) float64 { return 1 })
}

// AddPodKeys registers hellox_pod_keys_info, whose label sha256 is the hash of the keys
// by which a broker knows pods: a running hellox up sees that it has read new ones, which
// is some seconds after their file has come. Where hash returns "" it tells nothing.
func AddPodKeys(r prometheus.Registerer, hash func() string) {
	r.MustRegister(newHashCollector("hellox_pod_keys_info", "Hash of the file of the cluster's keys (--pods) that is in force.",
		func() (string, float64) { return hash(), 1 }))
}

// AddCertificate registers hellox_certificate_expiry_seconds, the Unix time at
// which the certificate of a role's listeners ends; its label sha256 is the hash of
// the file. Without a path it does nothing.
func AddCertificate(r prometheus.Registerer, path string) {
	addHash(r, "hellox_certificate_expiry_seconds", "Unix time at which the certificate (--tls-cert) ends, and the file's hash.", path,
		func(text []byte) float64 { return float64(expiry(text).Unix()) })
}

// addHash registers a metric of a file as it is when it is asked. Of one that cannot be
// read it tells nothing; without a path there is no metric.
func addHash(r prometheus.Registerer, name, help, path string, value func(text []byte) float64) {
	if path == "" {
		return
	}
	r.MustRegister(newHashCollector(name, help, func() (string, float64) {
		text, err := smallfile.Read(path)
		if err != nil {
			return "", 0
		}
		sum := sha256.Sum256(text)
		return hex.EncodeToString(sum[:]), value(text)
	}))
}

// AddInForce registers hellox_file_in_force for the files of these flags: 0 while a file is
// wrong and what it said before is in force.
func AddInForce(r prometheus.Registerer, flags []string, inForce func(flag string) bool) {
	for _, flag := range flags {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "hellox_file_in_force", Help: "1 while what the file of a flag says is in force, 0 while it is wrong and what it said before is.",
			ConstLabels: prometheus.Labels{"flag": flag},
		}, func() float64 {
			if inForce(flag) {
				return 1
			}
			return 0
		}))
	}
}

// expiry returns when the first certificate of a PEM file ends, or 1970.
func expiry(text []byte) time.Time {
	block, _ := pem.Decode(text)
	if block == nil {
		return time.Unix(0, 0)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Unix(0, 0)
	}
	return c.NotAfter
}

// A hashCollector tells what of returns: a value, and as the label sha256 a hash, or
// nothing without one.
type hashCollector struct {
	desc *prometheus.Desc
	of   func() (hash string, value float64)
}

func newHashCollector(name, help string, of func() (string, float64)) hashCollector {
	return hashCollector{prometheus.NewDesc(name, help, []string{"sha256"}, nil), of}
}

func (c hashCollector) Describe(out chan<- *prometheus.Desc) { out <- c.desc }

func (c hashCollector) Collect(out chan<- prometheus.Metric) {
	if hash, value := c.of(); hash != "" {
		out <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, value, hash)
	}
}
