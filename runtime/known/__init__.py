"""Model catalogue: which models and providers are known without being told?

Two tables of facts with sources and dates, and the expansion that fills a short line of
`switchgear.yaml` from them. `tables` reads the files of this package; `expansion` is pure. Imports
nothing of ours.
"""
