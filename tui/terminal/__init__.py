"""This terminal: its clock, its signs and colours, its printer, what it was set to, and what Textual needs beside."""
