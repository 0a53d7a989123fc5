package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// override sets every scalar key, and every list of texts, from its variable:
// etcd.lease_ttl is MUSTER_ETCD_LEASE_TTL, auth.origins is MUSTER_AUTH_ORIGINS
// with commas. A MUSTER_ variable that names no key is an error, so that a
// misspelt one is not silently nothing. MUSTER_SERVER and MUSTER_TOKEN_FILE
// belong to the client commands, MUSTER_CONFIG to serve.
func (e environment) override(c *Config) error {
	known := map[string]bool{"MUSTER_SERVER": true, "MUSTER_TOKEN_FILE": true, "MUSTER_CONFIG": true}
	if err := e.walk("MUSTER", reflect.ValueOf(c).Elem(), known); err != nil {
		return err
	}
	for _, kv := range e {
		name, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, "MUSTER_") && !known[name] && !strings.HasPrefix(name, "MUSTER_E2E_") {
			return fmt.Errorf("environment: %s names no key of the configuration", name)
		}
	}
	return nil
}

func (e environment) walk(prefix string, v reflect.Value, known map[string]bool) error {
	for i := range v.NumField() {
		name := prefix + "_" + strings.ToUpper(v.Type().Field(i).Tag.Get("yaml"))
		f := v.Field(i)
		if f.Kind() == reflect.Struct {
			if err := e.walk(name, f, known); err != nil {
				return err
			}
			continue
		}
		if f.Kind() == reflect.Slice && f.Type().Elem().Kind() != reflect.String {
			continue // lists of things come from the file only
		}
		known[name] = true
		text := e.get(name)
		if text == "" {
			continue
		}
		if err := set(f, text); err != nil {
			return fmt.Errorf("environment: %s: %w", name, err)
		}
	}
	return nil
}

func set(f reflect.Value, text string) error {
	switch {
	case f.Type() == reflect.TypeFor[time.Duration]():
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q: want a number with a unit, like \"5s\"", text)
		}
		f.SetInt(int64(d))
	case f.Kind() == reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%q is not a number", text)
		}
		f.SetInt(int64(n))
	case f.Kind() == reflect.Float64:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("%q is not a number", text)
		}
		f.SetFloat(x)
	case f.Kind() == reflect.Slice:
		var list []string
		for item := range strings.SplitSeq(text, ",") {
			list = append(list, strings.TrimSpace(item))
		}
		f.Set(reflect.ValueOf(list))
	default:
		f.SetString(text)
	}
	return nil
}
