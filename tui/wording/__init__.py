"""How things are called: plain words, times and money, in the screen's language."""
