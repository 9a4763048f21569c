"""The command `switchgear`: every service, report and operator's tool under one name.

May import every package below it; a command imports what it needs when it runs, so that
`switchgear --help` is quick and `switchgear router` loads no worker.
"""
