"""The page of headquarters: server-rendered, a little script of ours, nothing from outside. `frame` is what all pages share; each page is a
file of its own, with a template, a catalogue of words and a line in `pages.py`."""
