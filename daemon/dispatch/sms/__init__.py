"""What text messages may cost, whatever channel or modem they go by: where to, how many parts, at what price, and what looks like fraud.

`tariff`, `spending` and `pumping` are pure; `guard` holds them together for the dispatcher. Where a text may go at all is in
`daemon.planner.rules.destination`: planning asks that too.
"""
