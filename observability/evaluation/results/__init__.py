"""Results: what was measured of each candidate, as a file that others read? Pure."""
