package main

import (
	"crypto"
	"crypto/rsa"
	_ "crypto/sha1"
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"text/template"

	"github.com/go-jose/go-jose/v4"
	"software.sslmate.com/src/go-pkcs12"
)

func block(kind string, der []byte, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})), nil
}

func privateKey(text string) (any, error) {
	found, _ := pem.Decode([]byte(text))
	if found == nil {
		return nil, errors.New("no PEM")
	}
	if key, err := x509.ParsePKCS1PrivateKey(found.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS8PrivateKey(found.Bytes); err == nil {
		return key, nil
	}
	return x509.ParseECPrivateKey(found.Bytes)
}

func certificates(text string) ([]*x509.Certificate, error) {
	var found []*x509.Certificate
	for rest := []byte(text); len(rest) > 0; {
		var next *pem.Block
		if next, rest = pem.Decode(rest); next == nil {
			break
		}
		parsed, err := x509.ParseCertificate(next.Bytes)
		if err != nil {
			return nil, err
		}
		found = append(found, parsed)
	}
	if len(found) == 0 {
		return nil, errors.New("no PEM")
	}
	return found, nil
}

func keyIn(password, data string) (string, error) {
	key, _, _, err := pkcs12.DecodeChain([]byte(data), password)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return block("PRIVATE KEY", der, err)
}

func certificatesIn(password, data string) (string, error) {
	_, own, others, err := pkcs12.DecodeChain([]byte(data), password)
	if err != nil {
		return "", err
	}
	text := ""
	for _, each := range append([]*x509.Certificate{own}, others...) {
		next, _ := block("CERTIFICATE", each.Raw, nil)
		text += next
	}
	return text, nil
}

func made(first bool) func(text, key, password string) (string, error) {
	return func(text, key, password string) (string, error) {
		chain, err := certificates(text)
		if err != nil {
			return "", err
		}
		if first {
			chain = chain[:1]
		}
		opened, err := privateKey(key)
		if err != nil {
			return "", err
		}
		data, err := pkcs12.Modern.Encode(opened, chain[0], chain[1:], password)
		return base64.StdEncoding.EncodeToString(data), err
	}
}

func trustStore(text, password string) (string, error) {
	chain, err := certificates(text)
	if err != nil {
		return "", err
	}
	data, err := pkcs12.Modern.EncodeTrustStore(chain, password)
	return base64.StdEncoding.EncodeToString(data), err
}

// What a trust store holds, to look at what we made.
func trustedIn(password, data string) (int, error) {
	found, err := pkcs12.DecodeTrustStore([]byte(data), password)
	return len(found), err
}

func ofJwk(text string, public bool) (string, error) {
	var key jose.JSONWebKey
	if err := key.UnmarshalJSON([]byte(text)); err != nil {
		return "", err
	}
	if public {
		der, err := x509.MarshalPKIXPublicKey(key.Key)
		return block("PUBLIC KEY", der, err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key.Key)
	return block("PRIVATE KEY", der, err)
}

func rsaDecrypt(scheme, hash, data, key string) (string, error) {
	if scheme == "None" {
		return data, nil
	}
	if scheme != "RSA-OAEP" {
		return "", errors.New("scheme")
	}
	opened, err := privateKey(key)
	if err != nil {
		return "", err
	}
	found, is := opened.(*rsa.PrivateKey)
	if !is {
		return "", errors.New("not RSA")
	}
	used := crypto.SHA256
	switch hash {
	case "SHA1":
		used = crypto.SHA1
	case "SHA512":
		used = crypto.SHA512
	}
	plain, err := rsa.DecryptOAEP(used.New(), nil, found, []byte(data), nil)
	return string(plain), err
}

// The operator's own, over the libraries that it uses for PKCS #12; JWK by another library of the same RFC.
func keyFunctions() template.FuncMap {
	without := func(with func(password, data string) (string, error)) func(string) (string, error) {
		return func(data string) (string, error) { return with("", data) }
	}
	unprotected := func(with func(text, key, password string) (string, error)) func(string, string) (string, error) {
		return func(text, key string) (string, error) { return with(text, key, "") }
	}
	return template.FuncMap{
		"pkcs12key":                 without(keyIn),
		"pkcs12keyPass":             keyIn,
		"pkcs12cert":                without(certificatesIn),
		"pkcs12certPass":            certificatesIn,
		"pemToPkcs12":               unprotected(made(true)),
		"pemToPkcs12Pass":           made(true),
		"fullPemToPkcs12":           unprotected(made(false)),
		"fullPemToPkcs12Pass":       made(false),
		"pemTruststoreToPKCS12":     func(text string) (string, error) { return trustStore(text, "") },
		"pemTruststoreToPKCS12Pass": trustStore,
		"trustedIn":                 trustedIn,
		"jwkPublicKeyPem":           func(text string) (string, error) { return ofJwk(text, true) },
		"jwkPrivateKeyPem":          func(text string) (string, error) { return ofJwk(text, false) },
		"rsaDecrypt":                rsaDecrypt,
	}
}
