"""Live page: what happens now? Imports the ledger's columns, metrics and pricing."""
