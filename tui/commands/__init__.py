"""What staff do: which boxes open, what is done with their answers, and how keys and the line lead there."""
