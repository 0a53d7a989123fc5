package idl

import (
	"fmt"
	"strconv"
	"strings"
)

// parseDefault parses the default of a field of any shape but a message.
func parseDefault(t Type, text string) (any, error) {
	switch {
	case t.Kind == Nested:
		return nil, fmt.Errorf("a message field has no default")
	case t.Shape == Single:
		return parseValue(t, text)
	case !strings.HasPrefix(text, "[") || !strings.HasSuffix(text, "]"):
		return nil, fmt.Errorf("default %q of an array has no brackets", text)
	}
	parts, err := splitElements(text[1:len(text)-1], t.Kind)
	if err != nil {
		return nil, err
	}
	if t.Shape == Array && len(parts) != t.Size {
		return nil, fmt.Errorf("default has %d elements, the array %d", len(parts), t.Size)
	}
	if t.Size > 0 && len(parts) > t.Size {
		return nil, fmt.Errorf("default has %d elements, limit %d", len(parts), t.Size)
	}
	values := make([]any, len(parts))
	for i, part := range parts {
		if values[i], err = parseValue(t, part); err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return values, nil
}

// splitElements splits at commas; those inside a quoted string do not count.
func splitElements(text string, kind Kind) ([]string, error) {
	var parts []string
	quote, start := byte(0), 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote != 0 && c == '\\':
			i++
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (kind == String || kind == WString) && (c == '"' || c == '\''):
			quote = c
		case quote == 0 && c == ',':
			parts = append(parts, strings.TrimSpace(text[start:i]))
			start = i + 1
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("default [%s] has a quote without end", text)
	}
	if last := strings.TrimSpace(text[start:]); last != "" || len(parts) > 0 {
		parts = append(parts, last)
	}
	return parts, nil
}

// parseValue parses a single value of t's kind; the result is as Field.Default.
func parseValue(t Type, text string) (any, error) {
	switch t.Kind {
	case Bool:
		switch strings.ToLower(text) {
		case "true", "1":
			return true, nil
		case "false", "0":
			return false, nil
		}
		return nil, fmt.Errorf("%q is no bool: want true or false", text)
	case Float32, Float64:
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is no %s", text, t.Kind)
		}
		return v, nil
	case String, WString:
		return parseText(t, text)
	case Int8, Int16, Int32, Int64:
		v, err := parseInt(text, 8*t.Kind.Size())
		if err != nil {
			return nil, fmt.Errorf("%q is no %s", text, t.Kind)
		}
		return v, nil
	}
	v, err := parseUint(text, 8*t.Kind.Size())
	if err != nil {
		return nil, fmt.Errorf("%q is no %s", text, t.Kind)
	}
	return v, nil
}

// parseInt takes decimal first, so that "010" is ten, then 0x, 0o and 0b.
func parseInt(text string, bits int) (int64, error) {
	v, err := strconv.ParseInt(text, 10, bits)
	if err != nil {
		v, err = strconv.ParseInt(text, 0, bits)
	}
	return v, err
}

func parseUint(text string, bits int) (uint64, error) {
	text = strings.TrimPrefix(text, "+")
	v, err := strconv.ParseUint(text, 10, bits)
	if err != nil {
		v, err = strconv.ParseUint(text, 0, bits)
	}
	return v, err
}

// parseText strips a pair of quotes and undoes the escapes of that quote.
func parseText(t Type, text string) (string, error) {
	for _, quote := range []string{`"`, `'`} {
		if len(text) < 2 || !strings.HasPrefix(text, quote) || !strings.HasSuffix(text, quote) {
			continue
		}
		inner := text[1 : len(text)-1]
		unescaped := strings.ReplaceAll(inner, `\`+quote, "")
		if strings.Contains(unescaped, quote) {
			return "", fmt.Errorf("%s has a quote inside that is not escaped", text)
		}
		text = strings.ReplaceAll(inner, `\`+quote, quote)
		break
	}
	if t.TextBound > 0 && len(text) > t.TextBound {
		return "", fmt.Errorf("%q has %d bytes, limit %d", text, len(text), t.TextBound)
	}
	return text, nil
}

// validFieldName: lower case words joined by single underscores; packages too.
func validFieldName(s string) bool {
	return s != "" && isLower(s[0]) && !strings.HasSuffix(s, "_") && !strings.Contains(s, "__") &&
		all(s, func(c byte) bool { return isLower(c) || isDigit(c) || c == '_' })
}

func validMessageName(s string) bool {
	return s != "" && isUpper(s[0]) &&
		all(s, func(c byte) bool { return isLower(c) || isUpper(c) || isDigit(c) })
}

func validConstantName(s string) bool {
	return s != "" && isUpper(s[0]) && !strings.HasSuffix(s, "_") && !strings.Contains(s, "__") &&
		all(s, func(c byte) bool { return isUpper(c) || isDigit(c) || c == '_' })
}

func all(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }
