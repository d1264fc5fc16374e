"""An artifact, told to people."""
