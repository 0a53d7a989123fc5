package dds

/*
#include <stdlib.h>
#include "bridge.h"
*/
import "C"

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unsafe"
)

// Security names an enclave in a keystore as `ros2 security` makes it (SROS 2):
// KEYSTORE/enclaves/ENCLAVE/ with six files, and crl.pem where certificates were
// revoked.
type Security struct {
	Keystore string // a directory
	Enclave  string // "/muster"
}

// enclaveFiles are what an enclave holds, by the property that names it (DDS
// Security 1.1, §§ 9.3.1, 9.4.1; the file names are SROS 2's).
var enclaveFiles = []struct{ property, name string }{
	{"dds.sec.auth.identity_ca", "identity_ca.cert.pem"},
	{"dds.sec.auth.identity_certificate", "cert.pem"},
	{"dds.sec.auth.private_key", "key.pem"},
	{"dds.sec.access.permissions_ca", "permissions_ca.cert.pem"},
	{"dds.sec.access.governance", "governance.p7s"},
	{"dds.sec.access.permissions", "permissions.p7s"},
}

// revocations is the file of an enclave that need not be there, and its property.
var revocations = struct{ property, name string }{"org.eclipse.cyclonedds.sec.auth.crl", "crl.pem"}

// plugins are Cyclone's implementations of DDS Security.
var plugins = []struct{ kind, library, initialize, finalize string }{
	{"auth", "libdds_security_auth.so", "init_authentication", "finalize_authentication"},
	{"access", "libdds_security_ac.so", "init_access_control", "finalize_access_control"},
	{"crypto", "libdds_security_crypto.so", "init_crypto", "finalize_crypto"},
}

// properties are the participant's properties that Cyclone wants. A file that
// cannot be read is an error that names it: Cyclone's own would not.
func (s Security) properties() (map[string]string, error) {
	if !strings.HasPrefix(s.Enclave, "/") || filepath.Clean(s.Enclave) != s.Enclave {
		return nil, fmt.Errorf("enclave %q: its name must begin with / and stay below it", s.Enclave)
	}
	keystore, err := filepath.Abs(s.Keystore)
	if err != nil {
		return nil, fmt.Errorf("keystore %s: %w", s.Keystore, err)
	}
	properties := make(map[string]string)
	for _, f := range append(enclaveFiles, revocations) {
		path := filepath.Join(keystore, "enclaves", s.Enclave, f.name)
		content, err := os.ReadFile(path)
		if f == revocations && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("enclave %s: read %s: %w", s.Enclave, f.name, err)
		}
		if err := timely(content, time.Now()); err != nil {
			return nil, fmt.Errorf("enclave %s: %s %w", s.Enclave, f.name, err)
		}
		properties[f.property] = "file:" + path
	}
	dir, err := pluginDir()
	if err != nil {
		return nil, err
	}
	for _, p := range plugins {
		properties["dds.sec."+p.kind+".library.path"] = filepath.Join(dir, p.library)
		properties["dds.sec."+p.kind+".library.init"] = p.initialize
		properties["dds.sec."+p.kind+".library.finalize"] = p.finalize
	}
	return properties, nil
}

// timely says when a certificate, or a list of revoked ones, is not valid now.
// What it cannot read is left to Cyclone.
func timely(content []byte, now time.Time) error {
	block, _ := pem.Decode(content)
	if block == nil {
		return nil
	}
	var from, until time.Time
	if c, err := x509.ParseCertificate(block.Bytes); err == nil {
		from, until = c.NotBefore, c.NotAfter
	} else if l, err := x509.ParseRevocationList(block.Bytes); err == nil {
		from, until = l.ThisUpdate, l.NextUpdate
	}
	switch {
	case now.Before(from):
		return fmt.Errorf("is valid only from %s on", from.UTC().Format(time.RFC3339))
	case !until.IsZero() && now.After(until):
		return fmt.Errorf("has expired on %s", until.UTC().Format(time.RFC3339))
	}
	return nil
}

// pluginDir is where the plugins lie: beside Cyclone's library, or in Debian's
// directory there.
func pluginDir() (string, error) {
	beside := filepath.Dir(C.GoString(C.cyclone_path()))
	for _, dir := range []string{filepath.Join(beside, "libddsc0debian"), beside} {
		if _, err := os.Stat(filepath.Join(dir, plugins[0].library)); err == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("find Cyclone's security plugins: no %s in %s", plugins[0].library, beside)
}

// secure gives a participant's QoS the properties.
func secure(qos *C.dds_qos_t, properties map[string]string) {
	for name, value := range properties {
		n, v := C.CString(name), C.CString(value)
		C.dds_qset_prop(qos, n, v)
		C.free(unsafe.Pointer(n))
		C.free(unsafe.Pointer(v))
	}
}
