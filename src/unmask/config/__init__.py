"""From the words of a command line to objects: schema, validation and building."""
