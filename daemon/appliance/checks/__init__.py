"""What `tether doctor` looks at, one file a subject. A check changes nothing unless it was asked to mend."""
