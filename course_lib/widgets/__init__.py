"""widgets: explorers for lessons, each of which takes the reader's own arrays as well."""
