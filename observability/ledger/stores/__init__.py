"""Stores of the ledger: where are its rows? DuckDB, PostgreSQL or ClickHouse, named by a URL."""
