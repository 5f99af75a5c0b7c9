package manifests

// EachMounted calls f with each Secret and ConfigMap among the volumes of an object,
// wherever its pods are described.
func EachMounted(value any, f func(kind, name string)) {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			if source, ok := inner.(map[string]any); ok {
				switch key {
				case "secret":
					for _, field := range []string{"secretName", "name"} { // of a volume, of a projected one
						if name, ok := source[field].(string); ok {
							f("Secret", name)
						}
					}
				case "configMap":
					if name, ok := source["name"].(string); ok {
						f("ConfigMap", name)
					}
				}
			}
			EachMounted(inner, f)
		}
	case []any:
		for _, inner := range v {
			EachMounted(inner, f)
		}
	}
}
