"""Files of the published code; imported only where such a file is given."""
