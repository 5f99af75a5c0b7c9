// Package tui shows the stream in a terminal: Run as a full screen to look and
// act in, Lines as one message a line for pipes and scripts. Both read one
// history.Store and do not know which.
//
// In the full screen a goroutine follows the store and hands over batches, the
// root model routes them in Update, and View paints only the rows that are
// seen. It knows terminals; it knows neither MQTT nor HTTP nor Kubernetes.
package tui
