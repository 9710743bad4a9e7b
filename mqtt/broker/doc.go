// Package broker owns the MQTT broker inside the process.
package broker
