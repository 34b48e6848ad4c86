"""What the HTTP face, the command line and the screen say to each other: a leaf that imports nothing else of ours."""
