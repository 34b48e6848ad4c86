"""The shop's rules, each said once: where an order stands and what comes next, when it is quiet, where somebody can be reached. Pure."""
